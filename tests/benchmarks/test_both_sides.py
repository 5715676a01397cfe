"""Both sides of the benchmarks at work on tiny models: they draw the same pictures, train the same task, and the reports hold what they need."""

import numpy as np
import pytest

from benchmarks import batching, throughput, training, workloads
from benchmarks.random_models import write_random_lora, write_random_model
from benchmarks.stock_diffusers import Job, draw_stock, load_stock
from benchmarks.stock_training import StockTask, train_stock
from benchmarks.workloads import Workload
from catalog.keys import digest_bytes
from generation.adapter import attach_lora
from generation.base_model import load_pipeline, read_base_model
from imaging.storage_format import decode_rgb
from tests.tiny_model import write_tiny_base_model, write_tiny_lora
from training.settings import LoraSettings
from training.training_set import build_training_set

SIZE_PX = 64


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Workload:
    folder = tmp_path_factory.mktemp("both-sides")
    model = write_tiny_base_model(folder / "model")
    loras = {name: write_tiny_lora(model, folder / f"{name}.safetensors", seed=seed) for name, seed in (("bags", 1), ("lamps", 2))}
    jobs = tuple(Job(category=name, prompt=f"{name} {n}", seed=n, file=f"{name}-{n}.png") for name in loras for n in range(2))
    return Workload(name="tiny", folder=model, loras=loras, jobs=jobs, out=folder, steps=2, guidance=3.0, size_px=SIZE_PX, device="cpu")


@pytest.fixture(scope="module")
def stock(work):
    return load_stock(work.folder, "cpu")


@pytest.fixture(scope="module")
def ours(work):
    return throughput.draw_ours(work, work.jobs, 2)


def test_both_sides_draw_the_same_pictures_into_files(work, stock, ours):
    files = [work.out / job.file for job in work.jobs]
    assert all(decode_rgb(file.read_bytes()).shape == (SIZE_PX, SIZE_PX, 3) for file in files)
    theirs = draw_stock(stock, work.jobs, work.loras, work.out, **work.settings)
    throughput.check_agreement(throughput.agreement(ours, theirs), "cpu")
    assert all(np.array_equal(decode_rgb(file.read_bytes()), picture) for file, picture in zip(files, theirs, strict=True))


@pytest.mark.parametrize("fuse", [False, True])
def test_an_opponent_that_draws_in_batches_draws_the_same_pictures_and_is_held_to_no_bar(work, stock, ours, fuse):
    theirs = draw_stock(stock, work.jobs, work.loras, work.out, **work.settings, batch=2, fuse=fuse)
    throughput.check_agreement(throughput.agreement(ours, theirs), "cpu")
    [row] = throughput.run_all([work], batch=2, repeats=1, cold=False, opponent={"batch": 2, "fuse": fuse})["rows"]
    assert row["bar"] is None and row["bar_met"] and row["opponent_draws"] == {"batch": 2, "fuse": fuse}


def test_a_swapped_lora_on_one_side_would_be_noticed(work, stock, ours):
    swapped = {"bags": work.loras["lamps"], "lamps": work.loras["bags"]}
    theirs = draw_stock(stock, work.jobs, swapped, work.out, **work.settings)
    with pytest.raises(SystemExit, match="do not do the same work"):
        throughput.check_agreement(throughput.agreement(ours, theirs), "cpu")


def test_the_batching_report_counts_what_a_batch_saves(work):
    row, _ = batching.measure_workload(work, (1, 2), images=1, repeats=1)
    assert set(row["batches"]) == {1, 2} and row["refused"] == {} and row["batches"][1]["saved_pct"] == 0
    assert row["batches"][2]["images_per_s"] > 0 and (row["batches"][1]["images"], row["batches"][2]["images"]) == (1, 2)


def test_a_report_holds_ratio_agreement_and_the_share_of_the_peak(work):
    report = throughput.run_all([work], batch=2, repeats=1, cold=False)
    [row] = report["rows"]
    assert row["pictures"] == 4 and row["agreement"]["levels"] <= 1 and row["ratio"]["median"] > 0
    assert row["used_pct"]["ours"] > 0 and row["flops_per_picture"] > 0
    assert "| tiny |" in throughput.table_of([row], "cpu")
    assert Workload.from_json(work.as_json()) == work


def test_ours_holds_a_model_as_it_is_told_and_the_name_says_so(work, ours):
    held = throughput.as_held(work, {"memory": "staged", "weights": "float8"})
    assert throughput.as_held(work, {"compile": True}).name == "tiny, ours compile"
    assert held.name == "tiny, ours staged, ours float8" and Workload.from_json(held.as_json()) == held
    rounded = throughput.draw_ours(held, work.jobs[:2], 2)
    found = throughput.agreement(rounded, ours[:2])
    assert found.levels > 1 and found.share < 1, "weights of eight bits draw about the same picture"


def test_the_stock_trainer_learns_and_its_file_fits(tmp_path):
    model = write_tiny_base_model(tmp_path / "model")
    task = StockTask(
        folder=model, pictures=[np.full((SIZE_PX, SIZE_PX, 3), 40 * n, np.uint8) for n in range(4)], captions=["a", "b", "c", "d"],
        trigger="vit look", empty_share=0.1, trigger_share=0.4, targets=("to_q", "to_v", "conv1"), rank=2, batch_size=2,
        betas=(0.9, 0.99), rate_of_step=lambda _: 1e-2, steps=6, precision="float32", device="cpu", seed=0,
    )  # fmt: skip
    steps = list(train_stock(task, {6: tmp_path / "stock.safetensors"}))
    again = list(train_stock(task, {}))
    assert [step.loss for step in steps] == [step.loss for step in again] and len(steps) == 6
    pipeline = load_pipeline(read_base_model(model))
    data = (tmp_path / "stock.safetensors").read_bytes()
    assert attach_lora(pipeline, tmp_path / "stock.safetensors", digest_bytes(data)) > 0


def test_both_trainers_are_timed_on_the_same_task(work):
    base_model = read_base_model(work.folder)
    look = build_training_set(training.noise_pictures(10, SIZE_PX), {}, "vit look", size_px=SIZE_PX)
    settings = LoraSettings(steps=5, rank=2, batch_size=2, target_modules="attention", precision="float32", learning_rate=1e-4)
    row, rounds = training.measure("tiny", settings, look, base_model, repeats=1)
    assert row["curves_agree"] and row["ratio"]["median"] > 0 and len(rounds) == 1
    assert row["flops_per_step"] > 0 and len(row["losses"]["ours"]) == 3
    row |= {"bar": 1.5, "used_pct": {"opponent": 1.0, "ours": None}}
    assert "| >= 1.5 | 1 % / - |" in training.table_of([row], "cpu")


def test_a_model_of_a_published_layout_is_built_drawn_and_trained_by_the_stock_side(tmp_path):
    model = write_random_model(tmp_path / "model", "sdxl-tiny")
    lora = write_random_lora(model, tmp_path / "lora.safetensors", rank=2)
    job = Job(category="random", prompt="oak table", seed=3, file="a.png")
    settings = {"steps": 2, "guidance": 5.0, "size_px": SIZE_PX}
    pipeline = load_stock(model, "cpu")
    [with_lora] = draw_stock(pipeline, [job], {"random": lora}, tmp_path, **settings)
    assert with_lora.shape == (SIZE_PX, SIZE_PX, 3)
    task = StockTask(
        folder=model, pictures=[with_lora] * 2, captions=["a", "b"], trigger="a look", empty_share=0.0, trigger_share=0.0, targets=("to_q",),
        rank=2, batch_size=2, betas=(0.9, 0.99), rate_of_step=lambda _: 1e-2, steps=1, precision="float32", device="cpu", seed=0,
    )  # fmt: skip
    assert np.isfinite([step.loss for step in train_stock(task, {})]).all()


def test_the_row_for_a_gpu_runs_at_a_tiny_size_on_a_cpu(tmp_path):
    sampling = [(2, 5.0), workloads.SDXL_FAST]
    guided, fast = workloads.sdxl_workloads(tmp_path, size="sdxl-tiny", size_px=SIZE_PX, device="cpu", pictures=2, sampling=sampling)
    assert (fast.steps, fast.guidance) == (8, 1.0)
    [row] = throughput.run_all([guided], batch=2, repeats=1, cold=False)["rows"]
    assert row["agreement"]["levels"] <= 1 and row["workload"] == "sdxl-tiny, 64 px, 2 steps, guidance 5"


def test_steps_that_validate_are_not_timed():
    stamps = [(float(n), 10.0 * n) for n in range(6)]
    cpu_s, wall_s = training._gaps(stamps)
    assert cpu_s == [1.0] * 3 and wall_s == [10.0] * 3


def test_a_batch_that_memory_halved_is_not_counted_as_one(work, monkeypatch):
    monkeypatch.setattr("generation.batch_sizes.BatchSize.images", property(lambda size: min(size.wanted, 2)))
    row, _ = batching.measure_workload(work, (1, 4), images=1, repeats=1)
    assert set(row["batches"]) == {1} and row["refused"] == {4: "out of memory, 2 fit"}
