"""The Parquet table: what each column holds and means, nulls where nothing was evaluated, the same bytes for the same rows."""

import datetime as dt
import io

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from catalog.errors import GateError
from quality.columns import COLUMNS, MEASUREMENT_VERSION
from quality.measurement_table import ABOUT, measurement_schema, measurement_table, parquet_bytes

AT = dt.datetime(2026, 11, 21, 12, 30, 0, 250_000)


def row(sku="MUG-1", **changes):
    return {
        "render_key": f"key of {sku}", "render_id": f"{sku}.packshot_white.0", "sku": sku, "category": "mugs", "drop": "2026-11-21",
        "recipe": "packshot_white", "idx": 0, "seed": 7, "gate_verdict": "review", "standing_verdict": "approved",
        "reasons": ["FILL", "HALO"], "measured_at": AT, "ssim": 0.98, "file_format": "PNG", "expected_known": 1.0, **changes,
    }  # fmt: skip


def read(rows):
    return pq.read_table(io.BytesIO(parquet_bytes(measurement_table(rows))))


def test_every_measured_column_is_there_with_unit_range_source_and_meaning():
    schema = read([row()]).schema
    assert schema.names == [*ABOUT, *COLUMNS]
    for name, column in COLUMNS.items():
        told = schema.field(name).metadata
        assert (told[b"unit"].decode(), told[b"source"].decode(), told[b"meaning"].decode()) == (column.unit, column.source, column.meaning)
    assert schema.field("fill_pct").metadata[b"range"] == b"0 to 100"
    assert schema.field("noise_added").metadata[b"range"] == b"any number"
    assert all(schema.field(name).metadata[b"meaning"] for name in ABOUT)
    assert schema.metadata[b"vitrine.measurement_version"].decode() == MEASUREMENT_VERSION


def test_values_come_back_as_they_went_in_with_their_types():
    table = read([row()])
    wanted = {
        "sku": pa.string(), "idx": pa.int64(), "ssim": pa.float64(), "file_format": pa.string(), "expected_known": pa.bool_(),
        "reasons": pa.list_(pa.string()), "measured_at": pa.timestamp("us", tz="UTC"),
    }  # fmt: skip
    assert {name: table.schema.field(name).type for name in wanted} == wanted
    (back,) = table.to_pylist()
    assert {name: back[name] for name in wanted} == {
        "sku": "MUG-1", "idx": 0, "ssim": 0.98, "file_format": "PNG", "expected_known": True, "reasons": ["FILL", "HALO"],
        "measured_at": AT.replace(tzinfo=dt.UTC),
    }  # fmt: skip


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), np.float64("nan")])
def test_what_was_not_evaluated_is_null_and_neither_zero_nor_a_number(value):
    column = read([row("A", ssim=value), row("B", ssim=0.5)])["ssim"]
    assert column.null_count == 1
    assert not pc.any(pc.is_nan(column)).as_py(), "a NaN would make every mean a NaN"
    assert pc.mean(column).as_py() == 0.5


def test_a_missing_name_is_null_and_no_reasons_are_not_the_same_as_not_judged():
    judged, unjudged = read([row("A", reasons=[]), row("B", reasons=None)])["reasons"].to_pylist()
    assert judged == [] and unjudged is None
    assert read([row()])["fill_pct"].null_count == 1


def test_pandas_reads_it_and_averages_what_there_is():
    frame = pd.read_parquet(io.BytesIO(parquet_bytes(measurement_table([row("A"), row("B", ssim=None)]))))
    assert frame["ssim"].mean() == 0.98 and frame["ssim"].dtype == "float64"
    assert str(frame["measured_at"].dtype) == "datetime64[us, UTC]"
    assert frame.query("gate_verdict == 'review'")["sku"].tolist() == ["A", "B"]
    assert [list(codes) for codes in frame["reasons"]] == [["FILL", "HALO"]] * 2


def test_the_same_rows_in_another_order_give_the_same_bytes():
    rows = [row("A"), row("B"), row("A", recipe="backdrop"), row("A", idx=1)]
    assert parquet_bytes(measurement_table(rows)) == parquet_bytes(measurement_table(rows[::-1]))
    assert parquet_bytes(measurement_table(rows)) != parquet_bytes(measurement_table([*rows[:3], row("A", idx=1, ssim=0.9)]))


def test_a_table_without_renders_still_says_what_its_columns_are():
    table = read([])
    assert table.num_rows == 0 and table.schema.names == measurement_schema().names


@pytest.mark.parametrize("wrong", [{"ssim": "high"}, {"file_format": 3.0}, {"reasons": "FILL"}, {"measured_at": "today"}])
def test_a_value_of_another_type_is_refused_by_name(wrong):
    (name,) = wrong
    with pytest.raises(GateError, match=f"Column {name} holds"):
        measurement_table([row(**wrong)])
