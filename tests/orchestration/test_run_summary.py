"""What a run ends with on a terminal: counts in good English, and where the report is."""

from pathlib import Path

import pytest

from assets.summary import Summary
from orchestration.cli_runs import _short


def summary(**counts):
    nothing = dict.fromkeys(("products", "photos", "photos_quarantined", "cutouts_doubtful", "renders_total", "rendered_now", "renders_refused",
                             "approved", "review", "rejected", "published", "refused_by_channels"), 0)  # fmt: skip
    return Summary(**{**nothing, "seconds": 3.2, "usd_per_approved": None, "numbers": {}, **counts})


def test_one_is_told_as_one():
    one = summary(products=1, photos_quarantined=1, renders_total=1, rendered_now=1, approved=1, published=1).line()
    assert one == "1 product, 1 photo quarantined, 1 render (1 now): 1 approved, 0 review, 0 rejected; 1 image published; 3 s"
    assert summary(products=2).line().startswith("2 products, 0 photos quarantined, 0 renders (0 now): ")


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("{here}/out/report.html", "out/report.html"),
        ("{above}/elsewhere/report.html", "{above}/elsewhere/report.html"),
        ("s3://shop/report.html", "s3://shop/report.html"),
    ],
)
def test_the_report_is_told_from_here_on_or_in_full(tmp_path, monkeypatch, address, told):
    """A project elsewhere was told as ../../../../srv/shops/out/report.html."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    names = {"here": Path.cwd(), "above": Path.cwd().parent}
    assert _short(address.format(**names)) == told.format(**names)
