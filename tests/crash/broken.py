"""Protocols broken on purpose: the sweep must come out red for each, or it proves nothing.

`install` runs in the child and replaces a function of the product by a careless one; `stages` and `points` say where that must show.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from catalog.failpoint import failpoint


@dataclass(frozen=True, kw_only=True)
class Broken:
    """One mistake: how to make it, in which stages and at which points it shows, and the invariant it breaks."""

    install: Callable[[], None]
    stages: tuple[str, ...]
    points: tuple[str, ...]
    breaks: str


def _row_before_blob() -> None:
    from resources.ledger import Ledger
    from resources.object_store import ObjectStore

    put, record, late = ObjectStore.put, Ledger.record, []

    def put_later(self, data):
        from catalog.keys import digest_bytes

        late.append((self, data))
        return digest_bytes(data)

    def record_first(self, table, rows):
        record(self, table, rows)
        if late:
            failpoint("store.before_put")
        while late:
            put(*late.pop())

    ObjectStore.put, Ledger.record = put_later, record_first


def _manifest_before_files() -> None:
    from publishing import folder_channel

    late: list[tuple] = []
    write, write_manifest = folder_channel.write_atomically, folder_channel.write_if_changed

    def write_later(path, data, *, incoming=None):
        late.append((path, data, incoming))

    def write_manifest_first(path, data):
        changed = write_manifest(path, data)
        failpoint("delivery.file_written")
        while late:
            path, data, incoming = late.pop()
            write(path, data, incoming=incoming)
        return changed

    folder_channel.write_atomically, folder_channel.write_if_changed = write_later, write_manifest_first
    folder_channel._is_in_place = lambda path, size_bytes: path.is_file() or bool(late) or (late.append((path, b"", None)) or False)


def _written_in_place() -> None:
    from publishing import atomic_file, folder_channel

    def write(path, data, *, incoming=None):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.write(data[: len(data) // 2])
            file.flush()
            if path.name == "manifest.json":  # a torn picture would be written again before anything names it
                failpoint("published_file.half_written")
            file.write(data[len(data) // 2 :])

    atomic_file.write_atomically = folder_channel.write_atomically = write


def _facts_before_tensors() -> None:
    from training import checkpoint

    write, late = checkpoint.write_atomic, []

    def write_facts_first(path, data):
        if path.suffix == ".safetensors":
            late.append((path, data))
            return
        write(path, data)
        if late:
            failpoint("checkpoint.facts_written")
            write(*late.pop())

    checkpoint.write_atomic = write_facts_first


def _unapproved() -> None:
    """A delivery that calls its pictures approved under rules that nobody judged them by."""
    from dataclasses import replace

    from assets import published_images

    item, other_rules = published_images._item, "f" * 64

    def item_of_other_rules(*given):
        made = item(*given)
        return replace(made, rules_digest=other_rules, approval=replace(made.approval, rules_digest=other_rules))

    published_images._item = item_of_other_rules


def _other_bytes() -> None:
    from assets import group_pictures

    draw = group_pictures._draw

    def draw_differently(project, group, plates):
        made = draw(project, group, plates)
        for one in made:
            if not isinstance(one, str):  # a refusal has no picture to spoil
                one.pixels_HW3[:4, :4] = os.getpid() % 251
        return made

    group_pictures._draw = draw_differently


def _drawn_again() -> None:
    from assets import generated_variants, shard_drawing
    from tests.crash import stages  # noqa: F401

    shard_drawing._open = lambda project, group: group
    generated_variants.unfinished_groups = lambda project, plan: generated_variants.groups_of(plan.wanted)


def _row_forgotten() -> None:
    from resources import ledger_tables
    from resources.ledger import Ledger

    record = Ledger.record

    def forgetful(self, table, rows):
        record(self, table, rows[:-1] if table is ledger_tables.judgment else rows)

    Ledger.record = forgetful


BROKEN: Mapping[str, Broken] = {
    "row_before_blob": Broken(install=_row_before_blob, stages=("rendering",), points=("store.before_put",), breaks="I4"),
    "manifest_before_files": Broken(install=_manifest_before_files, stages=("publishing",), points=("delivery.file_written",), breaks="I4"),
    "written_in_place": Broken(install=_written_in_place, stages=("publishing",), points=("published_file.half_written",), breaks="I4"),
    "facts_before_tensors": Broken(install=_facts_before_tensors, stages=("training",), points=("checkpoint.facts_written",), breaks="I4"),
    "unapproved": Broken(install=_unapproved, stages=("publishing",), points=("publishing.delivered",), breaks="I3"),
    "other_bytes": Broken(install=_other_bytes, stages=("rendering",), points=("render.group_recorded",), breaks="I6"),
    "drawn_again": Broken(install=_drawn_again, stages=("rendering",), points=("render.group_recorded",), breaks="I2"),
    "row_forgotten": Broken(install=_row_forgotten, stages=("judging",), points=("judging.recipe_judged",), breaks="I1"),
}
