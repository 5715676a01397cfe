"""Make the tokenizer: a CLIP tokenizer in which every word of the captions and of product catalogs is one token.

Other words fall apart into letters, as in any byte-pair tokenizer; nothing is unknown. Decides no embeddings.
"""

import json
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from demo.make import vocabulary
from demo.make.base_model.words import GENERAL_WORDS, MEANT_AS

if TYPE_CHECKING:
    from transformers import CLIPTokenizer

MAX_TOKENS = 32
"""Longest prompt, in tokens; equals the text encoder's positions. The longest caption with a trigger phrase needs 24."""

_START, _END = "<|startoftext|>", "<|endoftext|>"


def whole_words() -> tuple[str, ...]:
    """Every word that has to be one token, sorted: captions, trigger phrases, catalog words, their synonyms."""
    synonyms = (*MEANT_AS, *MEANT_AS.values())
    return tuple(sorted({*vocabulary.words(), *GENERAL_WORDS, *synonyms}))


def build_tokenizer(words: Iterable[str] | None = None) -> "CLIPTokenizer":
    """A CLIP tokenizer whose byte-pair merges assemble each of `words` (default: `whole_words()`) into one token.

    The same words give the same token numbers, in every process: a checkpoint depends on it.
    """
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPTokenizer

    alphabet = sorted(ByteLevel.alphabet())
    merges = _merges(whole_words() if words is None else words)
    symbols = [_START, _END, *alphabet, *(f"{character}</w>" for character in alphabet), *map("".join, merges)]
    tokens = {symbol: number for number, symbol in enumerate(dict.fromkeys(symbols))}
    with TemporaryDirectory() as folder:
        _write_clip_files(Path(folder), tokens, [" ".join(pair) for pair in merges])
        tokenizer: CLIPTokenizer = CLIPTokenizer.from_pretrained(folder)
    return tokenizer


def _merges(words: Iterable[str]) -> list[tuple[str, str]]:
    """Byte-pair merges, most frequent pair first, until every word is one symbol.

    The `tokenizers` trainer does the same but breaks ties differently from run to run; here the alphabet breaks them.
    """
    spelled = [[*word[:-1], f"{word[-1]}</w>"] for word in sorted(set(words))]
    merges: list[tuple[str, str]] = []
    while True:
        counts = Counter(pair for symbols in spelled for pair in pairwise(symbols))
        if not counts:
            return merges
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        merges.append(best)
        spelled = [_merged(symbols, best) for symbols in spelled]


def _merged(symbols: list[str], pair: tuple[str, str]) -> list[str]:
    joined: list[str] = []
    for symbol in symbols:
        if joined and (joined[-1], symbol) == pair:
            joined[-1] += symbol
        else:
            joined.append(symbol)
    return joined


def _write_clip_files(folder: Path, tokens: dict[str, int], merges: list[str]) -> None:
    special = {"unk_token": _END, "bos_token": _START, "eos_token": _END, "pad_token": _END}
    settings = {
        **special,
        "model_max_length": MAX_TOKENS,
        "tokenizer_class": "CLIPTokenizer",
        "add_prefix_space": False,
        "do_lower_case": True,
    }
    (folder / "vocab.json").write_text(json.dumps(tokens), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), encoding="utf-8")
    (folder / "special_tokens_map.json").write_text(json.dumps(special), encoding="utf-8")
