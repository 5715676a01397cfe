"""A message within a message: one full stop, one line."""

import re
from pathlib import Path

import pytest

from catalog.sentences import clause, sentence


@pytest.mark.parametrize(
    ("told", "within", "alone"),
    [
        ("access denied.", "access denied", "Access denied."),
        ("access denied", "access denied", "Access denied."),
        ("no such\n  file: ", "no such file", "No such file."),
        ("really?", "really?", "Really?"),
        ("", "", ""),
        (KeyError("sample_size"), "'sample_size'", "'sample_size'."),
        (MemoryError(), "MemoryError", "MemoryError."),
        ("the end of e.g. this...", "the end of e.g. this", "The end of e.g. this."),
    ],
)
def test_a_message_is_told_within_a_sentence_and_alone(told, within, alone):
    assert (clause(told), sentence(told)) == (within, alone)


def test_a_long_message_is_cut_and_still_ends_without_a_full_stop():
    assert clause("one. two. three", 9) == "one. two"


def test_no_message_puts_a_full_stop_behind_anothers_words_unasked():
    """`access denied..` was what the reader of `f"{error}. Free the disk."` got whenever the error had a full stop of its own."""
    repository, composed = Path(__file__).resolve().parents[2], []
    for floor in (
        "assets",
        "catalog",
        "generation",
        "imaging",
        "orchestration",
        "publishing",
        "quality",
        "resources",
        "review",
        "training",
    ):
        for path in (repository / floor).rglob("*.py"):
            composed += [f"{path}: {line.strip()}" for line in path.read_text().splitlines() if re.search(r"\{(str\()?error\)?\}\.", line)]
    assert [line for line in composed if "clause" not in line] == [], "use catalog.sentences.clause"
