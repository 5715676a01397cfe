"""Run a Great Expectations suite on a data frame and hand back which rows broke which expectation. Knows no rules and no products."""

import itertools
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from catalog.errors import GateError

if TYPE_CHECKING:
    import pandas as pd

_TURN = itertools.count()


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One row that did not meet one expectation; `meta` is what the expectation was given."""

    index: str
    meta: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Validation:
    """Everything a suite found, and how many expectations were evaluated and met."""

    findings: tuple[Finding, ...]
    evaluated: int
    met: int


def validate(frame: "pd.DataFrame", build: Callable[[], list[Any]], *, name: str, index_column: str) -> Validation:
    """Findings of a suite on a frame. `build` makes the expectations (a context must exist before they are made).

    Looks at every result, also successful ones: with `mostly`, a met expectation still has unexpected rows. Raises GateError when an
    expectation could not be evaluated.
    """
    context, suite = _context(), suite_of(name, build)
    source_name = f"{name}-{next(_TURN)}"
    source = context.data_sources.add_pandas(source_name)
    try:
        batch = (
            source.add_dataframe_asset("rows").add_batch_definition_whole_dataframe("all").get_batch(batch_parameters={"dataframe": frame})
        )
        result = batch.validate(
            suite,
            result_format={
                "result_format": "COMPLETE",
                "unexpected_index_column_names": [index_column],
                "return_unexpected_index_query": False,
            },
        )
    finally:
        # The context lives as long as the process; a source left in it would keep the frame.
        context.data_sources.delete(source_name)
    findings = []
    for item in result.results:
        meta = dict(item.expectation_config.meta or {})
        if _raised(item.exception_info):
            raise GateError(
                f"Expectation {item.expectation_config.type} on {item.expectation_config.kwargs.get('column')} could not be evaluated: "
                f"{str(item.exception_info)[:300]}. Nothing was judged."
            )
        for row in item.result.get("unexpected_index_list") or []:
            value = row[index_column]
            findings.append(Finding(index=str(value.item() if hasattr(value, "item") else value), meta=meta))
    counted = result.statistics
    return Validation(
        findings=tuple(findings), evaluated=int(counted["evaluated_expectations"]), met=int(counted["successful_expectations"])
    )


def suite_of(name: str, build: Callable[[], list[Any]]) -> Any:
    """A Great Expectations suite. `build` makes the expectations."""
    _context()
    import great_expectations as gx

    return gx.ExpectationSuite(name=name, expectations=build())


def _raised(info: dict[str, Any] | None) -> bool:
    """Whether an exception was raised; the report is flat or nested by metric, depending on where it happened."""
    if not info:
        return False
    if "raised_exception" in info:
        return bool(info["raised_exception"])
    return any(_raised(part) for part in info.values() if isinstance(part, dict))


@cache
def _context() -> Any:
    """One ephemeral context per process: no files, no telemetry, no progress bars."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    for noisy in ("great_expectations.data_context.types.base", "great_expectations"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return context
