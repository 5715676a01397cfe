"""The published images of a cell: approved renders encoded for each channel with provenance, delivered idempotently.

Refuses anything without a current approval, whoever started the run: a blocking check blocks only inside its own run.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from assets.house_rules import OWNERS, reasons_table
from assets.partitions import ONE_CELL, cells, split_cell
from assets.planning import CellPlan, WantedRender, current_judgments, plan_cell, rules_in_force, skus_of_cell
from assets.validated_renders import validated_renders
from catalog.brand_kit import Channel
from catalog.errors import PublishRefused
from catalog.failpoint import failpoint
from catalog.keys import digest, gate_key, publish_key
from catalog.variant import Variant
from catalog.verdict import Verdict
from quality.measurements import MEASUREMENT_VERSION
from resources.costs import clocked
from resources.ledger import Row
from resources.ledger_tables import judgment, publication, render
from resources.preemptible_steps import preemptible
from resources.project import Project, VitrineResource
from resources.settings import utc_now

if TYPE_CHECKING:
    from publishing.folder_channel import DeliveryItem, DeliveryReport
    from publishing.manifest import Manifest
    from publishing.metadata import PictureMetadata
    from publishing.rendition import Rendition

AC = dg.AutomationCondition

PUBLISHES_TAG = "vitrine/publishes"
"""Tag of runs that judge and publish in one go; the condition leaves them alone."""

_JUDGED_BY_ANOTHER_RUN = AC.any_deps_match(
    AC.newly_updated() & ~AC.executed_with_root_target() & ~AC.all_new_updates_have_run_tags(tag_keys={PUBLISHES_TAG})
).with_label("verdicts renewed by a run that does not publish")
# `any_deps_updated()` takes only runs of chosen assets for runs that publish too. For a run of a job it asks a second time, when a
# tick falls between verdicts and publication.

PUBLISH_WHEN_JUDGED = (
    _JUDGED_BY_ANOTHER_RUN.since_last_handled()
    & ~AC.any_deps_missing()
    & ~AC.any_deps_in_progress()
    & ~AC.in_progress()
    & AC.all_deps_blocking_checks_passed()
).with_label("verdicts renewed and brand gate passed")
"""Follows verdicts cell by cell. `eager()` is wrong here both ways: it skips old drops and fires on day rollover."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One approved render for one channel, with the key its publication would have."""

    wanted: WantedRender
    render_row: Row
    judgment_row: Row
    channel: Channel
    metadata: "PictureMetadata"
    publish_key: str


def publish_folder_of(project: Project) -> str:
    """The folder that storefronts read."""
    return str(project.settings.output_dir / "published")


def candidates(project: Project, plan: CellPlan, shown: "Manifest") -> tuple[list[Candidate], Counter[str]]:
    """What may be published of a cell now, and how many renders are held back by which verdict (`not judged` included).

    `shown` is what stands in the published folder.
    """
    from publishing.metadata import metadata_digest
    from publishing.rendition import channel_digest

    judged = current_judgments(project, plan)
    standing = _standing(project, plan, shown)
    held, found = Counter[str](), []
    for wanted in plan.wanted:
        render_row, judgment_row = judged.get(wanted.render_key) or standing.get(wanted.variant) or (None, None)
        if render_row is None or judgment_row is None:
            held["not rendered" if render_row is None else "not judged"] += 1
            continue
        if judgment_row["verdict"] != Verdict.APPROVED:
            held[judgment_row["verdict"]] += 1
            continue
        metadata = picture_metadata(project, wanted, render_row)
        for channel in project.brand_kit.channels:
            if wanted.variant.recipe not in channel.recipes:
                continue
            key = publish_key(
                render_digest=render_row["render_digest"], channel_digest=channel_digest(channel), metadata_digest=metadata_digest(metadata)
            )
            found.append(
                Candidate(
                    wanted=wanted, render_row=render_row, judgment_row=judgment_row, channel=channel, metadata=metadata, publish_key=key
                )
            )
    return found, held


def undecided(project: Project, plan: CellPlan, shown: "Manifest") -> set[Variant]:
    """Variants whose picture, made or still published, has no judgment by the present rules: neither to be published nor taken back."""
    judged = current_judgments(project, plan)
    standing = _standing(project, plan, shown)
    made = {w.variant for w in plan.wanted if w.render_key in judged and judged[w.render_key][1] is None}
    return made | (({w.variant for w in plan.to_render} & _shown_renders(shown).keys()) - standing.keys())


def _shown_renders(shown: "Manifest") -> dict[Variant, str]:
    return {Variant(sku=image.sku, recipe=image.recipe, index=image.index): image.render_digest for image in shown.images.values()}


def _standing(project: Project, plan: CellPlan, shown: "Manifest") -> dict[Variant, tuple[Row, Row]]:
    """For each variant that is not rendered anew yet: the render that is published now, if the present rules approve of it.

    A retrained LoRA must not empty a shop window until its scenes are drawn.
    """
    missing = {w.variant: w for w in plan.to_render}
    if not missing:
        return {}
    renders, found = _shown_renders(shown), {}
    for variant in missing.keys() & renders.keys():
        gate = gate_key(
            render_digest=renders[variant],
            rules_digest=rules_in_force(project, missing[variant].recipe).digest,
            measurement_version=MEASUREMENT_VERSION,
        )
        judgment_row = project.ledger.by_keys(judgment, [gate]).get(gate)
        if judgment_row is not None:
            (render_row,) = project.ledger.by_keys(render, [judgment_row["render_key"]]).values()
            found[variant] = (render_row, judgment_row)
    return found


def published_manifest(project: Project) -> "Manifest":
    """What stands in the published folder now."""
    from publishing.manifest import read_manifest

    return read_manifest(Path(publish_folder_of(project)))


def publish_difference(project: Project, plan: CellPlan, shown: "Manifest") -> int:
    """How many published pictures of a cell would change now: to be added, replaced or taken back. What is undecided does not count."""
    skus, open_ones = set(skus_of_cell(project, plan.category, plan.drop)), undecided(project, plan, shown)
    standing = {
        image.publish_key
        for image in shown.images.values()
        if image.sku in skus and Variant(sku=image.sku, recipe=image.recipe, index=image.index) not in open_ones
    }
    return len({candidate.publish_key for candidate in candidates(project, plan, shown)[0]} ^ standing)


def picture_metadata(project: Project, wanted: WantedRender, render_row: Row) -> "PictureMetadata":
    """What travels inside the published file: title, words for those who cannot see it, and how the picture came to be."""
    from publishing.gallery import alt_text, color_in_words, described
    from publishing.metadata import PictureMetadata

    item = wanted.product
    target_hex = render_row["facts"].get("target_hex")
    shown_color = color_in_words(project.brand_kit, item.category, target_hex) if target_hex else ""
    return PictureMetadata(
        title=item.title,
        description=described(item, shown_color),
        alt_text=alt_text(item, wanted.recipe, wanted.variant.index, shown_color=shown_color),
        digital_source_type=wanted.recipe.digital_source_type,
        identifier=f"{wanted.variant.name}@{render_row['render_key'][:16]}",
        creator_tool=f"Vitrine {version('vitrine')}",
        ai_system=_ai_system(project, wanted, render_row),
    )


def _ai_system(project: Project, wanted: WantedRender, render_row: Row) -> str | None:
    """The models that drew part of the picture, for its metadata; None for studio recipes."""
    if wanted.recipe.engine != "diffusion":
        return None
    lora = f", LoRA {render_row['lora_digest'][:12]}" if render_row["lora_digest"] else ""
    return f"{project.base_model_dir.name} {project.base_model_digest[:12]}{lora}"


def publish_cell(project: Project, category: str, drop: str) -> tuple["DeliveryReport", list[Candidate], Counter[str]]:
    """Deliver a cell's approved renders; products of the cell that have none any more are taken back. Of recipes only that the run covers.

    Raises PublishRefused, and takes nothing back, while a picture of the cell is not judged by the present rules.
    """
    from publishing.folder_channel import deliver

    before = set(skus_of_cell(project, category, drop))
    plan, shown = plan_cell(project, category, drop), published_manifest(project)
    _refuse_undecided(plan, {variant for variant in undecided(project, plan, shown) if project.run.covers(variant.recipe)})
    found, held = candidates(project, plan, shown)
    # A product that moved to another cell meanwhile is that cell's to publish or to take back.
    speaks_for = before.intersection(skus_of_cell(project, category, drop))
    mine = [c for c in found if c.wanted.variant.sku in speaks_for and project.run.covers(c.wanted.variant.recipe)]
    failpoint("publishing.planned")
    with clocked(project, "publish", category, drop) as clock:
        known = project.ledger.by_keys(publication, (c.publish_key for c in mine))
        report = deliver(
            Path(publish_folder_of(project)),
            [_item(project, candidate) for candidate in mine],
            complete_for=speaks_for,
            covers=project.run.covers,
            delivered_at=utc_now(),
        )
        clock.lap(sum(c.publish_key not in known for c in mine))
    failpoint("publishing.delivered")
    project.ledger.record(publication, [_publication(c) for c in mine])
    failpoint("publishing.recorded")
    return report, mine, held


def commit_publication(project: Project, category: str, drop: str, published: Sequence[Candidate]) -> str:
    """Name what a cell publishes in a manifest, written last; its key."""
    content = {"cell": [category, drop], "published": sorted({c.publish_key for c in published} | _left_alone(project, category, drop))}
    key = digest(content)
    failpoint("publishing.before_manifest")
    project.store.put_manifest("publications", key, content)
    failpoint("publishing.committed")
    return key


def _refuse_undecided(plan: CellPlan, variants: set[Variant]) -> None:
    """A rule edited after the judgment is no reason to empty a shop window."""
    if variants:
        names = ", ".join(variant.name for variant in sorted(variants)[:3])
        raise PublishRefused(
            f"{len(variants)} pictures of {plan.category}|{plan.drop} are not judged by the present rules ({names}{', ...' * (len(variants) > 3)}). "
            "Nothing was published or taken back. Materialize `validated_renders` of this cell, or run the whole cell."
        )


def _item(project: Project, candidate: Candidate) -> "DeliveryItem":
    from publishing.folder_channel import Approval, DeliveryItem

    wanted, judged = candidate.wanted, candidate.judgment_row
    return DeliveryItem(
        variant=wanted.variant,
        category=wanted.category,
        channel=candidate.channel,
        render_digest=candidate.render_row["render_digest"],
        rules_digest=rules_in_force(project, wanted.recipe).digest,
        approval=Approval(verdict=Verdict(judged["verdict"]), render_digest=judged["render_digest"], rules_digest=judged["rules_digest"]),
        publish_key=candidate.publish_key,
        alt=candidate.metadata.alt_text,
        digital_source_type=wanted.recipe.digital_source_type,
        make=partial(_rendition, project, candidate),
    )


def _rendition(project: Project, candidate: Candidate) -> "Rendition":
    from imaging.storage_format import decode_rgb
    from publishing.metadata import xmp_packet
    from publishing.rendition import make_rendition

    pixels_HW3 = decode_rgb(project.store.get(candidate.render_row["render_digest"]))
    return make_rendition(pixels_HW3, candidate.channel, xmp_packet(candidate.metadata))


def _publication(candidate: Candidate) -> Row:
    return {
        "publish_key": candidate.publish_key,
        "sku": candidate.wanted.variant.sku,
        "recipe": candidate.wanted.variant.recipe,
        "idx": candidate.wanted.variant.index,
        "channel": candidate.channel.name,
        "render_digest": candidate.render_row["render_digest"],
        "published_at": utc_now().replace(tzinfo=None),
    }


def _left_alone(project: Project, category: str, drop: str) -> set[str]:
    """Keys of what stands published of the cell in recipes that the run is not about."""
    if project.run.recipes is None:
        return set()
    skus, images = set(skus_of_cell(project, category, drop)), published_manifest(project).images.values()
    return {image.publish_key for image in images if image.sku in skus and not project.run.covers(image.recipe)}


@dg.asset(
    partitions_def=cells,
    backfill_policy=ONE_CELL,
    deps=[validated_renders],
    automation_condition=PUBLISH_WHEN_JUDGED,
    group_name="publishing",
    owners=OWNERS,
    kinds={"file"},
    code_version="1",
)
@preemptible
def published_images(context: dg.AssetExecutionContext, vitrine: VitrineResource) -> dg.MaterializeResult:
    """What the storefront gets: approved renders per channel, with color profile and provenance; everything else stays here.

    Delivering again changes nothing; what lost its approval or its product is taken back with a tombstone.
    """
    project, (category, drop) = vitrine.open(), split_cell(context.partition_key)
    refuse_failed_gate(context, project, category, drop)
    report, found, held = publish_cell(project, category, drop)
    key = commit_publication(project, category, drop, found)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(key),
        metadata={
            "published": len(found),
            "new": report.published,
            "replaced": report.replaced,
            "unchanged": report.unchanged,
            "withdrawn": report.withdrawn,
            "held_back": reasons_table(held),
            "folder": dg.MetadataValue.path(publish_folder_of(project)),
        },
    )


def refuse_failed_gate(context: dg.AssetExecutionContext, project: Project, category: str, drop: str) -> None:
    """Refuse a cell whose brand gate fails now. A run that selects only this asset is not held back by Dagster, so it is here."""
    plan = plan_cell(project, category, drop)
    judged = [row for _, row in current_judgments(project, plan).values() if row is not None]
    share = sum(row["verdict"] == Verdict.APPROVED for row in judged) / len(judged) if judged else 1.0
    required = project.settings.gate.min_approved_share
    if share < required:
        raise PublishRefused(
            f"The brand gate of {category}|{drop} fails: {share:.0%} of its {len(judged)} judged renders are approved, {required:.0%} is "
            "required. Nothing was published or taken back. Look at the verdicts; correct rules, photos or recipes; run the cell again."
        )
    context.log.info(f"{category}|{drop}: {share:.0%} of {len(judged)} judged renders approved")
