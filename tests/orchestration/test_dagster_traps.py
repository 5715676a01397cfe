"""Behavior of Dagster that once broke, or would break, publication by cells. Each test names the trap it holds.

The condition, partitions, backfill policy and check specs under test are the product's own; the assets around them are tiny, so that the
interplay of condition, event log and runs is what is tested.
"""

import datetime as dt

import dagster as dg
import pytest

from assets.generated_variants import generated_variants
from assets.partitions import ONE_CELL, cell_count, cells
from assets.product_pages import product_pages
from assets.published_images import PUBLISH_WHEN_JUDGED, published_images
from assets.validated_renders import validated_renders
from orchestration.jobs import produce_cell_job

OLD_DROP = "2026-11-03"
START = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)


def key(category, drop=OLD_DROP):
    return dg.MultiPartitionKey({"category": category, "drop": drop})


class Behavior:
    """A two-asset copy of verdicts -> publication with the product's condition, driven tick by tick on a real instance."""

    def __init__(self, check_is_partitioned=True):
        self.failing: set[str] = set()
        spec = dg.AssetCheckSpec("brand_gate", asset="verdicts", blocking=True, partitions_def=cells if check_is_partitioned else None)

        @dg.asset(partitions_def=cells, backfill_policy=ONE_CELL, check_specs=[spec])
        def verdicts(context):
            passed = context.partition_key not in self.failing
            return dg.MaterializeResult(check_results=[dg.AssetCheckResult(check_name="brand_gate", passed=passed)])

        @dg.asset(partitions_def=cells, deps=[verdicts], automation_condition=PUBLISH_WHEN_JUDGED)
        def published():
            return None

        self.verdicts, self.published = verdicts, published
        self.definitions = dg.Definitions(assets=[verdicts, published])
        self.instance = dg.DagsterInstance.ephemeral()
        self.instance.add_dynamic_partitions("category", ["bags", "hats"])
        self.now, self.cursor = START, None
        self.tick()

    def judge(self, category, drop=OLD_DROP, tags=None):
        return dg.materialize([self.verdicts], partition_key=key(category, drop), instance=self.instance, raise_on_error=False, tags=tags)

    def publish(self, category, drop=OLD_DROP):
        return dg.materialize(
            [self.verdicts, self.published], selection=["published"], partition_key=key(category, drop), instance=self.instance
        )

    def tick(self, minutes=1, days=0):
        """The cells that are requested at the next tick."""
        self.now += dt.timedelta(minutes=minutes, days=days)
        result = dg.evaluate_automation_conditions(
            defs=self.definitions, instance=self.instance, evaluation_time=self.now, cursor=self.cursor
        )
        self.cursor = result.cursor
        return {cell for entry in result.results for cell in entry.true_subset.expensively_compute_partition_keys()}


@pytest.fixture
def behavior():
    return Behavior()


def test_only_the_passing_cell_of_an_old_drop_is_published_and_only_once(behavior):
    """`eager()` looks at the latest time window only: a repaired old drop would never be published."""
    behavior.failing.add(f"bags|{OLD_DROP}")
    behavior.judge("bags")
    behavior.judge("hats")
    assert behavior.tick() == {f"hats|{OLD_DROP}"}
    assert behavior.tick() == set()


def test_a_new_day_publishes_nothing_by_itself(behavior):
    """`eager()` requests every category's new cell on day rollover although no product arrived."""
    behavior.judge("hats")
    behavior.tick()
    assert behavior.tick(days=1) == set()


def test_a_repaired_cell_is_published(behavior):
    behavior.failing.add(f"bags|{OLD_DROP}")
    behavior.judge("bags")
    assert behavior.tick() == set()
    behavior.failing.clear()
    behavior.judge("bags")
    assert behavior.tick() == {f"bags|{OLD_DROP}"}


def test_a_stale_pass_releases_nothing(behavior):
    """Verdicts renewed without a new check result: the old pass is not about these renders."""
    behavior.judge("hats")
    behavior.tick()
    behavior.instance.report_runless_asset_event(dg.AssetMaterialization("verdicts", partition=f"hats|{OLD_DROP}"))
    assert behavior.tick() == set()


def test_a_cell_that_fails_after_it_once_passed_is_not_published_again(behavior):
    behavior.judge("hats")
    behavior.tick()
    behavior.failing.add(f"hats|{OLD_DROP}")
    behavior.judge("hats")
    assert behavior.tick() == set()


def test_a_run_that_publishes_by_itself_is_not_followed_by_a_second_publication(behavior):
    """A tick fell between a job's verdicts and its publication: the cell was published twice."""
    behavior.judge("hats")
    assert behavior.tick() == {f"hats|{OLD_DROP}"}
    behavior.judge("bags", tags=produce_cell_job.tags)
    assert behavior.tick() == set()
    behavior.judge("bags")
    assert behavior.tick() == {f"bags|{OLD_DROP}"}


def test_an_unpartitioned_check_would_release_the_failed_cell_too():
    """Why `brand_gate` is partitioned. If Dagster mends this, the test fails and the comment in dagster's favor can be written."""
    behavior = Behavior(check_is_partitioned=False)
    behavior.failing.add(f"bags|{OLD_DROP}")
    behavior.judge("bags")
    behavior.judge("hats")
    assert f"bags|{OLD_DROP}" in behavior.tick()


def test_dagster_itself_lets_a_manual_run_publish_after_a_failed_gate(behavior):
    """A blocking check blocks only inside its own run, so `published_images` must refuse by itself (tested with the real asset)."""
    behavior.failing.add(f"bags|{OLD_DROP}")
    behavior.judge("bags")
    assert behavior.publish("bags").success


def test_the_product_wires_what_these_tests_assume():
    (gate,) = validated_renders.check_specs
    assert gate.name == "brand_gate"
    assert gate.blocking
    assert gate.partitions_def == cells
    assert published_images.automation_conditions_by_key[dg.AssetKey("published_images")] is PUBLISH_WHEN_JUDGED


@pytest.mark.parametrize("asset", [generated_variants, validated_renders, published_images, product_pages])
def test_a_backfill_makes_one_run_per_cell(asset):
    """`single_run` groups 2-D ranges by the smaller dimension: fifty categories, and so fifty LoRAs, in one step."""
    assert asset.backfill_policy == dg.BackfillPolicy.multi_run(max_partitions_per_run=1)


def test_today_is_a_valid_drop():
    """Without end_offset=1 the last valid key is yesterday, and a product that arrives today has no cell."""
    instance = dg.DagsterInstance.ephemeral()
    instance.add_dynamic_partitions("category", ["bags"])
    today = dt.datetime.now(dt.UTC)
    valid = cells.get_partition_keys(current_time=today, dynamic_partitions_store=instance)
    assert f"bags|{today.date().isoformat()}" in valid
    assert f"bags|{(today.date() + dt.timedelta(days=1)).isoformat()}" not in valid


def test_cells_are_counted_as_dagster_counts_them():
    """Every category times every drop, empty cells too: that number is what the web UI must bear."""
    instance = dg.DagsterInstance.ephemeral()
    instance.add_dynamic_partitions("category", ["bags", "hats"])
    today = dt.datetime.now(dt.UTC)
    keys = cells.get_partition_keys(current_time=today, dynamic_partitions_store=instance)
    assert len(keys) == cell_count(2, today.date())
