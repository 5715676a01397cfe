"""Which products a pilot chooses."""

import pytest

from resources.catalog_settings import PilotSettings
from resources.pilot import pilot_skus

CATALOG = {f"SKU-{n}": ("mugs", "bags")[n % 2] for n in range(1000)}


def test_without_a_pilot_everything_is_inside():
    assert pilot_skus(None, CATALOG) == CATALOG.keys()


def test_a_sample_has_its_size_and_is_the_same_every_time():
    sample = pilot_skus(PilotSettings(sample=200), CATALOG)
    assert len(sample) == 200
    assert sample == pilot_skus(PilotSettings(sample=200), dict(reversed(CATALOG.items())))


def test_growth_of_the_catalog_replaces_few_products_of_a_sample():
    """A tenth more products may push out about a tenth of the sample; drawing anew would replace four fifths of it."""
    grown = CATALOG | {f"NEW-{n}": "mugs" for n in range(100)}
    before, after = pilot_skus(PilotSettings(sample=200), CATALOG), pilot_skus(PilotSettings(sample=200), grown)
    assert {sku for sku in after - before if not sku.startswith("NEW")} == set()
    assert len(before & after) >= 160


def test_a_sample_of_chosen_categories_holds_no_others():
    sample = pilot_skus(PilotSettings(categories=("bags",), sample=10), CATALOG)
    assert len(sample) == 10
    assert {CATALOG[sku] for sku in sample} == {"bags"}


def test_a_pilot_that_limits_nothing_is_an_error():
    with pytest.raises(ValueError, match="give `categories`, `sample` or both"):
        PilotSettings()
