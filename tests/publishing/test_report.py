"""The catalog report: numbers, reasons, filters and pictures on one page that asks the network for nothing."""

import base64
import hashlib
import re
from dataclasses import replace

import pytest

from catalog.verdict import Reason, Verdict
from publishing.charts import validation_curve, verdict_bar
from publishing.report import catalog_report_html, write_report
from publishing.report_data import (
    CategoryReport,
    Counts,
    CoverageCell,
    CoverageRow,
    CurvePoint,
    LoraReport,
    QuarantinedPhoto,
    RecipeTally,
    RenderCard,
    ReportData,
)
from publishing.thumbnails import ThumbnailFolder
from publishing.wording import bound, duration, number, usd
from tests.publishing.page_check import Page
from tests.publishing.shop import pixels

MARGIN = Reason(code="margin_low", message="The product touches the edge of the frame", measured=2.134, required=">= 4 %")
FLAT = Reason(code="scene_flat", message="The scene has little contrast", measured=None, required=">= 0.15", severity="warning")
EVIL = "</script><script>alert('x')</script><b onmouseover=alert(1)>"


def card(thumbnails, seed, verdict, reasons=(), *, title="Brass lamp", recipe="staged_scene", index=0):
    return RenderCard(
        sku="LMP-1",
        product_title=title,
        recipe=recipe,
        recipe_title="Staged scene",
        index=index,
        verdict=verdict,
        reasons=tuple(reasons),
        thumbnail=thumbnails.add(f"render-{seed}", lambda: pixels(seed)),
    )


def summed_up(cards):
    tally = RecipeTally()
    for one in cards:
        tally.add(one.recipe, one.recipe_title, one.verdict, one.reasons)
    return tally.reports({"staged_scene": "diffusion", "recolor": "studio"})


def report_data(folder, title="Brass lamp"):
    thumbnails = ThumbnailFolder(folder)
    cards = (
        card(thumbnails, 1, Verdict.APPROVED, title=title),
        card(thumbnails, 2, Verdict.REVIEW, [FLAT], index=1),
        card(thumbnails, 3, Verdict.REJECTED, [MARGIN, FLAT], recipe="recolor"),
    )
    look = tuple(thumbnails.add(f"look-{n}", lambda n=n: pixels(n)) for n in range(3))
    rejected = CoverageCell(recipe="recolor", state="rejected", why=MARGIN.message)
    data = ReportData(
        title="Catalog report",
        brand="Northwind",
        made_at="2026-11-21 14:05 UTC",
        counts=Counts(
            products=2,
            photos=3,
            photos_quarantined=1,
            renders_total=3,
            rendered_now=0,
            approved=1,
            review=1,
            rejected=1,
            published=2,
            seconds=203,
            usd_per_approved=0.00214,
        ),
        categories=(CategoryReport(key="lighting", title="Lighting", products=2, approved=1, review=1, rejected=1, cards=cards),),
        quarantined=(
            QuarantinedPhoto(
                file_name="LMP-9.jpg", sku="LMP-9", product_title=title, reasons=(Reason(code="truncated", message="The file ends early"),)
            ),
        ),
        loras=(
            LoraReport(
                category="lighting",
                title="Lighting",
                trigger="vtr lighting",
                digest="3f" * 32,
                in_use=True,
                note="",
                training_pictures=20,
                steps=400,
                train_seconds=71,
                palette_nearer_pct=61.2,
                layout_nearer_pct=48.0,
                control_nearer_pct=-12.4,
                validation_curve=tuple(CurvePoint(step=50 * n, loss=0.3 / (n + 1)) for n in range(6)),
                look=look,
                before=look,
                after=look,
            ),
        ),
        recipes=summed_up(cards),
        coverage=(
            CoverageRow(
                sku="LMP-1", title=title, category="Lighting", cells=(CoverageCell(recipe="staged_scene", state="published"), rejected)
            ),
            CoverageRow(
                sku="LMP-2",
                title="Paper lamp",
                category="Lighting",
                cells=(CoverageCell(recipe="staged_scene", state="published"), CoverageCell(recipe="recolor", state="published")),
            ),
        ),
    )
    return data, thumbnails


def policy_of(path):
    return next(values["content"] for tag, values in Page(path).tags if values.get("http-equiv") == "Content-Security-Policy")


@pytest.fixture
def written(tmp_path):
    data, _ = report_data(tmp_path)
    write_report(data, tmp_path / "report.html")
    return tmp_path / "report.html"


def test_the_report_is_well_formed_and_every_link_leads_somewhere(written):
    page = Page(written)
    assert page.problems == []
    assert len(page.pictures) == 3 + 9 + 1
    assert all(picture["alt"].strip() for picture in page.pictures if not picture["src"].startswith("data:"))


def test_the_report_loads_nothing_from_elsewhere(written):
    text = written.read_text()
    assert not re.search(r"(src|href|url\()\s*=?\s*[\"']?(https?:)?//", text)
    assert policy_of(written).startswith("default-src 'none'; img-src 'self' file: data:;")


def test_headline_numbers_are_on_the_page(written):
    text = " ".join(Page(written).text.split())
    for said in (
        "1 of 3 renders approved",
        "33 % of renders",
        "of 3 photos",
        "3.4 min",
        "$2.14",
        "per 1,000 approved images",
        "2 files published",
    ):
        assert said in text
    assert "Waiting for you: 1 render to look at, 1 photo to replace and 1 product without a picture of every recipe." in text


def test_what_was_measured_and_required_stands_under_a_rejected_render(written):
    text = " ".join(Page(written).text.split())
    assert "The product touches the edge of the frameMeasured 2.13 Required ≥ 4 %" in text
    assert "The scene has little contrastNot measured Required ≥ 0.15" in text


def test_verdicts_are_told_in_words_not_by_color_alone(written):
    alts = [picture["alt"] for picture in Page(written).pictures]
    assert {alt.rsplit(", ", 1)[-1] for alt in alts if "Staged scene" in alt} == {"approved", "review", "rejected"}


def test_markup_in_product_texts_is_shown_as_text(tmp_path):
    data, _ = report_data(tmp_path, title=EVIL)
    write_report(replace(data, brand=EVIL), tmp_path / "report.html")
    page = Page(tmp_path / "report.html")
    assert page.problems == []
    assert EVIL in page.text
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert not any(name.startswith("on") for _, values in page.tags for name in values)


def test_the_policy_allows_exactly_the_script_of_the_page(written):
    script = re.search(r"<script>(.*?)</script>", written.read_text(), re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy_of(written)


def test_filters_exist_for_every_category_and_verdict(written):
    page = Page(written)
    buttons = {(values["data-filter"], values["data-value"]) for tag, values in page.tags if tag == "button" and "data-filter" in values}
    cards = [values for tag, values in page.tags if tag == "article" and "data-category" in values]
    assert {("category", values["data-category"]) for values in cards} <= buttons
    assert {("verdict", values["data-verdict"]) for values in cards} <= buttons


def test_the_same_data_writes_the_report_once(tmp_path):
    data, _ = report_data(tmp_path)
    assert write_report(data, tmp_path / "report.html")
    assert not write_report(data, tmp_path / "report.html")


def test_an_empty_catalog_has_a_report_too(tmp_path):
    zero = Counts(
        products=0,
        photos=0,
        photos_quarantined=0,
        renders_total=0,
        rendered_now=0,
        approved=0,
        review=0,
        rejected=0,
        published=0,
        seconds=0,
    )
    empty = ReportData(title="Catalog report", brand="Northwind", made_at="today", counts=zero, categories=())
    (tmp_path / "report.html").write_text(catalog_report_html(empty))
    page = Page(tmp_path / "report.html")
    assert page.problems == []
    assert "Nothing was rendered yet." in page.text
    assert "Nothing waits for you." in page.text


def test_thumbnails_are_made_once_and_swept_when_no_longer_shown(tmp_path):
    calls = []

    def load():
        calls.append(1)
        return pixels(1, 900)

    first = ThumbnailFolder(tmp_path)
    kept, gone = first.add("a", load), first.add("b", load)
    assert (kept.width_px, kept.height_px, len(calls)) == (560, 560, 2)
    second = ThumbnailFolder(tmp_path)
    assert second.add("a", load) == kept
    assert (len(calls), second.sweep()) == (2, 1)
    assert (tmp_path / kept.src).is_file()
    assert not (tmp_path / gone.src).exists()


def test_recipes_are_summed_up_with_their_commonest_reasons(tmp_path):
    thumbnails = ThumbnailFolder(tmp_path)
    cards = [
        card(thumbnails, 1, Verdict.APPROVED),
        card(thumbnails, 1, Verdict.REJECTED, [MARGIN]),
        card(thumbnails, 1, Verdict.REJECTED, [MARGIN, FLAT]),
    ]
    scene, unused = summed_up(cards)
    assert (scene.approved, scene.review, scene.rejected) == (1, 0, 2)
    assert scene.approved_share == pytest.approx(1 / 3)
    assert [(reason.code, reason.count) for reason in scene.top_reasons] == [("margin_low", 2), ("scene_flat", 1)]
    assert (unused.total, unused.approved_share) == (0, None)


def test_223_of_224_renders_are_not_called_all(tmp_path):
    """The headline read "100 % of renders" beside one picture for review."""
    data, _ = report_data(tmp_path)
    counts = data.counts.__class__(**{**data.counts.__dict__, "renders_total": 224, "approved": 223, "review": 1, "rejected": 0})
    write_report(replace(data, counts=counts), tmp_path / "report.html")

    text = " ".join(Page(tmp_path / "report.html").text.split())

    assert "99.6 % of renders" in text and "100 % of renders" not in text


def test_charts_show_their_numbers():
    assert "7 approved, 2 to review, 1 rejected" in verdict_bar(7, 2, 1)
    widths = [float(width) for width in re.findall(r'class="fill-(?:ok|warn|bad)"[^>]* width="([\d.]+)"', verdict_bar(7, 2, 1))]
    assert widths == [697.0, 197.0, 97.0]
    curve = validation_curve([CurvePoint(step=0, loss=0.3), CurvePoint(step=50, loss=0.2), CurvePoint(step=100, loss=0.25)])
    assert "lowest 0.2 at step 50" in curve
    assert validation_curve([CurvePoint(step=0, loss=0.3)]) == ""
    assert "NaN" not in validation_curve([CurvePoint(step=0, loss=0.3), CurvePoint(step=1, loss=0.3)])


def test_numbers_read_well():
    assert [number(value) for value in (2.134, 0.00012, 412, 12345.6, "text/plain")] == ["2.13", "0.00012", "412", "12,346", "text/plain"]
    assert [duration(seconds) for seconds in (42, 203, 7560)] == ["42 s", "3.4 min", "2.1 h"]
    assert [usd(amount) for amount in (None, 0, 1.239, 0.0312, 0.00214)] == ["–", "$0.00", "$1.24", "$0.031", "$0.0021"]
    assert bound(">= 4 %") == "≥ 4 %"


def test_a_sample_sheet_can_stand_for_single_pictures(tmp_path):
    data, thumbnails = report_data(tmp_path)
    sheet = thumbnails.add("sheet", lambda: pixels(9, 300))
    with_sheet = replace(data, loras=(replace(data.loras[0], look=(), before=(), after=(), sheet=sheet),))
    write_report(with_sheet, tmp_path / "report.html")
    page = Page(tmp_path / "report.html")
    assert page.problems == []
    assert "Lighting, sample sheet of the base model and the LoRA" in [picture["alt"] for picture in page.pictures]
