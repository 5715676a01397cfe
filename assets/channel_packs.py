"""What channels' packs say of the pictures approved for them: judged once per file to come, kept beside the brand's judgments.

A pack's verdict is stored under the publish key, which names the render, the channel's form, the metadata and the rules of the pack's day: when
any of them changes, the picture is judged anew, from stored measurements and the file made of it. Rules are `quality/channel_packs.py`.
"""

import importlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from assets.stored_measurements import known_measurements
from catalog.brand_kit import Channel
from catalog.keys import digest
from catalog.product import Product
from catalog.verdict import Verdict
from quality.columns import COLUMNS
from quality.rules import RuleSet
from resources.costs import CostClock
from resources.ledger import Row
from resources.ledger_tables import judgment
from resources.project import Project
from resources.settings import utc_now
from resources.tallies import because, saw

if TYPE_CHECKING:
    from assets.published_images import Candidate


def pack_in_force(project: Project, channel: Channel) -> RuleSet | None:
    """The rules of a channel's pack that hold today (UTC); None for a channel without a pack."""
    if channel.pack is None:
        return None
    pack = project.packs.rules(channel.pack, utc_now().date())
    return pack if project.weights is None else replace(pack, measured_with=project.weights.digest)


def channel_form(project: Project, channel: Channel) -> str:
    """What of a channel enters the publish key: its form, and for a channel with a pack what the picture is judged by today."""
    return form_judged_by(channel, pack_in_force(project, channel))


def form_judged_by(channel: Channel, pack: RuleSet | None) -> str:
    """What of a channel enters the publish key when its pictures are judged by these rules of its pack (None: it has none)."""
    from publishing.rendition import channel_digest

    form = channel_digest(channel)
    return form if pack is None else digest({"form": form, "rules": pack.digest, "measurements": pack.measurement_version})


def form_of_product(form: str, pack: RuleSet | None, item: Product) -> str:
    """What of a channel enters the publish key of one product: its form, and the product's size where a rule of the pack asks for it."""
    known = {name: value for name, value in item.size_cm.items() if value is not None}
    return digest({"form": form, "size_cm": known}) if known and pack is not None and pack.asks_for_size else form


def pack_verdicts(project: Project, found: Iterable["Candidate"]) -> dict[str, Row]:
    """The judgments by packs of some candidates, by publish key; candidates of channels without a pack have none."""
    return project.ledger.by_keys(judgment, (one.publish_key for one in found if one.channel.pack))


def is_refused(one: "Candidate", verdicts: dict[str, Row]) -> bool:
    """Whether a candidate's channel refuses it. One that nobody judged yet counts as taken: the next publication judges it first."""
    return one.publish_key in verdicts and verdicts[one.publish_key]["verdict"] == Verdict.REJECTED


def is_unjudged(one: "Candidate", verdicts: dict[str, Row]) -> bool:
    """Whether a candidate's channel has a pack that did not speak yet."""
    return one.channel.pack is not None and one.publish_key not in verdicts


def judge_by_packs(project: Project, found: Sequence["Candidate"], make: Callable[["Candidate"], bytes], clock: CostClock) -> None:
    """Judge candidates of channels with a pack that are not judged as they would go out today; `make` encodes the file to come.

    One suite per channel. No render is decoded to be measured again.
    """
    verdicts = pack_verdicts(project, found)
    todo: dict[str, list[Candidate]] = defaultdict(list)
    for one in found:
        if is_unjudged(one, verdicts):
            todo[one.channel.name].append(one)
    if not todo:
        return
    importlib.import_module("great_expectations")  # its seconds are the process's, not the first picture's
    clock.lap(activity="load gate")
    columns = known_measurements(project, sorted({one.render_row["render_key"] for group in todo.values() for one in group}))
    for group in todo.values():
        rows = _judged(group, columns, make)
        project.ledger.record(judgment, rows)
        for row in rows:
            saw("pack", row["verdict"])
            for reason in row["reasons"]:
                because("pack", reason["code"])
        clock.lap(0)


def _judged(group: Sequence["Candidate"], columns: dict[str, dict[str, Any]], make: Callable[["Candidate"], bytes]) -> list[Row]:
    """Judgments of candidates of one channel, as rows of the ledger."""
    from quality.judge_channel import judge_renditions, rendition_row

    # By the rules that the publish key names: when midnight has come since, those of the new day would stand under a key of the old one.
    pack, now = group[0].pack, utc_now().replace(tzinfo=None)
    assert pack is not None, "only candidates of channels with a pack are judged"
    # What was never measured is not known, and a rule that needs it refuses. What stands until its successor is drawn is the render of its row.
    unmeasured = dict.fromkeys(COLUMNS)
    files = {one.publish_key: rendition_row(columns.get(one.render_row["render_key"], unmeasured), make(one)) for one in group}
    judged = judge_renditions(files, pack)
    return [
        {
            "gate_key": one.publish_key,
            "render_key": one.publish_key,
            "render_digest": one.render_row["render_digest"],
            "rules_digest": pack.digest,
            "verdict": str(judged[one.publish_key].verdict),
            "reasons": [reason.as_dict() for reason in judged[one.publish_key].reasons],
            "judged_at": now,
        }
        for one in group
    ]
