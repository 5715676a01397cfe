"""The command that trains the embedded base model: autoencoder, then denoiser, then export and sheet.

    python -m demo.make.base_model.train --scenes SCENES --work WORK --crops 60000 --samples 300000 --export OUT

Every stage goes on where its checkpoint in WORK stopped, also after a kill; a stage that reached its number is skipped,
so a larger number prolongs it. `--now` skips training and exports what the checkpoints hold. Renders no scenes.
"""

import argparse
import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from demo.make.base_model.autoencoder import AutoencoderPlan, AutoencoderRun, build_autoencoder
from demo.make.base_model.data import Scene, list_scenes
from demo.make.base_model.denoiser import DenoiserPlan, DenoiserRun
from demo.make.base_model.export import assemble
from demo.make.base_model.latents import LatentStore
from demo.make.base_model.networks import build_text_encoder, build_unet, start_from
from demo.make.base_model.sheet import CAPTIONS, FIRST_CAPTIONS, draw_pictures, lay_out
from demo.make.base_model.tokenizer import build_tokenizer

if TYPE_CHECKING:
    from diffusers import AutoencoderTiny


@dataclass(frozen=True, kw_only=True)
class Job:
    """What one call of the command is asked to do."""

    scenes: tuple[Path, ...]
    work: Path
    start_from: Path | None
    autoencoder: AutoencoderPlan
    denoiser: DenoiserPlan
    channels: tuple[int, int, int] = (96, 128, 192)
    device: str = "cpu"

    def find_scenes(self) -> list[Scene]:
        """All scenes there are now, without the captions that the sheets show."""
        return list_scenes(self.scenes, never_train_on=(*CAPTIONS, *FIRST_CAPTIONS))


def report_line(line: str) -> None:
    """Print at once, so that a log can be followed."""
    print(line, flush=True)


def train_autoencoder(job: Job, report: Callable[[str], None] = report_line) -> "AutoencoderTiny":
    """Bring the autoencoder to its planned crops and return it with averaged weights, as saved in WORK/vae."""
    import torch
    from diffusers import AutoencoderTiny

    folder = job.work / "vae"
    fresh = job.start_from is None
    torch.manual_seed(job.autoencoder.seed)
    first = build_autoencoder() if job.start_from is None else AutoencoderTiny.from_pretrained(job.start_from / "vae", dtype=torch.float32)
    scenes = job.find_scenes()
    run = AutoencoderRun(first, job.autoencoder, job.work / "autoencoder.pt", continues=not fresh, device=job.device)
    if run.seen < job.autoencoder.crops or not folder.exists():
        run.advance(scenes, report)
        report(f"autoencoder: {run.measure(scenes)}")
        run.export(folder, scenes)
    trained: AutoencoderTiny = AutoencoderTiny.from_pretrained(folder, dtype=torch.float32)
    return trained


def open_denoiser(job: Job, report: Callable[[str], None] = report_line) -> DenoiserRun:
    """The denoiser where its checkpoint stopped, else started from an older model, else fresh."""
    import torch

    torch.manual_seed(job.denoiser.seed)
    tokenizer, unet = build_tokenizer(), build_unet(job.channels)
    text_encoder = build_text_encoder(tokenizer)
    checkpoint = job.work / "denoiser.pt"
    if job.start_from is not None and not checkpoint.exists():
        known = start_from(job.start_from, unet, text_encoder, tokenizer)
        report(f"denoiser: starts from {job.start_from.name}, which knew {known} of {len(tokenizer)} tokens")
    return DenoiserRun(unet, text_encoder, tokenizer, job.denoiser, checkpoint, device=job.device)


def export_model(run: DenoiserRun, autoencoder: "AutoencoderTiny", folder: Path) -> int:
    """Write the averaged weights as a diffusers folder; returns its size in bytes."""
    with run.average:
        unet_state = {name: value.cpu().clone() for name, value in run.unet.state_dict().items()}
        text_encoder = copy.deepcopy(run.text_encoder).cpu().eval()
    unet = type(run.unet).from_config(run.unet.config)
    unet.load_state_dict(unet_state)
    return assemble(
        unet=unet,
        text_encoder=text_encoder,
        tokenizer=run.tokenizer,
        autoencoder=copy.deepcopy(autoencoder).cpu(),
        folder=folder,
    )


def parse(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line, as a namespace."""
    parser = argparse.ArgumentParser(description="Train the embedded base model; resumes where it stopped.")
    parser.add_argument("--scenes", type=Path, action="append", required=True, help="scene folder; may be repeated")
    parser.add_argument("--work", type=Path, required=True, help="folder for checkpoints and cached latents")
    parser.add_argument("--start-from", type=Path, help="older base model to continue from")
    parser.add_argument("--crops", type=int, default=60_000, help="autoencoder: training crops in all")
    parser.add_argument("--samples", type=int, default=300_000, help="denoiser: training samples in all")
    parser.add_argument("--cool-down", type=int, default=30_000, help="denoiser: last samples, at a falling rate")
    parser.add_argument("--rate", type=float, default=6e-4, help="denoiser: peak learning rate")
    parser.add_argument("--batch", type=int, default=32, help="denoiser: samples per step")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--export", type=Path, help="write the finished model here")
    parser.add_argument("--sheet", type=Path, help="draw sixteen unseen captions here (needs --export)")
    parser.add_argument("--first-words", action="store_true", help="sheet: only words of the first scenes")
    parser.add_argument("--now", action="store_true", help="no training: export what the checkpoints hold")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is left of the stages, then export."""
    import torch

    asked = parse(arguments)
    torch.set_num_threads(asked.threads)
    torch.set_flush_denormal(True)
    job = Job(
        scenes=tuple(asked.scenes),
        work=asked.work,
        start_from=asked.start_from,
        autoencoder=AutoencoderPlan(crops=0 if asked.now else asked.crops, peak_rate=6e-4 if asked.start_from else 1.5e-3),
        denoiser=DenoiserPlan(samples=asked.samples, batch=asked.batch, peak_rate=asked.rate, cool_down=asked.cool_down),
        device=asked.device,
    )
    autoencoder = train_autoencoder(job)
    run = open_denoiser(job)
    if not asked.now:
        run.advance(job.find_scenes, LatentStore(autoencoder, job.work / "latents.pt", job.device), report_line)
    if asked.export:
        size_bytes = export_model(run, autoencoder, asked.export)
        report_line(f"{asked.export}: {size_bytes / 1e6:.1f} MB after {run.seen} samples")
    if asked.export and asked.sheet:
        captions = FIRST_CAPTIONS if asked.first_words else CAPTIONS
        lay_out(draw_pictures(asked.export, captions), captions, asked.sheet)


if __name__ == "__main__":
    main()
