"""Files and entries of a brand kit that no picture could be made with are told by `vitrine check`, not by a night's run."""

import cv2
import numpy as np
import pytest
import yaml
from PIL import Image

from catalog.brand_kit import BrandKit
from catalog.errors import SettingsError
from imaging.drawn_patterns import drawn_pattern
from orchestration.checking_brand_files import check_brand_files
from resources.project import open_project

KIT = {
    "brand": "b",
    "palette": ["#ffffff"],
    "recipes": ["packshot_white"],
    "categories": {"mugs": {"trigger": "wall look", "scenes": ["oak table"], "backdrops": ["#c9d2bf"]}},
}
GRADIENT = np.repeat(np.linspace(0, 255, 64).astype(np.uint8)[None], 64, axis=0)[..., None].repeat(3, 2)
DOTS = drawn_pattern("dots", (230, 220, 190), (40, 60, 160))


def told(folder, files, **kit):
    """What the check says of a kit whose files hold these pictures."""
    for name, pixels in files.items():
        Image.fromarray(pixels).save(folder / name)
    (folder / "brand.yaml").write_text(yaml.safe_dump(KIT | kit))
    (folder / "vitrine.yaml").write_text("brand_kit: brand.yaml\n")
    return list(check_brand_files(open_project(folder)))


def test_what_a_picture_can_be_made_with_is_found_to_be_so(tmp_path):
    mark = np.zeros((80, 200, 4), np.uint8)
    mark[20:60, 30:170] = (20, 40, 90, 255)
    part = np.zeros((40, 40), np.uint8)
    part[10:30, 10:30] = 255
    files = {"logo.png": mark, "dots.png": DOTS, "rust.png": np.full((40, 40, 3), (168, 72, 40), np.uint8), "body.png": part}
    kit = {
        "logo": "logo.png",
        "patterns": [{"name": "dots", "file": "dots.png", "repeat_cm": 8}],
        "swatches": [{"name": "Rust", "photo": "rust.png"}],
        "part_masks": [{"sku": "A", "file": "body.png"}],
    }
    assert told(tmp_path, files, **kit) == []


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        (np.zeros((40, 90, 4), np.uint8), "logo: logo.png: The brand's logo is transparent all over"),
        (np.full((40, 90, 3), 90, np.uint8), "logo: logo.png: The brand's logo is of one color all over"),
    ],
    ids=["transparent", "one color"],
)
def test_a_logo_that_shows_nothing_is_found(tmp_path, pixels, words):
    """It opens as a picture, which was all that was asked; every poster of the night was refused."""
    (found,) = told(tmp_path, {"logo.png": pixels}, logo="logo.png")
    assert found.startswith(words)


def test_a_tile_in_a_format_that_renders_do_not_read_or_whose_edges_do_not_meet_is_found(tmp_path):
    """OpenCV reads BMP and renders do not; a seam was looked for by the renders alone."""
    files = {"dots.bmp": DOTS, "slope.png": GRADIENT}
    tiles = [{"name": name.partition(".")[0], "file": name, "repeat_cm": 8} for name in files]
    assert cv2.imread(str(tmp_path / "dots.bmp")) is None
    found = told(tmp_path, files, patterns=tiles, materials=[{**tiles[1], "look": "wood"}])
    assert cv2.imread(str(tmp_path / "dots.bmp")) is not None
    assert [one.split(":")[0] for one in found] == ["patterns, 'dots'", "patterns, 'slope'", "materials, 'slope'"], found
    assert "cannot be read" in found[0] and "its edges do not meet" in found[1] and "its edges do not meet" in found[2]


def test_a_pattern_that_is_laid_mirrored_may_have_a_seam(tmp_path):
    (tmp_path / "recipes").mkdir()
    recipe = {"name": "mirrored", "kind": "pattern", "title": "Mirrored", "engine": "studio", "changes_product": True}
    recipe |= {"width_px": 64, "height_px": 64, "params": {"seam": "mirror"}, "digital_source_type": "algorithmicallyEnhanced"}
    (tmp_path / "recipes" / "mirrored.yaml").write_text(yaml.safe_dump(recipe))
    tiles = [{"name": "slope", "file": "slope.png", "repeat_cm": 8}]
    Image.fromarray(GRADIENT).save(tmp_path / "slope.png")
    (tmp_path / "brand.yaml").write_text(yaml.safe_dump(KIT | {"recipes": ["mirrored"], "patterns": tiles}))
    (tmp_path / "vitrine.yaml").write_text("brand_kit: brand.yaml\nrecipes: recipes\n")
    assert list(check_brand_files(open_project(tmp_path))) == []


def test_a_swatch_of_several_colors_and_a_mask_of_nothing_are_found(tmp_path):
    files = {"two.png": np.concatenate([np.full((40, 40, 3), 20, np.uint8), np.full((40, 40, 3), 220, np.uint8)]), "none.png": GRADIENT * 0}
    masks = [{"sku": "A", "file": "none.png"}]
    found = told(tmp_path, files, swatches=[{"name": "Two", "photo": "two.png"}], part_masks=masks)
    assert "swatches, 'Two': two.png: the photo shows several colors" in found[0]
    assert "part_masks, part 'main' of A: none.png: the mask is black all over" in found[1] and len(found) == 2


HEX = {"hex": "#a84828"}


@pytest.mark.parametrize(
    ("kit", "words"),
    [
        (
            {"swatches": [{"name": "Rust", **HEX}, {"name": "rust", **HEX}]},
            "swatches has 'Rust' and 'rust', which are looked for as one name",
        ),
        ({"colorways": [{"name": "deep-sea", **HEX}, {"name": "deep_sea", **HEX}]}, "colorways has 'deep-sea' and 'deep_sea'"),
        ({"patterns": [{"name": "cherry", "file": f"{n}.png", "repeat_cm": 8} for n in (1, 2)]}, "patterns has 'cherry' twice"),
        ({"part_masks": [{"sku": "BAG-3", "file": f"{n}.png"} for n in (1, 2)]}, "part_masks has part 'main' of BAG-3 twice"),
        (
            {"swatches": [{"name": "Sage", "hex": "#ff0000"}], "colorways": [{"name": "sage", "hex": "#8a9a7b"}]},
            "colorways has 'sage', and swatches has 'Sage' of another color",
        ),
    ],
    ids=["swatches", "colorways", "patterns", "masks", "a swatch and a colorway"],
)
def test_two_entries_that_go_by_one_name_are_refused(tmp_path, kit, words):
    """Of two masks for one part the last one was used, of two swatches the first, and nobody was told."""
    (tmp_path / "brand.yaml").write_text(yaml.safe_dump(KIT | kit))
    (tmp_path / "vitrine.yaml").write_text("brand_kit: brand.yaml\n")
    with pytest.raises(SettingsError, match=words):
        _ = open_project(tmp_path).brand_kit


def test_a_color_may_be_offered_and_be_a_swatch():
    assert BrandKit.model_validate(KIT | {"swatches": [{"name": "Rust", **HEX}], "colorways": [{"name": "rust", **HEX}]})


def test_names_that_differ_are_all_kept():
    kit = BrandKit.model_validate(
        KIT | {"part_masks": [{"sku": "A", "file": "a"}, {"sku": "A", "part": "lid", "file": "b"}, {"sku": "B", "file": "c"}]}
    )
    assert len(kit.part_masks) == 3


def test_check_warns_of_a_mask_for_a_product_that_the_catalog_does_not_hold(tmp_path):
    from orchestration.checking import _masks

    kit = BrandKit.model_validate(KIT | {"part_masks": [{"sku": "BAG-3", "file": "a.png"}, {"sku": "BGA-3", "file": "a.png"}]})
    (tmp_path / "vitrine.yaml").write_text("brand_kit: brand.yaml\n")
    project = open_project(tmp_path)
    project.__dict__["brand_kit"] = kit
    (one,) = _masks(project, {"BAG-3"})
    assert one.severity == "warning" and "part 'main' of 'BGA-3', a SKU that the catalog does not hold" in one.message
