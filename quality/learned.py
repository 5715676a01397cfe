"""Optional measures by learned models, from weights that the operator installed in local folders: CLIP and DINOv2. Nothing is downloaded.

Without weights the columns are None and `learned_weights` says `not_evaluated`, which is never "fine": a rule that asks for one of them is not
met. Weights are safetensors in the layout of `save_pretrained`, read by the classes of transformers named here: no code of a folder runs.
Left out: LPIPS (its backbone and its linear weights come in a package's own pickles), and text recognition (models of transformers read a
line that something else has found).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

from catalog.errors import ModelError
from catalog.sentences import clause
from imaging.expected_picture import blend_levels
from imaging.measure_views import bounding_box
from quality.columns import NOT_EVALUATED, Measurements

ByteImage = npt.NDArray[np.uint8]
Family = Literal["clip", "dino"]

MODEL_TYPE: dict[Family, str] = {"clip": "clip", "dino": "dinov2"}
"""What `model_type` of a folder's config.json must be."""
NEEDED: dict[Family, tuple[str, ...]] = {
    "clip": ("config.json", "model.safetensors", "preprocessor_config.json", "tokenizer_config.json"),
    "dino": ("config.json", "model.safetensors", "preprocessor_config.json"),
}
READ_SUFFIXES = (".json", ".safetensors", ".txt")
"""Files of a folder that loading may read; its digest covers them."""
NEUTRAL_LEVEL = 128
"""Gray behind a product that is compared without its surroundings."""
MARGIN_SHARE = 0.06
"""Room around a product's box, of its longer side, in the crop that is compared."""


@dataclass(frozen=True, kw_only=True)
class LearnedWeights:
    """Folders of weights by family, and the digest of each: part of what makes measurements stale."""

    folders: tuple[tuple[Family, Path, str], ...]

    @property
    def words(self) -> str:
        """What the measurement table says of them: `clip:0123456789ab dino:not_evaluated`."""
        digests = {family: digest[:12] for family, _, digest in self.folders}
        return " ".join(f"{family}:{digests.get(family, NOT_EVALUATED)}" for family in MODEL_TYPE)

    @property
    def digest(self) -> str:
        """Sixteen hexadecimal digits over all weights: part of the version of measurements."""
        return hashlib.sha256(" ".join(f"{family}:{digest}" for family, _, digest in self.folders).encode()).hexdigest()[:16]

    def folder(self, family: Family) -> Path | None:
        """The folder of a family; None if none is installed."""
        return next((folder for name, folder, _ in self.folders if name == family), None)


def read_weights(*, clip: Path | None = None, dino: Path | None = None) -> LearnedWeights | None:
    """The weights in local folders, checked and digested without torch; None when no folder is named.

    Raises ModelError for a folder that is missing, incomplete, or of another kind of model.
    """
    named: list[tuple[Family, Path | None]] = [("clip", clip), ("dino", dino)]
    found = tuple((family, folder, _checked_digest(family, folder)) for family, folder in named if folder is not None)
    return LearnedWeights(folders=found) if found else None


def _checked_digest(family: Family, folder: Path) -> str:
    import json

    for name in NEEDED[family]:
        if not (folder / name).is_file():
            raise ModelError(
                f"The {family} weights at {folder} lack {name}. `learned: {{{family}: FOLDER}}` names a folder as `save_pretrained` of "
                "transformers writes it, with model and processor in safetensors and JSON. Copy it again, or leave the entry out."
            )
    kind = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
    if kind != MODEL_TYPE[family]:
        raise ModelError(
            f"The {family} weights at {folder} are of a model of type {kind!r}, not {MODEL_TYPE[family]!r}. Name another folder."
        )
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.suffix in READ_SUFFIXES)
    return _digest(tuple((path, path.stat().st_size, path.stat().st_mtime_ns) for path in files))


@lru_cache(maxsize=16)
def _digest(files: tuple[tuple[Path, int, int], ...]) -> str:
    """Sha256 over names and bytes; read once per process for files that stay as they are."""
    total = hashlib.sha256()
    for path, _, _ in files:
        with path.open("rb") as file:
            total.update(f"{path.name}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return total.hexdigest()


def measure_learned(
    weights: LearnedWeights | None,
    *,
    render_HW3: ByteImage,
    product_rgb_HW3: ByteImage | None,
    product_alpha_HW: ByteImage | None,
    caption: str | None,
) -> Measurements:
    """Cosine similarities, -1..1: of the render and its caption, of the product in the render and as photographed; None without weights.

    `clip_caption_similarity`: None without a caption. `clip_product_similarity` and `dino_product_similarity` compare crops around the
    product whose surroundings are gray in both; None when its place is not known.
    """
    columns: Measurements = {"learned_weights": NOT_EVALUATED if weights is None else weights.words}
    if weights is None:
        return columns
    pair = _crops(render_HW3, product_rgb_HW3, product_alpha_HW)
    clip, dino = weights.folder("clip"), weights.folder("dino")
    if clip is not None:
        model = _loaded("clip", clip, weights.words)
        if caption:
            columns["clip_caption_similarity"] = float(model.embed(render_HW3) @ model.embed_text(caption))
        if pair is not None:
            columns["clip_product_similarity"] = float(model.embed(pair[0]) @ model.embed(pair[1]))
    if dino is not None and pair is not None:
        model = _loaded("dino", dino, weights.words)
        columns["dino_product_similarity"] = float(model.embed(pair[0]) @ model.embed(pair[1]))
    return columns


def picture_embeddings(weights: LearnedWeights, family: Family, pictures: Sequence[ByteImage]) -> npt.NDArray[np.float64]:
    """What an installed model makes of whole pictures (uint8 sRGB), float64 (N, D), each of length 1."""
    folder = weights.folder(family)
    assert folder is not None, f"no {family} weights are installed"
    model = _loaded(family, folder, weights.words)
    return np.stack([model.embed(picture) for picture in pictures]).astype(np.float64)


def _crops(render: ByteImage, product: ByteImage | None, alpha: ByteImage | None) -> tuple[ByteImage, ByteImage] | None:
    """The product in the render and as photographed, cut out of the same square with gray around it."""
    box = None if alpha is None or product is None else bounding_box(alpha >= 128)
    if box is None or product is None or alpha is None:
        return None
    side = round(max(box[2] - box[0], box[3] - box[1]) * (1 + 2 * MARGIN_SHARE))
    matrix = np.array([[1, 0, side / 2 - (box[0] + box[2]) / 2], [0, 1, side / 2 - (box[1] + box[3]) / 2]], np.float32)
    gray = np.full_like(render, NEUTRAL_LEVEL)
    level = (NEUTRAL_LEVEL,) * 3
    crops = [
        cv2.warpAffine(blend_levels(some, alpha, gray), matrix, (side, side), flags=cv2.INTER_LINEAR, borderValue=level)
        for some in (render, product)
    ]
    return np.asarray(crops[0], np.uint8), np.asarray(crops[1], np.uint8)


@dataclass(frozen=True, kw_only=True)
class _Model:
    """A model and its processors; embeddings have length 1."""

    family: Family
    network: Any
    pictures: Any
    words: Any

    def embed(self, picture_HW3: ByteImage) -> npt.NDArray[np.float32]:
        """What the model makes of a picture, uint8 sRGB."""
        see = self.network if self.family == "dino" else self.network.get_image_features
        return self._unit(lambda: _tensor(see(**self.pictures(images=picture_HW3, return_tensors="pt"))))

    def embed_text(self, text: str) -> npt.NDArray[np.float32]:
        """What the model makes of a caption; what is longer than it reads is cut."""
        limit = self.network.config.text_config.max_position_embeddings
        return self._unit(
            lambda: _tensor(self.network.get_text_features(**self.words(text, return_tensors="pt", truncation=True, max_length=limit)))
        )

    def _unit(self, run: Any) -> npt.NDArray[np.float32]:
        import torch

        before = torch.get_num_threads()
        torch.set_num_threads(1)  # sums depend on the number of threads, and verdicts must not
        try:
            with torch.inference_mode():
                vector = run().float().numpy()
        finally:
            torch.set_num_threads(before)
        return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12), np.float32)


def _tensor(output: Any) -> Any:
    """The one embedding in what a model gives."""
    return getattr(output, "pooler_output", output)[0]


@lru_cache(maxsize=len(MODEL_TYPE))
def _loaded(family: Family, folder: Path, words: str) -> _Model:
    """A model, loaded once per process and state of its folder (`words` holds the digest). Raises ModelError if its files do not fit."""
    from safetensors import SafetensorError
    from transformers import BitImageProcessorPil, CLIPImageProcessorPil, CLIPModel, CLIPTokenizer, Dinov2Model

    local: dict[str, Any] = {"local_files_only": True}
    try:
        if family == "clip":
            network = CLIPModel.from_pretrained(str(folder), use_safetensors=True, **local)
            pictures, tokens = (
                CLIPImageProcessorPil.from_pretrained(str(folder), **local),
                CLIPTokenizer.from_pretrained(str(folder), **local),
            )
        else:
            network, tokens = Dinov2Model.from_pretrained(str(folder), use_safetensors=True, **local), None
            pictures = BitImageProcessorPil.from_pretrained(str(folder), **local)
    except (OSError, ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise ModelError(
            f"The {family} weights at {folder} do not load: {clause(error)}. Copy the folder again, or leave `learned.{family}` out."
        ) from error
    return _Model(family=family, network=network.eval(), pictures=pictures, words=tokens)
