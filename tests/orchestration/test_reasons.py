"""What is told of a failed run is the sentence that helps."""

import dagster as dg

from assets.house_rules import SPOT_RETRIES, told_at_once
from catalog.errors import LeaseRefused, ModelError, SettingsError
from orchestration.reasons import first_failure, gave_way


def told(error, cause=None):
    @dg.op
    def step():
        raise error from cause

    @dg.job
    def work():
        step()

    return first_failure(work.execute_in_process(raise_on_error=False).all_events)


def test_our_own_error_is_told_not_what_caused_it():
    """The cause, a line of a library, once reached the webhook in place of the file's name."""
    said = told(SettingsError("brand.yaml: no brand is named. Add it."), cause=ValueError("4 validation errors"))
    assert said == ("step", "brand.yaml: no brand is named. Add it.")


def test_of_foreign_errors_the_innermost_is_told():
    assert told(RuntimeError("a wrapper"), cause=ValueError("width: must be positive")) == ("step", "width: must be positive")


def test_a_run_without_a_failed_step_has_no_reason():
    @dg.job
    def nothing():
        pass

    assert first_failure(nothing.execute_in_process().all_events) is None


def test_an_error_of_ours_is_told_at_once_and_not_tried_again():
    """A missing model file was tried five times over five minutes before anyone heard of it."""
    tries = []

    @dg.op(retry_policy=SPOT_RETRIES)
    def step():
        tries.append(1)
        with told_at_once():
            raise ModelError("The base model lacks unet/config.json. Copy it again.")

    @dg.job
    def work():
        step()

    result = work.execute_in_process(raise_on_error=False)
    assert len(tries) == 1
    assert first_failure(result.all_events) == ("step", "The base model lacks unet/config.json. Copy it again.")


def test_a_run_that_gave_way_to_another_is_told_from_one_that_failed():
    """Every second backfill over a cell at work called somebody out of bed."""

    def events(error):
        @dg.op
        def step():
            with told_at_once():
                raise error

        @dg.job
        def work():
            step()

        return work.execute_in_process(raise_on_error=False).all_events

    assert gave_way(events(LeaseRefused("Run r1 is at work on cell/mugs/2026-11-21.")))
    assert not gave_way(events(SettingsError("brand.yaml: no brand is named.")))
