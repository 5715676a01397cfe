"""`vitrine rules guidelines` writes a page from the project's rules and one of its photos."""

from functools import partial

import pytest

from tests.tiny_project import draw_mug, write_photo, write_project


@pytest.fixture
def command(vitrine):
    """`vitrine rules guidelines` with arguments."""
    return partial(vitrine, "rules", "guidelines")


def test_the_page_shows_a_photo_of_the_catalog_and_the_projects_numbers(command, tmp_path, monkeypatch):
    monkeypatch.setenv("VITRINE_PROJECT", str(write_project(tmp_path / "shop", looks=False, base_model=tmp_path)))
    code, out, err = command("--out", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert code == 0, err
    assert out.startswith("Wrote ")
    assert "at least 400 pixels" in page
    assert "data:image/jpeg;base64," in page


def test_a_bad_example_or_name_writes_nothing(command, tmp_path, monkeypatch):
    monkeypatch.setenv("VITRINE_PROJECT", str(write_project(tmp_path / "shop", looks=False, base_model=tmp_path)))
    small = tmp_path / "small.jpg"
    write_photo(small, draw_mug((178, 62, 50), side_px=200))
    for arguments, said in (
        (("--photo", small), "breaks the rules itself: The photo is too small"),
        (("--photo", tmp_path / "none.jpg"), "There is no photo"),
        (("--out", tmp_path / "page.jpg"), "ends in .html"),
        (("--out", tmp_path / "nowhere" / "page.html"), "which is no folder"),
    ):
        code, _, err = command("--out", tmp_path / "page.html", *arguments)
        assert code == 2
        assert said in err
    assert not (tmp_path / "page.html").exists()
    assert not (tmp_path / "page.jpg").exists()
