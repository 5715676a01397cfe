"""Which products the demo catalog photographs, and how: SKU, builder, shot. Geometry is in one file per category."""

from collections.abc import Callable
from dataclasses import dataclass

from demo.make import bags, drinkware, lighting, seating
from demo.make.studio import Shot

NEAR_WHITE, WARM, GRAY = "#f4f4f2", "#efe8dd", "#e4e4e3"


@dataclass(frozen=True, kw_only=True)
class Photo:
    """One photograph of a product: file name without .jpg, builder, shot, size."""

    name: str
    build: Callable[[], None] | None
    shot: Shot
    size_px: int = 1024


def photo(name: str, build: Callable[[], None], size_px: int = 1024, **shot) -> Photo:
    """A photo from shot settings given by name."""
    return Photo(name=name, build=build, shot=Shot(**shot), size_px=size_px)


PHOTOS: tuple[Photo, ...] = (
    photo("DRK-001", drinkware.dune_mug, turn_deg=-18),
    photo("DRK-002", drinkware.harbor_tumbler, turn_deg=-20, backdrop=NEAR_WHITE, fill=0.76),
    photo("DRK-003", drinkware.fjord_carafe, backdrop=WARM, fill=0.76),
    photo("DRK-004", drinkware.hinoki_teapot, turn_deg=-14, fill=0.74),
    photo("DRK-005", drinkware.pico_espresso, turn_deg=-24, raise_deg=16, fill=0.72),
    photo("DRK-006", drinkware.trail_bottle, turn_deg=-8, fill=0.78),
    photo("DRK-007", drinkware.marina_pitcher, turn_deg=12, fill=0.74, size_px=1280),
    photo("DRK-008", drinkware.ember_mule, turn_deg=-20, backdrop=GRAY),
    photo("LGT-001", lighting.sol_table_lamp, fill=0.78),
    photo("LGT-002", lighting.morel_lamp, fill=0.74),
    photo("LGT-003", lighting.quill_desk_lamp, turn_deg=-8, fill=0.80, size_px=1280),
    photo("LGT-004", lighting.wick_lantern, turn_deg=24, fill=0.76),
    photo("LGT-005", lighting.gourd_lamp, backdrop=GRAY, fill=0.78),
    photo("LGT-006", lighting.trellis_floor_lamp, turn_deg=12, fill=0.82),
    photo("LGT-007", lighting.halo_globe, fill=0.72),
    photo("LGT-008", lighting.weaver_lamp, backdrop=NEAR_WHITE, fill=0.76),
    photo("BAG-001", bags.market_tote, turn_deg=-16, fill=0.78),
    photo("BAG-002", bags.ridge_backpack, turn_deg=-20, fill=0.80),
    photo("BAG-003", bags.luna_crossbody, turn_deg=-8, fill=0.78),
    photo("BAG-004", bags.weekend_duffel, turn_deg=-18, fill=0.80, size_px=1280),
    photo("BAG-005", bags.drift_bucket, turn_deg=-10, fill=0.78),
    photo("BAG-006", bags.folio_clutch, turn_deg=-16, fill=0.74),
    photo("BAG-007", bags.harvest_basket, turn_deg=-14, backdrop=NEAR_WHITE, fill=0.78),
    photo("BAG-008", bags.petite_handle, turn_deg=-18, backdrop=WARM, fill=0.74),
    photo("SEA-001", seating.alder_chair, turn_deg=-32, fill=0.80),
    photo("SEA-002", seating.perch_stool, turn_deg=-18, fill=0.80),
    photo("SEA-003", seating.cove_armchair, turn_deg=-26, fill=0.78, size_px=1280),
    photo("SEA-004", seating.plank_bench, turn_deg=-26, fill=0.82),
    photo("SEA-005", seating.pebble_pouf, fill=0.66),
    photo("SEA-006", seating.grove_sofa, turn_deg=-18, fill=0.86),
    photo("SEA-007", seating.petal_chair, turn_deg=-30, backdrop=GRAY, fill=0.80),
    photo("SEA-008", seating.milking_stool, turn_deg=-10, raise_deg=14, fill=0.74),
)
"""The good photographs, in catalog order."""
