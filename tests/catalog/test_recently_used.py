"""What was worked out last is kept, within a bound; what was asked for longest ago goes first."""

import pytest

from catalog.recently_used import RecentlyUsed


def test_what_was_asked_for_longest_ago_is_made_again_first():
    kept, made = RecentlyUsed(max_size=2, size_of=len), []

    def get(name):
        return kept.get((name,), lambda: made.append(name) or name)

    assert [get(name) for name in "abac"] == list("abac") and made == ["a", "b", "c"]
    assert get("a") == "a" and made == ["a", "b", "c"], "asked for again before c came"
    assert get("b") == "b" and made == ["a", "b", "c", "b"], "was forgotten"


def test_the_last_one_stays_however_large_and_nothing_stays_of_what_could_not_be_made():
    kept = RecentlyUsed(max_size=1, size_of=len)
    kept.get(("a",), lambda: "larger than all")
    assert len(kept) == 1
    with pytest.raises(ZeroDivisionError):
        kept.get(("b",), lambda: 1 / 0)
    assert len(kept) == 1
    kept.forget()
    assert len(kept) == 0
