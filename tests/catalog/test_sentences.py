"""A message within a message: one full stop, one line."""

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
