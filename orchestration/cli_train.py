"""`vitrine train`: one category's LoRA, trained or resumed in this process as the asset does it, with its progress on the terminal.

It is a run of Dagster as any other: recorded, under the category's lease, and nothing is trained that is there already.
"""

import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from catalog.errors import LoraRefused, TrainingError
from catalog.preemption import ask_to_end
from catalog.sentences import clause
from resources.project import Project, open_project
from resources.settings import project_from_environment

if TYPE_CHECKING:
    from resources.ledger import Row
    from training.lora import Progress

TENTHS = 10
INTERRUPTED = 128 + signal.SIGINT
"""What a shell expects of a command that Ctrl-C ended."""
LISTENED_S = 0.2
"""A command that is done waits so long for the thread that listens."""


def register(app: typer.Typer) -> None:
    """Add this file's command to the application."""
    app.command()(train)


def train(
    category: Annotated[str, typer.Argument(help="Category, as in the product table.")],
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output, and no progress.")] = False,
) -> None:
    """Train one category's LoRA now, or go on with a training that was interrupted. Exit code 1 when it failed or is under way elsewhere."""
    from assets.category_lora import watched_training
    from assets.lora_key import lora_key
    from orchestration.running import CategoryTask, run_category
    from resources.preemptible_steps import listen_in_worker

    project = open_project(project_from_environment())
    if category not in project.brand_kit.categories:
        known = ", ".join(sorted(project.brand_kit.categories)) or "none"
        raise LoraRefused(f"The brand kit has no category {category!r}; it has: {known}. Nothing was trained.")
    key = lora_key(project, category)  # says at once when there are no look pictures
    known_before = project.ledger.by_keys(_lora_table(), [key])
    _make_known(project, category)
    listen_in_worker()
    with _ctrl_c_keeps_a_checkpoint(category), _shown(category, quiet=as_json) as show, watched_training(show):
        failures = run_category(str(project.settings.project_dir), CategoryTask(category=category, train=True, drops=()))
    if failures:
        raise TrainingError(
            f"{clause(failures[0].message)}. What was trained so far is kept: `vitrine train {category}` goes on from there."
        )
    project = open_project(project.settings.project_dir)  # its look as it was trained: it may have changed since the command began
    key = lora_key(project, category)
    row = project.ledger.by_keys(_lora_table(), [key])[key]
    told = _told(project, row, trained_now=not known_before or known_before[key]["made_at"] != row["made_at"])
    typer.echo(json.dumps(told) if as_json else "\n".join(_in_words(told)))


@contextmanager
def _ctrl_c_keeps_a_checkpoint(category: str) -> Iterator[None]:
    """Run a block in which Ctrl-C ends the training as SIGTERM does: with a checkpoint, and in a sentence.

    Dagster takes the handler of SIGINT for itself and then waits for its processes that follow the logs, which Ctrl-C has ended. So the signal is
    blocked here and in all processes that are started meanwhile, and a thread waits for it.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        yield
        return
    over, before = threading.Event(), signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})

    def wait() -> None:
        while not over.is_set():
            if signal.sigtimedwait({signal.SIGINT}, LISTENED_S) is not None:
                ask_to_end(INTERRUPTED, f"Interrupted. What was trained so far is kept: `vitrine train {category}` goes on from there.")

    thread = threading.Thread(target=wait, daemon=True, name="ctrl-c")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _lora_table() -> Any:
    from resources.ledger_tables import lora

    return lora


def _make_known(project: Project, category: str) -> None:
    """Let Dagster know the category, and tell at once when another run is at work on its LoRA."""
    from assets.cell_lease import resource_of, run_is_over
    from assets.partitions import CATEGORY
    from orchestration.instance import open_instance
    from orchestration.left_behind import fail_runs_left_behind
    from resources.leases import holder_now

    with open_instance(project.settings) as instance:
        fail_runs_left_behind(project.settings, instance)
        holder = holder_now(project.ledger, resource_of(category))
        if holder is not None and not run_is_over(instance, holder):
            raise LoraRefused(
                f"Run {holder} is at work on the LoRA of {category}. Nothing was started; its progress is in that run's log (`vitrine dev`). "
                "A run whose machine is gone gives way after a minute."
            )
        instance.add_dynamic_partitions(CATEGORY, [category])


@contextmanager
def _shown(category: str, *, quiet: bool) -> Iterator["Callable[[Progress], None]"]:
    """What shows progress: a bar on a terminal, a line for each tenth elsewhere, nothing when quiet."""
    if quiet:
        yield lambda _: None
    elif not sys.stderr.isatty():
        yield lambda progress: _line(category, progress)
    else:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
        from rich.progress import Progress as Bar

        columns = (TextColumn(category), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[told]}"))
        # While the step runs, Dagster sends what is written to standard error into the step's log: a bar is for this terminal alone.
        with os.fdopen(os.dup(sys.stderr.fileno()), "w") as terminal, Bar(*columns, console=Console(file=terminal)) as bar:
            bar.console.show_cursor(True)  # hidden, it would stay so where the process ends at once
            task = bar.add_task(category, total=None, told="loading and encoding")
            yield lambda progress: bar.update(task, total=progress.steps, completed=progress.step, told=_losses(progress))


def _line(category: str, progress: "Progress") -> None:
    if progress.step % max(1, progress.steps // TENTHS) == 0:
        typer.echo(f"{category}: {progress}", err=True)


def _losses(progress: "Progress") -> str:
    from training.pace import in_words

    losses = f"loss {progress.train_loss:.4f}, held out {progress.validation_loss:.4f}"
    return f"{losses}, {progress.images_per_s:.3g} images/s, {in_words(progress.remaining_s)} left"


def _told(project: Project, row: "Row", *, trained_now: bool) -> dict[str, Any]:
    from assets.planning import promoted_lora

    in_use, facts = promoted_lora(project, row["category"]), row["facts"]
    return {
        "category": row["category"],
        "lora_digest": row["lora_digest"],
        "trained_now": trained_now,
        "in_use": in_use is not None and in_use["key"] == row["key"],
        "decision": facts["decision"],
        "best_step": facts["best_step"],
        "base_validation_loss": facts["base_validation_loss"],
        "validation_loss": facts["validation_loss"],
        "seconds": row["seconds"],
        "curve": _picture(project, row, "curve_picture_digest", "curve.png"),
        "sample_sheet": _picture(project, row, "sample_sheet_digest", "samples.webp"),
    }


def _picture(project: Project, row: "Row", kept_as: str, name: str) -> str | None:
    """Where a picture of the training lies on this machine, fetched from the store if it was trained elsewhere; None when it is lost."""
    from training.atomic_files import write_atomic

    digest = row["facts"].get(kept_as)
    if digest is None or not project.store.has(digest):
        return None
    path: Path = project.settings.state_dir / "training" / "pictures" / row["lora_digest"][:16] / name
    write_atomic(path, project.store.get(digest))
    return str(path)


def _in_words(told: dict[str, Any]) -> Iterator[str]:
    how = (
        f"trained in {told['seconds']:.0f} s"
        if told["trained_now"]
        else "trained before; look, base model and settings are as they were then"
    )
    lower_pct = 100 * (1 - told["validation_loss"] / told["base_validation_loss"])
    yield f"{told['category']}: LoRA {told['lora_digest'][:12]}, {how}."
    yield (
        f"held-out loss {told['base_validation_loss']:.4f} (base model) to {told['validation_loss']:.4f} at step {told['best_step']}: "
        f"{lower_pct:.0f} % lower"
    )
    yield f"{clause(told['decision'])}. It is {'in use' if told['in_use'] else 'not in use'}."
    for what in ("curve", "sample_sheet"):
        if told[what] is not None:
            yield f"{what.replace('_', ' ')}: {told[what]}"
