"""Both sides of the benchmarks at work on tiny models: they draw the same pictures, train the same task, and the reports hold what they need."""

import numpy as np
import pytest

from benchmarks import throughput, training
from benchmarks.random_models import write_random_lora, write_random_model
from benchmarks.stock_diffusers import Job, draw_stock, load_stock
from benchmarks.stock_training import StockTask, train_stock
from benchmarks.workloads import Workload
from catalog.keys import digest_bytes
from generation.adapter import attach_lora
from generation.base_model import load_pipeline, read_base_model
from tests.tiny_model import write_tiny_base_model, write_tiny_lora

SIZE_PX = 64


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Workload:
    folder = tmp_path_factory.mktemp("both-sides")
    model = write_tiny_base_model(folder / "model")
    loras = {name: write_tiny_lora(model, folder / f"{name}.safetensors", seed=seed) for name, seed in (("bags", 1), ("lamps", 2))}
    jobs = tuple(Job(category=name, prompt=f"{name} {n}", seed=n, file=f"{name}-{n}.png") for name in loras for n in range(2))
    return Workload(name="tiny", folder=model, loras=loras, jobs=jobs, out=folder, steps=2, guidance=3.0, size_px=SIZE_PX, device="cpu")


def test_both_sides_draw_the_same_pictures_into_files(work):
    ours, theirs = (
        throughput.draw_ours(work, work.jobs, 2),
        draw_stock(load_stock(work.folder, "cpu"), work.jobs, work.loras, work.out, **work.settings),
    )
    throughput.check_agreement(throughput.agreement(ours, theirs), "cpu")
    assert all((work.out / job.file).stat().st_size > 0 for job in work.jobs)


def test_a_lora_left_out_by_one_side_would_be_noticed(work):
    swapped = {"bags": work.loras["lamps"], "lamps": work.loras["bags"]}
    ours = throughput.draw_ours(work, work.jobs, 2)
    theirs = draw_stock(load_stock(work.folder, "cpu"), work.jobs, swapped, work.out, **work.settings)
    with pytest.raises(SystemExit, match="do not do the same work"):
        throughput.check_agreement(throughput.agreement(ours, theirs), "cpu")


def test_a_report_holds_ratio_agreement_and_the_share_of_the_peak(work):
    report = throughput.run_all([work], batch=2, repeats=1, cold=False)
    [row] = report["rows"]
    assert row["pictures"] == 4 and row["agreement"]["levels"] <= 1 and row["ratio"]["median"] > 0
    assert row["used_pct"]["ours"] > 0 and row["flops_per_picture"] > 0
    assert "| tiny |" in throughput.table_of([row], "cpu")
    assert Workload.from_json(work.as_json()) == work


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


def test_steps_that_validate_are_not_timed():
    stamps = [(float(n), 10.0 * n) for n in range(6)]
    cpu_s, wall_s = training._gaps(stamps)
    assert cpu_s == [1.0] * 3 and wall_s == [10.0] * 3
