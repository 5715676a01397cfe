"""The parts of the benchmarks that decide something: ratios, bars, agreement, prices. None of them measures a time here."""

import json

import numpy as np
import pytest
from pydantic import ValidationError

from benchmarks import batching, cost, throughput, training
from benchmarks.gpus import find_gpu, read_gpus, usd_per_10000, utilization_pct
from benchmarks.side_by_side import Spent, note_on, ratio, summary, take_turns

MACHINE = {
    "versions": {"torch": "2.13.0"}, "processor": "a processor", "cores": 2, "torch_threads": 1, "highest_load": 0.4, "disturbed": False,
    "date": "2026-11-21",
}  # fmt: skip


def spent(cpu_s: float, wall_s: float = 9.0) -> Spent:
    return Spent(cpu_s=cpu_s, wall_s=wall_s, load=0.5)


def throughput_report(tmp_path, gpu: str | None = "NVIDIA L4", seconds: float = 3.6):
    side = {"seconds_per_item": seconds, "wall_seconds_per_item": seconds, "cpu_seconds_per_item": seconds}
    row = {"workload": "sdxl, 1024 px", "ours": side, "flops_per_picture": 4e14}
    report = {"benchmark": "throughput", "machine": MACHINE | ({"gpu": gpu} if gpu else {}), "rows": [row]}
    file = tmp_path / "throughput-cuda.json"
    file.write_text(json.dumps(report))
    return file


def test_sides_take_turns_and_warm_up_rounds_are_not_counted():
    order, seen = [], []
    rounds = take_turns({"a": lambda: order.append("a") or 1, "b": lambda: order.append("b") or 2}, repeats=3, after_round=seen.append)
    assert order == ["a", "b", "b", "a", "a", "b", "b", "a"]
    assert len(rounds) == 3 and seen == [{"a": 1, "b": 2}] * 4


def test_a_ratio_is_the_median_of_the_rounds_own_ratios():
    rounds = [{"them": spent(them), "us": spent(us)} for them, us in ((2.0, 1.0), (9.0, 3.0), (8.0, 1.0))]
    assert ratio(rounds, "them", "us", "cpu_s")["median"] == 3.0
    assert ratio(rounds, "them", "us", "wall_s")["median"] == 1.0
    assert summary(rounds, "us", 2, "cpu_s")["seconds_per_item"] == 0.5


def test_pictures_two_levels_apart_stop_the_benchmark_on_a_cpu():
    gray = np.full((4, 4, 3), 100, np.uint8)
    near, far = gray.copy(), gray.copy()
    near[0, 0, 0], far[0, 0, 0] = 101, 98
    throughput.check_agreement(throughput.agreement([gray, near], [gray, gray]), "cpu")
    with pytest.raises(SystemExit, match="2 levels"):
        throughput.check_agreement(throughput.agreement([gray, far], [gray, gray]), "cpu")


def test_a_missing_picture_is_not_overlooked():
    with pytest.raises(AssertionError):
        throughput.agreement([np.zeros((2, 2, 3), np.uint8)], [])


def test_a_disturbed_machine_is_named_below_the_table():
    assert "DISTURBED" not in note_on(MACHINE)
    assert "DISTURBED: load 3.1 on 2 cores" in note_on(MACHINE | {"highest_load": 3.1, "disturbed": True})


def test_a_gpu_is_known_by_whole_words_of_its_name():
    gpus = read_gpus()
    assert find_gpu("NVIDIA L40S", gpus).name == "NVIDIA L40S"
    assert find_gpu("NVIDIA L4", gpus).name == "NVIDIA L4"
    assert find_gpu("NVIDIA H100 80GB HBM3", gpus).bf16_tflops == 989
    assert find_gpu("NVIDIA T4", gpus) is None
    assert utilization_pct(60.5e12, "NVIDIA L4", gpus) == 50.0
    assert utilization_pct(60.5e12, "NVIDIA T4", gpus) is None


def test_every_price_has_a_source_and_a_date_and_runs_upward():
    gpus = read_gpus()
    prices = [price for gpu in gpus for price in gpu.prices]
    assert len(prices) >= 6 and all(price.source and price.date.year >= 2026 for price in prices)
    with pytest.raises(ValidationError, match="lower one first"):
        type(prices[0])(**prices[0].model_dump() | {"usd_per_hour": (2.0, 1.0)})
    with pytest.raises(ValidationError, match="Extra inputs"):
        type(gpus[0])(**gpus[0].model_dump() | {"memory_gb": 24})


def test_ten_thousand_images_cost_hours_times_price():
    price = find_gpu("NVIDIA L4", read_gpus()).prices[1]
    assert usd_per_10000(3.6, price) == pytest.approx((8.05, 8.05))


def test_costs_come_from_measured_seconds_and_from_nothing_else(tmp_path):
    reports = cost.read_reports([throughput_report(tmp_path)])
    rows = cost.cost_rows(reports, read_gpus())
    assert [row["price"].kind for row in rows] == ["spot", "on demand"]
    assert "| sdxl, 1024 px | NVIDIA L4 | 3.600 | on demand, AWS g6.xlarge, 2026-11-20 | 8.05 |" in cost.table_of(rows, [])


def test_a_gpu_without_a_price_or_no_gpu_at_all_has_no_cost(tmp_path):
    [row] = cost.cost_rows(cost.read_reports([throughput_report(tmp_path, "NVIDIA H200")]), read_gpus())
    assert row["usd"] is None and "not in gpus.yaml" in cost.table_of([row], [])
    assert cost.cost_rows(cost.read_reports([throughput_report(tmp_path, None)]), read_gpus()) == []
    assert "No report measured a GPU" in cost.table_of([], [])


def test_a_file_that_is_no_report_is_refused(tmp_path):
    (tmp_path / "other.json").write_text('{"benchmark": "training"}')
    with pytest.raises(SystemExit, match=r"no report of benchmarks\.throughput"):
        cost.read_reports([tmp_path / "other.json"])


def test_curves_agree_within_what_seeds_make_and_no_further():
    assert training.curves_agree([0.20, 0.22, 0.24], [0.21, 0.23, 0.22])
    assert not training.curves_agree([0.20, 0.21, 0.20], [0.25, 0.26, 0.25])
    assert training.curves_agree([0.200], [0.203])
    assert not training.curves_agree([0.200], [0.206])


def test_the_batching_table_tells_what_did_not_fit():
    rows = [
        {
            "workload": "sdxl",
            "batches": {1: {"images_per_s": 0.5, "saved_pct": 0.0}, 2: {"images_per_s": 1.0, "saved_pct": 50.0}},
            "refused": {4: "no"},
        }
    ]
    assert "| sdxl | 0.50 (+0 %) | 1.00 (+50 %) | no memory |" in batching.table_of(rows)


@pytest.mark.parametrize("benchmark", [throughput, training, batching])
def test_without_a_gpu_the_cuda_rows_say_so_and_are_skipped(benchmark, monkeypatch, capsys):
    import torch

    if torch.cuda.is_available():
        pytest.skip("a CUDA device is at hand: its rows are measured, not skipped")
    monkeypatch.setattr("sys.argv", ["benchmark", "--device", "cuda"])
    assert benchmark.main() == 0
    assert "No CUDA device is at hand: not measured, skipped." in capsys.readouterr().out
