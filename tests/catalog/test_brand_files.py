"""Files that a brand kit names: digested when it is read, refused when they are not what was meant."""

import hashlib
from pathlib import Path

import pytest

from catalog.brand_files import files_in, read_brand_file
from catalog.brand_kit import read_brand_kit
from catalog.errors import SettingsError

KIT = """
brand: shop
palette: ["#ffffff"]
recipes: [packshot_white]
categories:
  mugs: {trigger: shop mugs look, scenes: [oak table], backdrops: ["#eeeeee"]}
"""


def write_kit(folder: Path, more: str = "", logo: bytes | None = b"a logo") -> Path:
    """A small brand kit, and a logo beside it."""
    (folder / "brand.yaml").write_text(KIT + more)
    if logo is not None:
        (folder / "logo.png").write_bytes(logo)
    return folder / "brand.yaml"


def test_another_logo_is_another_brand_kit(tmp_path: Path) -> None:
    path = write_kit(tmp_path, "logo: logo.png\n")
    first = read_brand_kit(path)
    (tmp_path / "logo.png").write_bytes(b"another logo")
    second = read_brand_kit(path)

    assert dict(files_in(first)) == {hashlib.sha256(b"a logo").hexdigest(): "logo.png"}
    assert second.digest != first.digest


def test_a_kit_without_files_keeps_the_digest_it_had(tmp_path: Path) -> None:
    kit = read_brand_kit(write_kit(tmp_path))

    assert "logo" not in kit.model_dump(mode="json")
    assert list(files_in(kit)) == []


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("logo: nowhere.png\n", "nowhere.png cannot be read: No such file"),
        ("logo: ../logo.png\n", "leaves the brand kit's folder"),
        ("logo: .\n", "is not a file"),
        (f"logo: {{file: logo.png, sha256: {'a' * 64}}}\n", "is not the file that was pinned"),
    ],
)
def test_a_file_that_is_not_there_or_not_meant_is_refused_by_name(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        read_brand_kit(write_kit(tmp_path, line))


def test_a_file_changed_after_planning_makes_nothing(tmp_path: Path) -> None:
    kit = read_brand_kit(write_kit(tmp_path, "logo: logo.png\n"))
    [(sha256, name)] = files_in(kit)
    assert read_brand_file(tmp_path, name, sha256) == b"a logo"

    (tmp_path / "logo.png").write_bytes(b"another logo")

    with pytest.raises(SettingsError, match="changed since the work was planned"):
        read_brand_file(tmp_path, name, sha256)
