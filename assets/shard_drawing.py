"""One shard's renders made and recorded: plates drawn ahead in batches across products, pictures composed, stored and recorded by group.

Which renders a shard holds, and the cell's manifest, are generated_variants.py's. A killed worker loses the batch and the group in hand.
"""

import logging
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from assets.attempts import CrashedItem, Hands, in_hand, times_begun
from assets.expectation import expectation_of
from assets.group_pictures import ComposedGroup, compose, compose_beside, source_of
from assets.lost_files import record_made
from assets.planning import WantedRender, lora_in_use
from assets.plate_inputs import PlateInputs
from assets.plates_ahead import Group, with_plates
from assets.render_keys import sampling_of
from assets.settled import announce
from assets.shard_progress import ShardProgress
from assets.side_work import in_order
from catalog.errors import ModelError, RenderError
from catalog.failpoint import failpoint
from catalog.preemption import stop_point
from generation.kinds import is_edited, wears_lora
from generation.plate_requests import digests_of
from resources.costs import CostClock, clocked
from resources.instruments import BATCH_SIZE, RENDER_TIME
from resources.ledger import Row
from resources.ledger_tables import refused_render, render
from resources.project import Project
from resources.settings import utc_now
from resources.tallies import saw
from resources.telemetry import measured, span
from resources.work_context import working_on

WORKERS_BESIDE = {"cpu": 0, "cuda": 3}
"""Threads beside the drawing one by device. A 1200 px scene takes about half a second of a core to compose and store, a GPU less to draw it; on a CPU
they would take from the drawing what they give (docs/how-to/engine.md)."""
GROUPS_WAITING = 2
"""Groups per thread that may wait to be composed or recorded: what a killed worker may lose beside its batch, and memory must hold."""

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from generation.kind import RenderSource
    from generation.plate_requests import PlateRequest
    from generation.plates import DiffusionPlates, Plate


def render_groups(project: Project, category: str, drop: str, groups: Sequence[Group], tell: Callable[[str], None] = log.info) -> Row:
    """Make groups, each stored and recorded as soon as it is done; how many renders were `rendered` and `refused`.

    What another run of the cell has made meanwhile is left alone. A recipe that refuses a product, and a plate that no seed draws, are recorded
    with their reason, and everything else goes on. Where a model that a recipe alone needs cannot be used on this machine, `unusable` says why by
    recipe, and its renders stay to be made. `tell` gets a line of progress every few seconds.
    """
    worn = [group[0] for group in groups if wears_lora(group[0].recipe)]
    lora_digest = worn[0].lora_digest if worn else lora_in_use(project, category)
    announce(project, expectation_of(project, category, lora_digest), {group[0].variant.sku for group in groups})
    plates, unusable = _plates(project, groups, lora_digest)
    groups = [group for group in groups if group[0].variant.recipe not in unusable]
    with (
        clocked(project, "render", category, drop) as clock,
        span("shard", images=sum(map(len, groups))),
        in_hand(project) as hands,
    ):
        begun, progress = times_begun(project, map(attempt_of, groups)), ShardProgress(images=sum(map(len, groups)), tell=tell)
        shard = _Shard(
            project=project, plates=plates, clock=clock, hands=hands, begun=begun, progress=progress, inputs=PlateInputs(project=project),
            unusable=unusable,
        )  # fmt: skip
        drawn_groups = with_plates(shard.taken(groups), shard.draw, shard.batch_images, shard.lot, shard.fits)
        workers = workers_beside(project)
        pieces = (partial(compose_beside if workers else compose, project, group, on) for group, on in drawn_groups)
        for composed in in_order(pieces, workers=workers, waiting=GROUPS_WAITING * workers):
            shard.record(composed)
    for recipe, why in shard.unusable.items():
        log.error("recipe %s is not made here, everything else is: %s", recipe, why)
    return {name: shard.counts[name] for name in ("rendered", "refused")} | ({"unusable": shard.unusable} if shard.unusable else {})


def attempt_of(group: Sequence[WantedRender]) -> str:
    """Name of a group among the attempts: that of its first render."""
    return f"render {group[0].render_key}"


@dataclass(kw_only=True)
class _Shard:
    """One shard in the making.

    `begun` says how often attempts were begun whose worker died; `items` is what each group in hand is called among the attempts, by its first
    open render.
    """

    project: Project
    plates: "dict[bool, DiffusionPlates]"
    """What draws, by whether it edits: a project may name a model for that."""
    clock: CostClock
    hands: Hands
    begun: dict[str, int]
    progress: ShardProgress
    items: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    loaded: set[bool] = field(default_factory=set)
    inputs: PlateInputs
    products: "dict[str, RenderSource]" = field(default_factory=dict)
    unusable: dict[str, str] = field(default_factory=dict)
    """By recipe, why the model that it alone needs cannot be used here."""

    def lot(self, group: Group) -> Hashable:
        """What groups must have in common to share batches: how they are drawn. One over which a worker died shares with none, so that whatever
        becomes of its worker is its own doing."""
        item = self.items[group[0].render_key]
        return is_edited(group[0].recipe), sampling_of(self.project, group[0].recipe), item if item in self.begun else ""

    def taken(self, groups: Sequence[Group]) -> Iterator[Group]:
        """What is still open of each group, taken in hand; suspects come last, those begun least often first. What one model draws comes together:
        memory holds one, and loading another takes longer than many pictures."""
        for group in sorted(groups, key=lambda group: (self.begun.get(attempt_of(group), 0), is_edited(group[0].recipe))):
            stop_point()
            if group[0].variant.recipe in self.unusable:
                self.progress.add(len(group))
                continue
            missing = _open(self.project, group)
            if len(missing) < len(group):
                saw("render", "found", recipe=group[0].variant.recipe, count=len(group) - len(missing))
                self.progress.add(len(group) - len(missing), found=True)
            if not missing:
                continue
            first, self.items[missing[0].render_key] = group[0].variant, attempt_of(group)
            try:
                self.hands.take(attempt_of(group), f"{first.recipe} of {first.sku}")
            except CrashedItem as error:
                self._refuse(missing, [str(error)] * len(missing))
                self.hands.put_down(attempt_of(group))
                self.progress.add(len(missing))
                continue
            failpoint("render.group_begun")
            yield missing

    def batch_images(self, group: Group) -> int:
        """Renders per batch with this group now."""
        plates = self._plates_for(group)
        try:
            return plates.batch_size_for(self._request(group[0])).images
        except RenderError:
            return plates.batch_size.images

    def fits(self, group: Group) -> list[Hashable]:
        """What each render of a group must have in common with others of its lot to share batches: the model says."""
        self._load(group)
        requests = self._requests(group)
        lots = dict(zip(requests, self._plates_for(group).lots(list(requests.values())), strict=True))
        return [lots.get(n) for n in range(len(group))]

    def _load(self, group: Sequence[WantedRender]) -> None:
        edits = is_edited(group[0].recipe)
        if edits not in self.loaded:
            self.plates[edits].load()
            self.clock.lap(activity="load model")
            self.loaded.add(edits)

    def _request(self, wanted: WantedRender) -> "PlateRequest":
        from generation.render import plate_request

        return plate_request(wanted.resolved, wanted.variant.seed, lambda: self._product(wanted))

    def _requests(self, those: Sequence[WantedRender], refused: "dict[int, str] | None" = None) -> "dict[int, PlateRequest]":
        """What the recipes of some renders ask for, by number; where one refuses its product, the reason goes to `refused`."""
        asked = {}
        for n, wanted in enumerate(those):
            try:
                asked[n] = self._request(wanted)
            except RenderError as error:
                if refused is not None:
                    refused[n] = str(error)
        return asked

    def _product(self, wanted: WantedRender) -> "RenderSource":
        """The product of a render's cut-out, the last one kept: variants follow one another."""
        if wanted.cutout_digest not in self.products:
            self.products = {wanted.cutout_digest: source_of(self.project, wanted)}
        return self.products[wanted.cutout_digest]

    def _plates_for(self, wanted: Sequence[WantedRender]) -> "DiffusionPlates":
        how, plates = sampling_of(self.project, wanted[0].recipe), self.plates[is_edited(wanted[0].recipe)]
        return replace(plates, steps=how.steps, guidance=how.guidance, guided_share=how.guided_share, step_cache=how.step_cache)

    def draw(self, batch: Sequence[WantedRender]) -> "list[Plate]":
        """The plates of one batch; its time is booked to its recipes in proportion."""
        lora_digest = self.plates[is_edited(batch[0].recipe)].lora_digest
        assert all(w.lora_digest == lora_digest for w in batch if w.lora_digest is not None), "the plan and the LoRA differ"
        self._load(batch)
        with span("batch", images=len(batch)):
            drawn = self._drawn(batch)
        failpoint("render.batch_drawn")
        self.clock.share(Counter(w.variant.recipe for w in batch))
        for recipe, count in Counter(w.variant.recipe for w in batch).items():
            measured(BATCH_SIZE, count, recipe=recipe)
        log.info(
            "batch drawn",
            extra={"images": len(batch), "seconds_per_image": round(sum(plate.spent["seconds"] for plate in drawn) / len(drawn), 3)},
        )
        return drawn

    def _drawn(self, batch: Sequence[WantedRender]) -> "list[Plate]":
        """Plates in order; each names the blobs of what its batch was drawn from. A recipe that refuses its product refuses that one alone."""
        from generation.plates import refused_plate

        refused: dict[int, str] = {}
        requests = self._requests(batch, refused)
        drawn = {n: refused_plate(batch[n].variant.seed, why) for n, why in refused.items()}
        if requests:
            plates = self._plates_for(batch).draw_requests(list(requests.values()))
            pictures = self.inputs.kept(list(requests.values()))
            drawn |= zip(requests, (_naming(plate, pictures) for plate in plates), strict=True)
        return [drawn[n] for n in range(len(batch))]

    def record(self, composed: ComposedGroup) -> None:
        """Record the pictures of one group, which are stored, and what was refused of it; then it is out of hand."""
        group, made = composed.group, composed.rows
        first, item = group[0].variant, self.items.pop(group[0].render_key)
        with working_on(product=first.sku, recipe=first.recipe, render_key=group[0].render_key):
            if composed.unusable:
                self.unusable[first.recipe] = composed.unusable
            if composed.refused:
                self._refuse([w for w, _ in composed.refused], [why for _, why in composed.refused])
            if made:
                made = self._priced(made)
                record_made(self.project, render, made, file="render_digest", skus={first.sku})
                failpoint("render.group_recorded")
                self.clock.lap(len(made), recipe=first.recipe)
                self._tell(group, made)
            self.hands.put_down(item)
            self.progress.add(len(group))

    def _priced(self, made: Sequence[Row]) -> list[Row]:
        """Rows with what the machine took for each: its drawing, and the time since the last record or drawing, of which composing is a part only
        where nothing was drawn meanwhile. The sum is what the clock of costs books, but for looking around and recording."""
        waited_s = self.clock.since_lap_s() / len(made)
        hourly_usd = self.project.settings.costs.of_tier(self.project.run.tier).hourly_usd("render")
        return [
            {**row, "seconds": seconds, "facts": row["facts"] | {"usd": round(seconds / 3600 * hourly_usd, 8)}}
            for row in made
            for seconds in [row["seconds"] + waited_s]
        ]

    def _tell(self, group: Group, made: Sequence[Row]) -> None:
        recipe, seconds = group[0].variant.recipe, sum(row["seconds"] for row in made) / len(made)
        self.counts["rendered"] += len(made)
        saw("render", "made", recipe=recipe, count=len(made))
        device = self.project.settings.generation.device if group[0].recipe.engine == "diffusion" else "cpu"
        measured(RENDER_TIME, seconds, recipe=recipe, device=device)
        log.info("group rendered", extra={"images": len(made), "seconds_per_image": round(seconds, 3)})

    def _refuse(self, group: Sequence[WantedRender], messages: Sequence[str]) -> None:
        failpoint("render.group_refused")
        self.project.ledger.record(refused_render, [_refusal(w, message) for w, message in zip(group, messages, strict=True)])
        failpoint("render.refusal_recorded")
        self.counts["refused"] += len(group)
        saw("render", "refused", recipe=group[0].variant.recipe, count=len(group))
        for message in dict.fromkeys(messages):
            log.warning("recipe refused the product: %s", message)


def _open(project: Project, group: Group) -> Group:
    """Those of a group that are neither made, with their file, nor refused."""
    made = project.ledger.by_keys(render, (w.render_key for w in group))
    gone = project.store.missing(row["render_digest"] for row in made.values())
    missing = [w for w in group if w.render_key not in made or made[w.render_key]["render_digest"] in gone]
    refused = project.ledger.by_keys(refused_render, (w.render_key for w in missing if w.render_key not in made))
    return [w for w in missing if w.render_key not in refused]


def workers_beside(project: Project) -> int:
    """Threads that compose and store pictures while the next plates are drawn; none where drawing is the processor's work, too."""
    how = project.settings.generation
    return WORKERS_BESIDE[how.device] if how.workers is None else how.workers


def _drawn_kinds(groups: Sequence[Group]) -> dict[bool, WantedRender]:
    """A render of each way to draw that groups ask for, by whether it edits; empty where nothing is drawn."""
    return {is_edited(group[0].recipe): group[0] for group in groups if group[0].recipe.engine == "diffusion"}


def _plates(project: Project, groups: Sequence[Group], lora_digest: str | None) -> "tuple[dict[bool, DiffusionPlates], dict[str, str]]":
    """What draws, by whether it edits; and, by recipe, why an edit model beside the base model cannot be used here."""
    plates, unusable = {}, {}
    for edits, of in _drawn_kinds(groups).items():
        drawing, worn = _drawn_by(project, of, lora_digest)
        try:
            plates[edits] = plates_of(drawing, worn)
        except ModelError as error:
            if drawing is project:
                raise
            unusable |= {group[0].variant.recipe: str(error) for group in groups if is_edited(group[0].recipe)}
    return plates, unusable


def _drawn_by(project: Project, wanted: WantedRender, lora_digest: str | None) -> tuple[Project, str | None]:
    """The project as it draws a render, and the LoRA that it is drawn with."""
    return project.drawing(wanted.recipe.kind), None if is_edited(wanted.recipe) else lora_digest


def plates_of(project: Project, lora_digest: str | None) -> "DiffusionPlates":
    """Plates of the LoRA that was planned with: the one in use may be another by now, and the next plan's business."""
    from generation.base_model import read_base_model
    from generation.plates import DiffusionPlates

    how, base_model = project.settings.generation, read_base_model(project.base_model_dir)
    if base_model.digest != project.base_model_digest:
        raise ModelError(
            f"The base model at {base_model.folder} changed since the work was planned ({project.base_model_digest[:12]}, now "
            f"{base_model.digest[:12]}). Nothing was drawn. Run the cell again: it is then planned with the model that draws."
        )
    return DiffusionPlates(
        base_model,
        lora_path=project.store.local_file(lora_digest) if lora_digest else None,
        lora_digest=lora_digest,
        device=how.device,
        threads=how.threads,
        batch_images=how.batch_images,
        sizes_file=project.settings.state_dir / "batch-sizes.json",
        few_step=project.few_step.verified(),
        execution=how.execution,
    )


def _naming(plate: "Plate", blobs: Mapping[str, str]) -> "Plate":
    """A plate whose batch also says in which blobs the pictures lie that it was drawn from."""
    named = [one for inputs in plate.batch.get("inputs", ()) for one in digests_of(inputs)]
    return replace(plate, batch={**plate.batch, "pictures": {digest: blobs[digest] for digest in named}}) if named else plate


def _refusal(wanted: WantedRender, message: str) -> Row:
    return {
        **wanted.named,
        "message": message,
        "refused_at": utc_now().replace(tzinfo=None),
    }
