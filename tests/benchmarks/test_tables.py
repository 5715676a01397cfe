"""The parts of the benchmarks that decide something: ratios, bars, agreement, prices. None of them measures a time here."""

import json

import numpy as np
import pytest
from pydantic import ValidationError

from benchmarks import batching, command_line, cost, throughput, training
from benchmarks.family_drawing import Drawing
from benchmarks.gpus import find_gpu, read_gpus, usd_per_10000, utilization_pct
from benchmarks.side_by_side import Spent, note_on, ratio, summary, take_turns

MACHINE = {
    "versions": {"torch": "2.13.0"}, "processor": "a processor", "cores": 2, "torch_threads": 1, "highest_load": 0.4, "disturbed": False,
    "date": "2026-11-21",
}  # fmt: skip


SDXL = Drawing(family="sdxl", size_px=1024, steps=30, guidance=5.0)


def spent(cpu_s: float, wall_s: float = 9.0) -> Spent:
    return Spent(cpu_s=cpu_s, wall_s=wall_s, load=0.5)


def throughput_report(tmp_path, gpu: str | None = "NVIDIA L4", seconds: float = 3.6):
    side = {"seconds_per_item": seconds, "wall_seconds_per_item": seconds, "cpu_seconds_per_item": seconds}
    row = {"workload": SDXL.name, "ours": side, "flops_per_picture": 4e14}
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
        type(gpus[0])(**gpus[0].model_dump() | {"cores": 24})


def test_ten_thousand_images_cost_hours_times_price():
    assert usd_per_10000(3.6, (0.805, 1.0)) == pytest.approx((8.05, 10.0))
    assert find_gpu("NVIDIA L4", read_gpus()).usd_per_hour == (0.41, 0.805)


def cost_on(gpu: str, reports, drawing: Drawing = SDXL) -> cost.Cost:
    return cost.cost_of(drawing, find_gpu(gpu, read_gpus()), cost.measured_in(cost.read_reports(reports)))


def test_costs_come_from_measured_seconds(tmp_path):
    cell = cost_on("L4", [throughput_report(tmp_path)])
    assert (cell.how, cell.seconds) == ("measured", 3.6) and cell.usd == pytest.approx((4.1, 8.05))
    assert "| 4.10-8.05 (measured, 3.600 s) |" in cost.table_of([cell], "$")


def test_what_no_gpu_measured_has_no_cost(tmp_path):
    for reports in ([], [throughput_report(tmp_path, None)]):
        cell = cost_on("L4", reports)
        assert (cell.how, cell.seconds, cell.usd) == ("not measured", None, None)
    z_image = Drawing(family="z-image", size_px=1024, steps=8)
    assert cost_on("L4", [throughput_report(tmp_path)], z_image).how == "not measured"


def test_another_gpus_share_gives_an_estimate_that_says_so(tmp_path):
    report = throughput_report(tmp_path, "NVIDIA H200", seconds=1.0)
    cell = cost_on("H100", [report])
    assert cell.how == "estimate" and cell.seconds == pytest.approx(1.0)  # the makers say as many operations of both
    assert cost_on("A100", [report]).seconds == pytest.approx(989 / 312)
    assert "(estimate, 1.000 s; MFU 40 % of NVIDIA H200)" in cost.table_of([cell], "$")


def test_weights_that_do_not_fit_are_not_estimated(tmp_path):
    qwen = Drawing(family="qwen-image-edit", size_px=1024, steps=4, references=1)
    report = json.loads(throughput_report(tmp_path, "NVIDIA H200").read_text())
    report["rows"][0]["workload"] = qwen.name
    (tmp_path / "qwen.json").write_text(json.dumps(report))
    cell = cost_on("L4", [tmp_path / "qwen.json"], qwen)
    assert cell.how == "not measured" and cell.remark == "41 GB of weights, 24 GB of memory" and cell.usd is None
    assert cost_on("H100", [tmp_path / "qwen.json"], qwen).how == "estimate"


def test_the_fastest_batch_of_a_batching_report_counts(tmp_path):
    batches = {str(n): {"wall_seconds_per_item": s} for n, s in ((1, 2.0), (4, 1.25), (8, 1.5))}
    row = {"workload": SDXL.name, "batches": batches, "flops_per_picture": 4e14}
    unmeasured = {"workload": "z-image", "batches": {}, "flops_per_picture": 4e14}
    (tmp_path / "b.json").write_text(
        json.dumps({"benchmark": "batching", "machine": MACHINE | {"gpu": "NVIDIA L40S"}, "rows": [row, unmeasured]})
    )
    assert cost_on("L40S", [tmp_path / "b.json"]).seconds == 1.25


def test_a_gpu_without_a_price_has_seconds_and_no_cost(tmp_path):
    gpu = find_gpu("L4", read_gpus()).model_copy(update={"prices": ()})
    cell = cost.cost_of(SDXL, gpu, cost.measured_in(cost.read_reports([throughput_report(tmp_path)])))
    assert cell.usd is None and "no price (measured, 3.600 s; no price in gpus.yaml)" in cost.table_of([cell], "$")
    assert "| NVIDIA L4 | none found |" in cost.prices_table([gpu])


def test_a_file_that_is_no_report_and_one_of_a_tiny_run_are_refused(tmp_path):
    (tmp_path / "other.json").write_text('{"benchmark": "training"}')
    with pytest.raises(SystemExit, match=r"no report of benchmarks\.throughput"):
        cost.read_reports([tmp_path / "other.json"])
    command_line.finish({"benchmark": "batching", "rows": []}, tmp_path / "tiny.json", tiny=True)
    with pytest.raises(SystemExit, match="its numbers say nothing"):
        cost.read_reports([tmp_path / "tiny.json"])


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
    assert "| sdxl | 0.50 (+0 %) | 1.00 (+50 %) | no memory | - | true size |" in batching.table_of(rows)


def test_the_batching_table_tells_the_share_of_a_known_gpu_and_the_scale():
    row = {"workload": "sdxl", "batches": {1: {"images_per_s": 1.0, "saved_pct": 0.0, "seconds_per_item": 1.0}}, "refused": {}}
    row |= {"flops_per_picture": 494.5e12, "scale": "1/9 of the weights"}
    assert "| sdxl | 1.00 (+0 %) | 50 % | 1/9 of the weights |" in batching.table_of([batching.add_used_pct(row, "NVIDIA H200")])
    assert "| - | 1/9" in batching.table_of([batching.add_used_pct(row, "GPU of tomorrow")])


@pytest.mark.parametrize("benchmark", [throughput, training, batching])
def test_without_a_gpu_the_cuda_rows_say_so_and_are_skipped(benchmark, monkeypatch, capsys):
    import torch

    if torch.cuda.is_available():
        pytest.skip("a CUDA device is at hand: its rows are measured, not skipped")
    monkeypatch.setattr("sys.argv", ["benchmark", "--device", "cuda"])
    assert benchmark.main() == 0
    assert "No CUDA device is at hand: not measured, skipped." in capsys.readouterr().out
