"""The three keys that decide what is stale, and the canonical JSON they are digests of.

A key changes exactly when something changes that the picture, its verdict or its publication depends on. Run ids, times, hosts and
retry counts are never part of a key. What goes *into* a render is gathered in `catalog/variant.py`.
"""

import hashlib
import json
import math
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

KEY_SCHEMA = 1
"""Bump to declare every stored key stale at once (a change in how keys are made, not in what they are made of)."""


def canonical_json(value: Any) -> str:
    """One spelling for one value: sorted keys, NFC text, floats as their shortest text, no NaN.

    Integral floats and ints are the same number (`1.0` and `1`), because YAML authors write both.
    Raises TypeError for anything that is not plain data, ValueError for NaN and infinity.
    """
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest(value: Any) -> str:
    """Sha256 (64 hex digits) of the canonical JSON of plain data."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def digest_bytes(data: bytes) -> str:
    """Sha256 (64 hex digits) of bytes."""
    return hashlib.sha256(data).hexdigest()


def render_key(
    *,
    photo_digest: str,
    cutout_digest: str,
    recipe: Mapping[str, Any],
    index: int,
    seed: int,
    base_model_digest: str | None,
    lora_digest: str | None,
    engine_version: str,
) -> str:
    """Name of one render: everything its pixels depend on. `recipe` is the fully resolved recipe, brand values filled in."""
    return digest(
        {
            "schema": KEY_SCHEMA, "kind": "render", "photo": photo_digest, "cutout": cutout_digest, "recipe": recipe, "index": index,
            "seed": seed, "base_model": base_model_digest, "lora": lora_digest, "engine": engine_version,
        }
    )  # fmt: skip


def gate_key(*, render_digest: str, rules_digest: str, measurement_version: str, size_cm: Mapping[str, float | None] | None = None) -> str:
    """Name of one judgment: the picture, the rules it is held to, and how it is measured.

    size_cm: the catalog's centimeters that the product is held to, None where it is silent; without any, no size is part of the key.
    """
    known = {name: value for name, value in (size_cm or {}).items() if value is not None}
    return digest(
        {
            "schema": KEY_SCHEMA,
            "kind": "gate",
            "render": render_digest,
            "rules": rules_digest,
            "measurements": measurement_version,
            **({"size_cm": known} if known else {}),
        }
    )


def publish_key(*, render_digest: str, channel_digest: str, metadata_digest: str) -> str:
    """Name of one publication: the approved picture, the channel's rules, and the metadata that travels with it."""
    return digest(
        {
            "schema": KEY_SCHEMA,
            "kind": "publish",
            "render": render_digest,
            "channel": channel_digest,
            "metadata": metadata_digest,
        }
    )


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return unicodedata.normalize("NFC", value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} cannot be part of a key: keys are made of finite numbers.")
        return int(value) if value.is_integer() else value
    if isinstance(value, Mapping):
        return {unicodedata.normalize("NFC", str(k)): _plain(v) for k, v in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_plain(v) for v in value]
    raise TypeError(f"{type(value).__name__} cannot be part of a key: use text, numbers, lists and mappings.")
