"""`vitrine calibrate`: what people's decisions say about the rules, and bounds that would do better, as a diff to review. Renders nothing."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.brand_kit_file import read_brand_kit_file
from orchestration.cli_choices import Recipes, chosen_recipes
from resources.project import Project, open_project
from resources.settings import project_from_environment, utc_now
from resources.written_files import file_to_write

if TYPE_CHECKING:
    from assets.calibrating import Calibration, RecipeCalibration
    from assets.proposed_verdicts import GateFlips
    from assets.review_samples import Sample
    from assets.verdict_changes import VerdictChanges
    from quality.calibration import RuleCalibration, SideCalibration

    Flips = tuple[VerdictChanges, GateFlips]

SAMPLED_SHOWN = 20
"""Addresses printed of a drawn sample; all are in --json and, with --out, in a file."""


def register(app: typer.Typer) -> None:
    """Add this file's command to the application."""
    app.command("calibrate")(calibrate)


def calibrate(
    recipes: Recipes = None,
    max_miss_pct: Annotated[float, typer.Option(min=0, max=50, help="Bad renders that a bound may let through, in % of them.")] = 2.0,
    confident: Annotated[bool, typer.Option("--confident", help="Hold the upper 95 % limit of the miss rate, not its estimate.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write the diff of the brand kit there.")] = None,
    report: Annotated[Path | None, typer.Option(help="Write the evidence as a page there, with ROC curves and histograms.")] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Change the brand kit. Without it nothing is changed.")] = False,
    sample: Annotated[int | None, typer.Option(min=1, help="Instead: draw so many approved renders for review, by chance.")] = None,
    seed: Annotated[int, typer.Option(help="Of --sample: the same seed draws the same renders.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Show per rule what people's decisions say about its bounds, and propose better ones as a diff of the brand kit with the evidence."""
    for asked in (out, report):
        if asked is not None:
            file_to_write(asked)
    project = open_project(project_from_environment())
    only = chosen_recipes(project, recipes)
    if sample is not None:
        _draw(project, only, sample, seed, out, as_json)
        return
    brand = read_brand_kit_file(project.settings.path(project.settings.brand_kit))
    found, text, diff = _proposal(project, brand.text, only, max_miss_pct / 100, confident)
    flips = _what_flips(project, text) if found.edits else None
    if report is not None:
        from quality.calibration_page import calibration_page

        report.write_text(calibration_page(found_for_page(project, found, diff)), encoding="utf-8")
    if out is not None:
        out.write_text(diff, encoding="utf-8", newline="")
    applied = apply and bool(found.edits)
    if applied:
        brand.replace(text)  # before a word is said of it
    if as_json:
        typer.echo(json.dumps(_as_data(found, diff, flips, applied=applied)))
    else:
        changed = project.settings.path(project.settings.brand_kit) if applied else None
        typer.echo("\n".join(_lines(found, diff, flips, changed, {"diff": out, "evidence": report})))


def _proposal(
    project: Project, before: str, only: frozenset[str] | None, max_missed: float, confident: bool
) -> tuple["Calibration", str, str]:
    """The calibration, the brand kit's text with the proposed bounds, and the diff between both."""
    from assets.calibrating import calibrate as calibrated
    from assets.proposed_verdicts import with_rules
    from quality.calibration import Wish
    from quality.rule_edits import edited, unified_diff

    found = calibrated(project, Wish(max_missed=max_missed, confident=confident), on=utc_now().date(), recipes=only)
    after = edited(before, found.edits) if found.edits else before
    with_rules(project, after)  # a brand kit that could not be read again is never proposed
    return found, after, unified_diff(before, after, _shown_path(project))


def _shown_path(project: Project) -> str:
    """The brand kit as the diff names it: from the project's folder, where it lies in it."""
    path = project.settings.brand_kit
    return path.name if path.is_absolute() or ".." in path.parts else path.as_posix()


def _what_flips(project: Project, text: str) -> "Flips":
    from assets.proposed_verdicts import proposed_changes

    return proposed_changes(project, text)


def _as_data(found: "Calibration", diff: str, flips: "Flips | None", *, applied: bool) -> dict[str, Any]:
    from assets.calibrating import summary_of

    told: dict[str, Any] = {**summary_of(found), "diff": diff, "flips": None, "gate_flips": [], "applied": applied}
    if flips is not None:
        names = ("recipe", "before", "after", "decided")
        told["flips"] = flips[0].as_dict()
        told["gate_flips"] = [{**dict(zip(names, key, strict=True)), "renders": count} for key, count in sorted(flips[1].items())]
    return told


def _lines(
    found: "Calibration", diff: str, flips: "Flips | None", changed: Path | None, written: Mapping[str, Path | None]
) -> Iterator[str]:
    said = ", ".join(f"{count:,} {name}" for name, count in sorted(found.counts.items())) or "none"
    yield f"Decisions that hold: {said}."
    for one in found.recipes:
        yield from _recipe_lines(one)
    if flips is None:
        yield "\nNo bound should change by these labels. Nothing was changed."
    else:
        yield f"\nThe proposal (a miss rate of at most {100 * found.wish.max_missed:g} %{', with confidence' if found.wish.confident else ''}):\n"
        yield diff.rstrip("\n")
        yield from (f"\nNote: {words}." for words in found.warnings)
        yield from _flip_lines(*flips)
        if changed is None:
            yield "\nNothing was changed; --apply changes the brand kit."
        else:
            yield f"\nChanged {changed}. Next: vitrine rejudge, then vitrine run."
    yield from (f"The {what} is in {path}." for what, path in written.items() if path is not None)


def _flip_lines(changes: "VerdictChanges", gate_flips: "GateFlips") -> Iterator[str]:
    from orchestration.cli_rejudge import flip_lines

    yield f"\nApplied, the gate would say otherwise of {gate_flips.total():,} renders:"
    for (recipe, before, after, is_decided), count in sorted(gate_flips.items()):
        yield f"  {count:>7,}  {recipe}  {before} -> {after}{', decided by a person before' if is_decided else ''}"
    if changes.flips:
        yield f"\nWhat counts would flip for {changes.flips.total():,} of them, the others keep a person's decision:"
        yield from flip_lines(changes)
        p = changes.publication
        yield f"\nThe next run would add {p.added:,} published pictures, take back {p.withdrawn:,} and replace {p.replaced:,}."
    elif gate_flips:
        yield "\nA person has decided about each of them, and that holds: no picture comes or goes."


def _recipe_lines(one: "RecipeCalibration") -> Iterator[str]:
    p = one.population
    yield f"\n{one.recipe}"
    if one.of_population:
        assert p is not None
        yield (
            f"  Rates are of all renders: {p.approved_seen} approved ones were drawn by chance and looked at, of {p.approved:,}; "
            f"{p.stopped_seen} stopped ones were decided, of {p.stopped:,}."
        )
    else:
        few = "" if p is None else f" ({p.approved_seen} of the approved renders that were drawn are decided so far, 50 are needed)"
        yield (
            "  Only renders that the gate stopped were looked at, so misses are a lower bound and false alarms an upper bound: who would know "
            f"what it let through? `vitrine calibrate --sample 200` draws approved ones for review{few}."
        )
    left: dict[str, list[str]] = {}
    for rule in one.rules:
        if rule.why_not:
            left.setdefault(rule.why_not, []).append(rule.rule.column)
            continue
        yield from _rule_lines(rule)
    for why, columns in sorted(left.items()):
        yield f"  left alone, {why}: {', '.join(columns)}"


def _rule_lines(rule: "RuleCalibration") -> Iterator[str]:
    yield f"  {rule.rule.column} ({rule.rule.code}), {rule.labels} labels of {rule.products} products, now {rule.rule.required}"
    for side in rule.sides:
        yield from (f"    {line}" for line in _side_lines(side))


def _side_lines(side: "SideCalibration") -> Iterator[str]:
    from assets.calibrating import percent

    alone = f" ({side.bad_alone} where no other rule spoke)" if side.bad_alone < side.bad else ""
    found = f", {side.found} of them wrongly approved and found by chance" if side.found else ""
    yield f"{side.side}: {side.good} good, {side.bad} bad{alone}{found}" + ("" if side.area is None else f"; AUC {_area(side)}")
    if side.now is not None:
        yield f"  now       {side.present:<10.4g} missed {percent(side.now.missed):<24} false alarms {percent(side.now.false_alarms)}"
    if side.then is not None and side.held_out is not None and side.proposed is not None:
        band = "" if side.outer is None else f"; a person looks up to {side.outer:.4g}"
        yield f"  proposed  {side.proposed:<10.4g} missed {percent(side.then.missed):<24} false alarms {percent(side.then.false_alarms)}{band}"
        yield f"  held out  {'':<10} missed {100 * side.held_out.missed:<.1f} %, false alarms {100 * side.held_out.false_alarms:.1f} %"
    if side.why_not:
        yield f"  {side.why_not}"


def _area(side: "SideCalibration") -> str:
    assert side.area is not None
    return f"{side.area.value:.3f} ({side.area.low:.3f} to {side.area.high:.3f})"


def found_for_page(project: Project, found: "Calibration", diff: str) -> dict[str, Any]:
    """Everything the evidence page shows."""
    return {
        "brand": project.brand_kit.title or project.brand_kit.brand,
        "on": found.on,
        "wish": found.wish,
        "counts": dict(found.counts),
        "recipes": found.recipes,
        "warnings": found.warnings,
        "diff": diff,
    }


def _draw(project: Project, only: frozenset[str] | None, count: int, seed: int, out: Path | None, as_json: bool) -> None:
    from assets.review_samples import draw_sample

    drawn = draw_sample(project, count, seed=seed, recipes=only)
    if out is not None:
        out.write_text("".join(f"{one.address}\t{one.variant}\t{one.category}\n" for one in drawn.renders), encoding="utf-8")
    typer.echo(json.dumps(drawn.as_dict()) if as_json else "\n".join(_sample_lines(drawn, out)))


def _sample_lines(drawn: "Sample", out: Path | None) -> Iterator[str]:
    by_recipe = ", ".join(
        f"{sum(one.recipe == name for one in drawn.renders)} of {count:,} {name}" for name, count in sorted(drawn.approved.items())
    )
    yield f"Drew {len(drawn.renders)} approved renders with seed {drawn.seed}: {by_recipe}. Approve or reject each on the review page:"
    yield from (f"  {one.address}  {one.variant} ({one.category})" for one in drawn.renders[:SAMPLED_SHOWN])
    if len(drawn.renders) > SAMPLED_SHOWN:
        yield f"  ... and {len(drawn.renders) - SAMPLED_SHOWN} more" + ("" if out is None else f", all in {out}")
    yield "Once 50 of a recipe are decided, `vitrine calibrate` tells rates of all its renders."
