"""Products worn or held by synthetic people, drawn by an edit model from a picture of the product.

Everything in the picture is drawn, the product too: its pixels are not locked, the gate measures how far it was kept, and a person looks.
Who is drawn is synthetic_people.py, how products are worn worn_products.py.
"""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from catalog.errors import RenderError
from generation.kind import Composed, Job, Kind, RenderSource, Source, Wish
from generation.plate_requests import PlateRequest
from generation.synthetic_people import HOW_OFTEN, PeopleParams, Weights, described, in_turn, person_for, qualities
from generation.worn_products import WORN, View, garment_of
from generation.worn_words import GarmentClass
from imaging.composite import composite
from imaging.placing import fit_centered, place

Uint8 = npt.NDArray[np.uint8]

Pose = Literal["standing", "walking", "leaning", "seated"]
POSES: dict[str, str] = {
    "standing": "standing relaxed",
    "walking": "walking slowly towards the camera",
    "leaning": "leaning lightly against a wall",
    "seated": "seated on a plain stool",
}
VIEWS: dict[str, str] = {
    "front": "Seen from the front, facing the camera, the whole product visible and uncovered by hair, arms or hands",
    "side": "Seen from the side, in profile, the product's side visible and uncovered by hair, arms or hands",
    "back": "Seen from behind, the face turned away, the back of the product whole and uncovered by hair, arms or hands, as the picture shows it",
    "three_quarter": "Seen from the front turned by forty-five degrees, the whole product visible and uncovered by hair, arms or hands",
}
NEUTRAL = 214
"""Gray level behind the product in the picture that the model goes by: white and black products stand out from it, and it tints nothing."""
REFERENCE_FILL_PCT = 88.0
WHOLE_PCT = 80.0
"""Where the product is placed for the gate, which looks for it in the picture: in the middle, whole."""


class OnModelParams(PeopleParams):
    """Who is drawn, how and where."""

    garments: dict[str, GarmentClass] = Field(default={}, description="Class of a category's products where names do not tell it.")
    views: tuple[View, ...] = Field(
        default=("front", "three_quarter", "back", "detail"),
        min_length=1,
        description="Taken in turn; each person is shown in all before the next one is; back where the product has a photo of its back, and left out "
        "elsewhere.",
    )
    poses: Weights[Pose] = Field(default={"standing": 2, "walking": 1}, description=f"Poses, {HOW_OFTEN}.")
    setting: str = Field(
        default="a plain light gray photo studio, soft even light", min_length=3, max_length=200, description="Where, in words."
    )
    reference_px: int = Field(default=1024, ge=64, le=2048, description="Side of the picture of the product that the model goes by.")


def reference_picture(foreground_HW3: Uint8, alpha_HW: Uint8, side_px: int) -> Uint8:
    """The product alone on neutral gray, uint8 (side, side, 3): what the model is to keep."""
    fit = fit_centered(alpha_HW, frame_width_px=side_px, frame_height_px=side_px, fill_pct=REFERENCE_FILL_PCT)
    rgb, alpha = place(foreground_HW3, alpha_HW, fit)
    return composite(rgb, alpha, np.full((side_px, side_px, 3), NEUTRAL, np.uint8))


def prompt_for(garment: GarmentClass, view: View, person: dict[str, str], pose: str, setting: str) -> str:
    """What the model is told: who, wearing what, how it is framed, where."""
    worn = WORN[garment]
    whole = f"{VIEWS.get(view, '')}. The picture shows the person {worn.frame}, {POSES[pose]}, with {worn.beside}"
    framed = f"Close view of {worn.detail}, sharp" if view == "detail" else whole
    return (
        f"Catalog photograph of {described(person)}, {worn.how} exactly the {worn.noun} of the picture: the same color, pattern, material, cut, "
        f"logos and details, nothing added and nothing left out. {framed}. {setting[0].upper()}{setting[1:]}. "
        "Natural proportions, natural hands, no text."
    )


def _resolve(wish: Wish, params: dict[str, Any]) -> dict[str, Any]:
    garment = garment_of(wish.product, params.pop("garments"), wish.recipe.name)
    people, views, poses = qualities(params), _views(wish, params.pop("views")), params.pop("poses")
    for name in people:
        del params[name]
    number, sku = wish.index // len(views), wish.product.sku
    person, view = person_for(people, sku, number), views[wish.index % len(views)]
    return {
        **({"back": wish.further["back"].as_dict()} if view == "back" else {}),
        "garment": garment,
        "view": view,
        "person": person,
        "prompt": prompt_for(garment, view, person, in_turn(poses, number), params.pop("setting")),
    }


def _views(wish: Wish, asked: tuple[View, ...]) -> tuple[View, ...]:
    """The views that a product can be shown in. Raises RenderError where only its back is asked for, and nobody photographed it."""
    back = wish.further.get("back")
    has_back = back is not None and bool(back.cutout_digest)
    views = tuple(view for view in asked if view != "back" or has_back)
    if not views:
        why = f"its photo of the back was refused: {', '.join(back.refused)}" if back else "it has no photo of its back"
        raise RenderError(
            f"Recipe '{wish.recipe.name}' is to show product {wish.product.sku} from behind alone, and {why}. Add one to its photos whose name ends in "
            "`-back`, or ask for another of `views`."
        )
    return views


def _shown(resolved: dict[str, Any], source: RenderSource) -> tuple[Uint8, Uint8]:
    """Colors and alpha of the product from the side that a view shows."""
    if "back" in resolved:
        return source.further_cutout(resolved["back"]["cutout"])
    return source.foreground_HW3, source.alpha_HW


def _plate(resolved: dict[str, Any], seed: int, source: Source) -> PlateRequest:
    shown = reference_picture(*_shown(resolved, source()), resolved["params"]["reference_px"])
    return PlateRequest(
        prompt=resolved["prompt"], seed=seed, references=(shown,), width_px=resolved["width_px"], height_px=resolved["height_px"]
    )


def compose_on_model(job: Job) -> Composed:
    """What the model drew, as it is. Raises RenderError where it is of another size than was asked for."""
    plate_HW3, (width, height) = job.plate_HW3, job.size_px
    assert plate_HW3 is not None, "an on-model picture is drawn"
    if plate_HW3.shape != (height, width, 3):
        raise RenderError(
            f"Recipe '{job.name}' asked for {width} x {height} px and got {plate_HW3.shape[1]} x {plate_HW3.shape[0]}: it is not scaled, for that "
            "would show more than was drawn."
        )
    _, alpha_HW = _shown(job.resolved, job.source)
    placement = fit_centered(alpha_HW, frame_width_px=width, frame_height_px=height, fill_pct=WHOLE_PCT)
    told = {name: job.resolved[name] for name in ("prompt", "garment", "view", "person")}
    return plate_HW3, placement, {"background": "scene", "synthetic_performer": True, **told}


ON_MODEL = Kind(
    params=OnModelParams,
    compose=compose_on_model,
    resolve=_resolve,
    plate=_plate,
    edits=True,
    changes_product=True,
    shows_person=True,
    for_some=True,
    photos=frozenset({"back"}),
    of_style=frozenset(),
    of_kit=frozenset(),
)
