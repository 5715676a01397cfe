"""Bounds are put into a brand kit without touching anything else that somebody wrote there."""

import shutil
import subprocess

import numpy as np
import pytest
import yaml

from catalog.errors import SettingsError
from quality.rule_edits import BoundEdit, edited, unified_diff

FILL = BoundEdit(recipe="packshot_white", column="fill_pct", bounds={"min": 80.0, "max": 95.5}, evidence=["first", "second"])
EDGES = BoundEdit(recipe="backdrop", column="gmsd", bounds={"review_max": 0.05, "max": 0.07}, evidence=["third"])

WRITTEN = {
    "no rules at all": "brand: x  # ours\npalette: [a]\n",
    "empty rules": "brand: x\nrules: {}\nz: 1\n",
    "rules without a value": "brand: x\nrules:\nz: 1\n",
    "blocks with comments": (
        "brand: x\nrules:\n  # why\n  packshot_white:\n    ssim: {min: 0.5}   # note\n    fill_pct: {min: 70}  # because\n    # after\n\n"
        "  staged_scene: {}\n# end\nz: 1\n"
    ),
    "a recipe in one line": "brand: x\nrules:\n  packshot_white: {fill_pct: {min: 70}, ssim: {min: 0.5, severity: warning}}  # short\n",
    "deep blocks, four spaces, no last line end": (
        "brand: x\nrules:\n    packshot_white:\n        fill_pct:\n            min: 70 # a\n            max: 99\n        ssim: {min: 1}\nz: 2"
    ),
    "everything in one line": "rules: {packshot_white: {fill_pct: {min: 70}}, staged_scene: {}}\nbrand: x",
    "windows line ends": "brand: x\r\nrules:\r\n  packshot_white:\r\n    fill_pct: {min: 70}\r\n",
}


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN)
def test_only_the_named_bounds_change_however_the_file_is_written(text):
    after = edited(text, [FILL, EDGES])
    meant = yaml.safe_load(text)
    rules = {recipe: dict(columns or {}) for recipe, columns in (meant.get("rules") or {}).items()}
    rules.setdefault("packshot_white", {})["fill_pct"] = {"min": 80.0, "max": 95.5}
    rules.setdefault("backdrop", {})["gmsd"] = {"review_max": 0.05, "max": 0.07}
    assert yaml.safe_load(after) == {**meant, "rules": rules}
    for words in ("# ours", "# why", "# note", "# because", "# after", "# end", "# a", "# short"):
        assert (words in after) == (words in text)
    assert edited(after, [FILL, EDGES]) == after, "doing it twice changes nothing"


def test_lines_that_have_nothing_to_do_with_it_stay_as_they_are():
    text = WRITTEN["blocks with comments"]
    gone = [line for line in unified_diff(text, edited(text, [FILL]), "brand.yaml").splitlines()[2:] if line.startswith("-")]
    assert gone == ["-    fill_pct: {min: 70}  # because"]


def test_line_ends_of_windows_stay_those_of_windows():
    after = edited(WRITTEN["windows line ends"], [FILL, EDGES])
    assert after.count("\n") == after.count("\r\n") > 5


def test_new_evidence_replaces_old_evidence():
    once = edited(WRITTEN["empty rules"], [FILL])
    twice = edited(once, [BoundEdit(recipe="packshot_white", column="fill_pct", bounds={"min": 81}, evidence=["newer"])])
    assert "newer" in twice and "first" not in twice and "second" not in twice
    assert yaml.safe_load(twice)["rules"] == {"packshot_white": {"fill_pct": {"min": 81}}}


def test_the_diff_is_one_that_patch_takes():
    diff = unified_diff("a: 1\nb: 2\n", "a: 1\nb: 3\n", "brand.yaml")
    assert diff.splitlines()[:2] == ["--- a/brand.yaml", "+++ b/brand.yaml"]
    assert "-b: 2\n+b: 3\n" in diff
    assert unified_diff("a: 1\n", "a: 1\n", "brand.yaml") == ""


APPLIED_BY = {"git": ["git", "apply", "-"], "patch": ["patch", "-p1", "--silent", "--no-backup-if-mismatch"]}


@pytest.mark.parametrize("name", APPLIED_BY)
@pytest.mark.parametrize(
    "text",
    [
        *WRITTEN.values(),
        "brand: x\r\nrules: {}\r\nz: 1",
        "brand: x\nz: 1",
        "brand: x\nrules:\n  packshot_white:\n    fill_pct: {min: 70}",
        "title: 'a\u2028b\x85c'\nrules: {}\n",
    ],
)
def test_the_diff_makes_the_edited_file_of_the_old_one_byte_for_byte(name, text, tmp_path):
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    after = edited(text, [FILL, EDGES])
    file = tmp_path / "brand.yaml"
    file.write_bytes(text.encode())
    diff = unified_diff(text, after, "brand.yaml").encode()
    told = subprocess.run(APPLIED_BY[name], input=diff, cwd=tmp_path, capture_output=True, check=False)
    assert told.returncode == 0, told.stderr
    assert file.read_bytes() == after.encode()


@pytest.mark.parametrize(("before", "after"), [("a: 1", "a: 1\n"), ("a: 1\n", "a: 1"), ("a: 1\nb: 2", "a: 3\nb: 2"), ("a: 1", "a: 2")])
def test_a_last_line_without_its_end_is_marked(before, after, tmp_path):
    if shutil.which("patch") is None:
        pytest.skip("patch is not installed")
    (tmp_path / "brand.yaml").write_text(before)
    diff = unified_diff(before, after, "brand.yaml")
    subprocess.run(APPLIED_BY["patch"], input=diff.encode(), cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "brand.yaml").read_text() == after


@pytest.mark.parametrize("value", [6e-05, 1e16, 1.25e-7, 0.1 + 0.2, 1 / 3, 80.0, -2.5, np.float64(6e-05)])
def test_a_number_is_read_again_as_the_same_number(value):
    edit = BoundEdit(recipe="packshot_white", column="gmsd", bounds={"max": value}, evidence=[])
    for text in (WRITTEN["empty rules"], f"rules: {{packshot_white: {{ssim: {{min: {yaml.safe_dump(float(value)).split()[0]}}}}}}}\n"):
        columns = yaml.safe_load(edited(text, [edit]))["rules"]["packshot_white"]
        assert all(isinstance(bound, float) and bound == value for bounds in columns.values() for bound in bounds.values())


def test_a_file_that_cannot_be_edited_safely_is_refused_untouched():
    shared = "shared: &all {fill_pct: {min: 70}}\nrules:\n  packshot_white: *all\n  backdrop: *all\n"
    with pytest.raises(SettingsError, match="cannot be edited safely"):
        edited(shared, [FILL])
