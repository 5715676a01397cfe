"""Misspelt names in `vitrine.yaml`: the message says what is allowed at that very place."""

import pytest

from catalog.errors import SettingsError
from resources.settings import read_settings


@pytest.mark.parametrize(
    ("text", "place", "allowed"),
    [
        ("budgets: {day: 4}", "budgets.day", "campaign_usd, category_day_usd, day_usd, tier_day_usd"),
        ("store: {kind: s3, bucket: abc, buckt: x}", "store.s3.buckt", "bucket, cache_gb, endpoint, kind, prefix, region"),
        ("costs: {tiers: {express: {usd_per_hour: 1, usd: 3}}}", "costs.tiers.express.usd", "cpu_usd_per_hour, usd_per_hour"),
    ],
)
def test_a_misspelt_name_inside_a_section_is_told_with_those_that_are_allowed_there(tmp_path, text, place, allowed):
    (tmp_path / "vitrine.yaml").write_text(text)
    with pytest.raises(SettingsError, match=rf"{place}: unknown name \(misspelt\?\)\. Allowed here: {allowed}\."):
        read_settings(tmp_path)
