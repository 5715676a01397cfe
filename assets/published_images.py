"""The published images of a cell: approved renders encoded for each channel with provenance, delivered idempotently.

Refuses anything without a current approval, whoever started the run: a blocking check blocks only inside its own run.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import dagster as dg

from assets.cell_lease import under_lease
from assets.cell_manifest import commit_cell
from assets.channel_opinions import ChannelOpinion, any_opinions, opinions_of
from assets.channel_packs import form_judged_by, form_of_product, is_refused, is_unjudged, judge_by_packs, pack_in_force, pack_verdicts
from assets.decisions import decided, decisions_on
from assets.expectation import expectation_of
from assets.house_rules import OWNERS, reasons_table, rows_table
from assets.made_renditions import MadeRenditions
from assets.model_clearance import LICENSE, drawn_in, may_refuse, not_cleared
from assets.number_values import as_floats
from assets.observed import observed
from assets.own_models import unusable
from assets.partitions import ONE_CELL, cells, split_cell
from assets.picture_metadata import picture_metadata
from assets.planning import CellPlan, WantedRender, current_judgments, gate_of, plan_cell, rules_in_force, skus_of_cell
from assets.published_place import deliver_cell, published_address, published_of_cell
from assets.settled import settle
from assets.shelf import ShelfImage, restock, shelf_images
from assets.validated_renders import validated_renders
from assets.yield_counts import cell_usd
from catalog.brand_kit import Channel
from catalog.errors import PublishRefused
from catalog.failpoint import failpoint
from catalog.keys import publish_key
from catalog.variant import Variant
from catalog.verdict import Verdict
from catalog.yield_numbers import share
from quality.rules import RuleSet
from resources.costs import clocked
from resources.ledger import Row
from resources.ledger_tables import judgment, publication, render
from resources.preemptible_steps import preemptible
from resources.project import Project, VitrineResource
from resources.settings import utc_now
from resources.tallies import saw

if TYPE_CHECKING:
    from publishing.delivery import DeliveryItem, DeliveryReport
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
    pack: RuleSet | None
    """The rules of the channel's pack that the publish key names."""
    metadata: "PictureMetadata"
    publish_key: str
    not_cleared: str = ""
    """Why the licenses of the models that drew it keep it from this channel; '' when they do not."""


def candidates(project: Project, plan: CellPlan, shown: Collection[ShelfImage]) -> tuple[list[Candidate], Counter[str]]:
    """What may be published of a cell now, and how many pictures are held back by which verdict (`not judged` included).

    What a channel's pack refuses is held back from that channel, and from commercial ones what licenses do not clear. `shown` is what stands in the published folder, of the plan's products at least.
    """
    approved, held = _approved(project, plan, shown)
    found = [one for one in approved if not one.not_cleared]
    held.update(f"{LICENSE}: {one.not_cleared} (channel {one.channel.name})" for one in approved if one.not_cleared)
    verdicts = pack_verdicts(project, found)
    for one in found:
        if is_refused(one, verdicts):
            held[f"refused by channel {one.channel.name} ({one.channel.pack})"] += 1
    return [one for one in found if not is_refused(one, verdicts)], held


def _approved(project: Project, plan: CellPlan, shown: Collection[ShelfImage]) -> tuple[list[Candidate], Counter[str]]:
    """The renders that the brand approves of, for each channel that takes their recipe; and what is held back by which verdict."""
    from publishing.metadata import metadata_digest

    packs = [(channel, pack_in_force(project, channel)) for channel in project.brand_kit.channels]
    channels = [(channel, pack, form_judged_by(channel, pack)) for channel, pack in packs]
    standing = _standing(project, plan, shown)
    held, found = Counter[str](), []
    for wanted in plan.wanted:
        render_row, judgment_row = plan.judged.get(wanted.render_key) or standing.get(wanted.variant) or (None, None)
        if render_row is None or judgment_row is None:
            held["not rendered" if render_row is None else "not judged"] += 1
            continue
        if judgment_row["verdict"] != Verdict.APPROVED:
            held[judgment_row["verdict"]] += 1
            continue
        metadata = picture_metadata(project, wanted, render_row)
        words = metadata_digest(metadata)
        for channel, pack, form in channels:
            if wanted.variant.recipe not in channel.recipes:
                continue
            theirs = form_of_product(form, pack, wanted.product)
            key = publish_key(render_digest=render_row["render_digest"], channel_digest=theirs, metadata_digest=words)
            rows = {"wanted": wanted, "render_row": render_row, "judgment_row": judgment_row}
            rows["not_cleared"] = not_cleared(project, channel, wanted.recipe, render_row["lora_digest"], drawn_in(render_row["facts"]))
            found.append(Candidate(**rows, channel=channel, pack=pack, metadata=metadata, publish_key=key))
    return found, held


def channel_opinions(project: Project, category: str, drop: str) -> list[ChannelOpinion]:
    """What channels' packs say of the approved pictures of a cell, as it was last judged, and what licenses keep from a channel."""
    if not any_opinions(project):
        return []
    plan = plan_cell(project, category, drop)
    shown = shelf_images(published_of_cell(project, category, drop).images.values())
    found, _ = _approved(project, plan, shown)
    return opinions_of(found, pack_verdicts(project, found), of_all=may_refuse(project))


def undecided(project: Project, plan: CellPlan, shown: Collection[ShelfImage]) -> set[Variant]:
    """Variants whose picture, made or still published, has no judgment by the present rules: neither to be published nor taken back."""
    standing = _standing(project, plan, shown)
    return {w.variant for w in plan.to_judge} | (({w.variant for w in plan.to_render} & _shown_renders(shown).keys()) - standing.keys())


def _shown_renders(shown: Collection[ShelfImage]) -> dict[Variant, str]:
    return {Variant(sku=image.sku, recipe=image.recipe, index=image.index): image.render_digest for image in shown}


def _standing(project: Project, plan: CellPlan, shown: Collection[ShelfImage]) -> dict[Variant, tuple[Row, Row]]:
    """For each variant that is not rendered anew yet: the render that is published now, if the present rules approve of it.

    A retrained LoRA must not empty a shop window until its scenes are drawn.
    """
    missing = {w.variant: w for w in plan.to_render}
    if not missing:
        return {}
    renders, found = _shown_renders(shown), {}
    for variant in missing.keys() & renders.keys():
        gate = gate_of(project, missing[variant], renders[variant])
        judgment_row = project.ledger.by_keys(judgment, [gate]).get(gate)
        if judgment_row is not None:
            render_row = project.ledger.by_keys(render, [judgment_row["render_key"]]).get(judgment_row["render_key"])
            if render_row is not None:  # else the ledger was rebuilt without it; it is made again
                judgment_row = decided(judgment_row, decisions_on(project, [variant.sku]), render_row) or judgment_row
                found[variant] = (render_row, judgment_row)
    return found


def publish_differences(project: Project, plan: CellPlan, shown: Collection[ShelfImage]) -> Counter[str]:
    """How many published pictures would change now, by SKU: to be added, replaced or taken back. What is undecided does not count.

    `shown` is what stands of the products the plan speaks for, withdrawn ones included, and of no others. A picture that stands under a
    category that is no more its product's is one to take back and one to add.
    """
    wanted, standing = published_keys(project, plan, shown)
    places = wanted.keys() | standing.keys()
    return Counter(place[2].sku for place in places if wanted.get(place) != standing.get(place))


Place = tuple[str, str, Variant]
"""Where a picture stands: category, channel, variant."""


def published_keys(project: Project, plan: CellPlan, shown: Collection[ShelfImage]) -> tuple[dict[Place, str], dict[Place, str]]:
    """Publish keys by place: of what may be published now, and of what stands without what is undecided or kept; see `publish_differences`."""
    open_ones, kept = undecided(project, plan, shown), _kept(project, plan)
    wanted = {(c.wanted.category, c.channel.name, c.wanted.variant): c.publish_key for c in candidates(project, plan, shown)[0]}
    standing = {
        (image.category, image.channel, variant): image.publish_key
        for image in shown
        if (variant := Variant(sku=image.sku, recipe=image.recipe, index=image.index)) not in open_ones
        and (image.channel, image.sku, image.recipe) not in kept
    }
    return wanted, standing


def _kept(project: Project, plan: CellPlan) -> set[tuple[str, str, str]]:
    """By channel, SKU and recipe, what stays published as it is because its recipe's own model cannot be used; not in channels that take it no more."""
    return {(one.name, sku, recipe) for sku, recipe in plan.kept for one in project.brand_kit.channels if recipe in one.recipes}


def publish_cell(project: Project, category: str, drop: str) -> tuple["DeliveryReport", list[Candidate], Counter[str]]:
    """Deliver a cell's approved renders; products of the cell that have none any more are taken back.

    Raises PublishRefused, and takes nothing back, while a picture of the cell is not judged by the present rules. A run that is limited to
    recipes speaks for those only.
    """
    before = set(skus_of_cell(project, category, drop))
    plan = plan_cell(project, category, drop)
    shown = shelf_images(image for image in published_of_cell(project, category, drop).images.values() if image.sku in before)
    _refuse_undecided(plan, {variant for variant in undecided(project, plan, shown) if project.run.covers(variant.recipe)})
    files = MadeRenditions(lambda one: _rendition(project, one))
    _judge_by_packs(project, plan, shown, files)
    found, held = candidates(project, plan, shown)
    # A product that moved to another cell meanwhile is that cell's to publish or to take back.
    speaks_for = before.intersection(skus_of_cell(project, category, drop))
    mine = [c for c in found if c.wanted.variant.sku in speaks_for and project.run.covers(c.wanted.variant.recipe)]
    _refuse_unjudged_by_packs(project, plan, mine)
    files.keep_only({c.publish_key for c in mine})
    standing = [_shelf_image(one) for one in mine]
    kept = _kept(project, plan)
    left_alone = [image for image in shown if not project.run.covers(image.recipe) or (image.channel, image.sku, image.recipe) in kept]
    standing += [image for image in left_alone if image.sku in speaks_for]
    failpoint("publishing.planned")
    with clocked(project, "publish", category, drop) as clock:
        known = project.ledger.by_keys(publication, (c.publish_key for c in mine))
        items = [_item(project, candidate, files) for candidate in mine]
        report = deliver_cell(
            project,
            category,
            drop,
            items,
            complete_for=speaks_for,
            covers=project.run.covers,
            kept=kept,
            when_delivered=partial(restock, project, speaks_for),
        )
        _note(report)
        failpoint("publishing.delivered")
        project.ledger.record(publication, [_publication(c) for c in mine])
        failpoint("publishing.recorded")
        clock.lap(sum(c.publish_key not in known for c in mine))  # when it is recorded, or the next attempt would book it again
    differences = publish_differences(project, plan, standing)
    differences.update(row["sku"] for row in plan.rows if row["sku"] not in speaks_for)
    settle(project, expectation_of(project, category, plan.lora_digest), plan, differences)
    return report, mine, held


def _judge_by_packs(project: Project, plan: CellPlan, shown: Collection[ShelfImage], files: MadeRenditions) -> None:
    """Let channels' packs judge what they would receive, before it is decided what goes out."""
    if not any(channel.pack for channel in project.brand_kit.channels):
        return
    found = [one for one in candidates(project, plan, shown)[0] if project.run.covers(one.wanted.variant.recipe)]
    with clocked(project, "publish", plan.category, plan.drop) as clock:
        judge_by_packs(project, found, files.for_judging, clock)


def _refuse_unjudged_by_packs(project: Project, plan: CellPlan, mine: Collection[Candidate]) -> None:
    """Between judging and publishing midnight may come, and a rule with it."""
    verdicts = pack_verdicts(project, mine)
    if unjudged := [one for one in mine if is_unjudged(one, verdicts)]:
        raise PublishRefused(
            f"{len(unjudged)} pictures of {plan.category}|{plan.drop} are not judged by the rules that channel {unjudged[0].channel.name} has today. "
            "Nothing was published or taken back. Publish the cell again."
        )


def _shelf_image(one: Candidate) -> ShelfImage:
    variant, digests = one.wanted.variant, (one.render_row["render_digest"], one.publish_key)
    return ShelfImage(one.channel.name, one.wanted.category, variant.recipe, variant.index, *digests, variant.sku)


def commit_publication(project: Project, category: str, drop: str, published: Sequence[Candidate]) -> str:
    """Name what a cell publishes in a manifest, written last; its key."""
    content = {"published": sorted({c.publish_key for c in published} | _left_alone(project, category, drop))}
    failpoint("publishing.before_manifest")
    key = commit_cell(project, "publications", category, drop, content)
    failpoint("publishing.committed")
    return key


def _note(report: "DeliveryReport") -> None:
    """Tell of one delivery: what went out anew, was there already, was taken back."""
    saw("publish", "made", count=report.published + report.replaced)
    saw("publish", "found", count=report.unchanged)
    saw("publish", "withdrawn", count=report.withdrawn)


def _refuse_undecided(plan: CellPlan, variants: set[Variant]) -> None:
    """A rule edited after the judgment is no reason to empty a shop window."""
    if variants:
        names = ", ".join(variant.name for variant in sorted(variants)[:3])
        raise PublishRefused(
            f"{len(variants)} pictures of {plan.category}|{plan.drop} are not judged by the present rules ({names}{', ...' * (len(variants) > 3)}). "
            "Nothing was published or taken back. Materialize `validated_renders` of this cell, or run the whole cell."
        )


def _item(project: Project, candidate: Candidate, files: MadeRenditions) -> "DeliveryItem":
    from publishing.delivery import Approval, DeliveryItem

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
        make=partial(files.for_delivery, candidate),
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
    """Keys of what stands published of the cell in recipes that the run is not about, or whose own model cannot be used now."""
    kept = _kept(project, plan_cell(project, category, drop)) if any(unusable(project, recipe) for recipe in project.recipes) else set()
    if project.run.recipes is None and not kept:
        return set()
    skus, images = set(skus_of_cell(project, category, drop)), published_of_cell(project, category, drop).images.values()
    return {
        image.publish_key
        for image in images
        if image.sku in skus and (not project.run.covers(image.recipe) or (image.channel, image.sku, image.recipe) in kept)
    }


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
@under_lease()
@observed
def published_images(context: dg.AssetExecutionContext, vitrine: VitrineResource) -> dg.MaterializeResult:
    """What the storefront gets: approved renders per channel, with color profile and provenance; everything else stays here.

    Delivering again changes nothing; what lost its approval or its product is taken back with a tombstone.
    """
    project, (category, drop) = vitrine.open(), split_cell(context.partition_key)
    approved = refuse_failed_gate(context, project, category, drop)
    report, found, held = publish_cell(project, category, drop)
    key = commit_publication(project, category, drop, found)
    opinions = channel_opinions(project, category, drop)
    refused = [one.as_row() for one in opinions if one.verdict == "refused"]
    recommended = [one.as_row() for one in opinions if one.recommendations]
    usd = cell_usd(project, category, drop)
    return dg.MaterializeResult(
        data_version=dg.DataVersion(key),
        metadata={
            "published": len(found),
            **as_floats({"usd": usd, "usd_per_approved": share(usd, approved)}),
            "new": report.published,
            "replaced": report.replaced,
            "unchanged": report.unchanged,
            "withdrawn": report.withdrawn,
            "held_back": reasons_table(held),
            **({"refused_by_channels": rows_table(refused, ("sku", "recipe", "channel", "why"))} if refused else {}),
            **({"recommended_by_channels": rows_table(recommended, ("sku", "recipe", "channel", "recommended"))} if recommended else {}),
            "folder": dg.MetadataValue.path(published_address(project)),
        },
    )


def refuse_failed_gate(context: dg.AssetExecutionContext, project: Project, category: str, drop: str) -> int:
    """Refuse a cell whose brand gate fails now; returns how many of its renders are approved. A run that selects only this asset is not held
    back by Dagster, so it is here."""
    plan = plan_cell(project, category, drop)
    judged = [row for _, row in current_judgments(project, plan).values() if row is not None]
    approved = sum(row["verdict"] == Verdict.APPROVED for row in judged)
    approved_share = approved / len(judged) if judged else 1.0
    required = project.settings.gate.min_approved_share
    if approved_share < required:
        raise PublishRefused(
            f"The brand gate of {category}|{drop} fails: {approved_share:.0%} of its {len(judged)} judged renders are approved, {required:.0%} is "
            "required. Nothing was published or taken back. Look at the verdicts; correct rules, photos or recipes; run the cell again."
        )
    context.log.info(f"{category}|{drop}: {approved_share:.0%} of {len(judged)} judged renders approved")
    return approved
