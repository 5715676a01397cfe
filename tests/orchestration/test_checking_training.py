"""`vitrine check` finds what a training would stumble over hours later: settings, packages, GPUs, masks; without loading the model."""

import io
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from orchestration.checking import check_project
from tests.tiny_project import write_photo, write_project

EMBEDDED = Path(__file__).resolve().parents[2] / "demo" / "base-model"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A project with the embedded model, and looks as large as it wants them."""
    folder = write_project(tmp_path_factory.mktemp("check") / "project", skus=("MUG-1",), base_model=EMBEDDED, looks=False)
    rng = np.random.default_rng(0)
    for number in range(10):
        write_photo(folder / "catalog" / "looks" / "mugs" / f"{number:02}.jpg", rng.integers(0, 255, (140, 160, 3), np.uint8))
    return folder


@pytest.fixture
def project(made, tmp_path):
    return shutil.copytree(made, tmp_path / "project", symlinks=True)


def training(project, **settings):
    """The settings of the trainer replaced by these."""
    lines = [line for line in (project / "vitrine.yaml").read_text().splitlines() if not line.startswith("training:")]
    told = ", ".join(f"{name}: {value}" for name, value in settings.items())
    (project / "vitrine.yaml").write_text("\n".join([*lines, f"training: {{{told}}}", ""]))


def found(project, where):
    return [one.message for one in check_project(project) if one.where == where and one.severity == "error"]


def mask(project, name, size_px=(160, 140), fill=255, box=None):
    picture = Image.new("L", size_px, fill)
    if box is not None:
        picture.paste(255, box)
    data = io.BytesIO()
    picture.save(data, "PNG")
    (project / "catalog" / "looks" / "mugs" / name).write_bytes(data.getvalue())
    return data.getvalue()


def test_nothing_is_found_where_nothing_is_wrong_and_torch_is_not_loaded(project):
    mask(project, "00.mask.png", fill=0, box=(0, 0, 80, 140))
    code = (
        "import sys; from pathlib import Path; from orchestration.checking import check_project\n"
        f"print([one.message for one in check_project(Path({str(project)!r})) if one.severity == 'error'], 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=EMBEDDED.parents[1], timeout=120)
    assert done.stdout == "[] False\n", done.stderr


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"timestep_shift": 3}, "`timestep_shift` is 3, but family 'sd' is no flow"),
        ({"target_modules": "[to_q, to_z]"}, "The LoRA would match no layer for 'to_z': the base model's layers end in "),
        ({"target_modules": "everything"}, "Family 'sd' has no preset 'everything' of layers; it has "),
        ({"device": "'cuda:63'"}, "`device` is cuda:63, but "),
        ({"device": "cuda", "processes": 33, "batch_size": 64}, ", but "),
    ],
    ids=str,
)
def test_settings_that_no_training_here_could_follow_are_errors(project, settings, told):
    """All of these were found by the training itself: after the queue, the download, and the latents."""
    training(project, **settings)
    (message,) = found(project, "training")
    assert told in message


@pytest.mark.parametrize(("optimizer", "package"), [("adamw8bit", "bitsandbytes"), ("prodigy", "prodigyopt")])
def test_an_optimizer_whose_package_is_not_installed_is_told_with_its_command(project, optimizer, package, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed, also where it is
    training(project, optimizer=optimizer, learning_rate=1)
    (message,) = found(project, "training")
    assert (
        f"`optimizer: {optimizer}` needs the package {package}, which is not installed. Install it with `pip install {package}`" in message
    )


def test_a_deployment_is_warned_as_it_trains_elsewhere(project, monkeypatch, tmp_path):
    training(project, device="'cuda:63'")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    findings = [one for one in check_project(project) if one.where == "training"]
    assert [one.severity for one in findings] == ["warning"] and "cuda:63" in findings[0].message


def test_every_mask_that_could_not_be_trained_with_is_named_with_its_own_advice(project):
    mask(project, "00.mask.png", box=(0, 0, 80, 140))
    mask(project, "01.mask.png", size_px=(32, 32))
    mask(project, "02.mask.png", fill=0)
    (project / "catalog" / "looks" / "mugs" / "03.mask.png").write_text("no picture")
    (project / "catalog" / "looks" / "mugs" / "04.mask.png").write_bytes(mask(project, "04.mask.png")[:60])
    mask(project, "05.mask.png", fill=0, box=(0, 0, 4, 140))  # white only where the square of a training does not reach
    mask(project, "99.mask.png")
    told = found(project, "looks/mugs")
    assert told[0] == "The mask 01.mask.png is 32 x 32 px, its picture 160 x 140. Save it in the picture's size, or remove it."
    assert [words.partition(":")[0].partition(",")[0] for words in told[1:]] == [
        "The mask of the look picture 02.jpg is black all over",
        "The mask 03.mask.png cannot be used",
        "The mask 04.mask.png cannot be used",
        "The mask of the look picture 05.jpg is black all over",
        "The mask 99.mask.png has no picture; a mask is named after its picture",
    ]
    assert not [words for words in told if "pload" in words or "xport" in words], "advice for product photos"


def test_a_mask_of_a_picture_that_is_turned_upright_is_compared_with_the_upright_one(project):
    path = project / "catalog" / "looks" / "mugs" / "00.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(path).save(path, exif=exif)
    mask(project, "00.mask.png", size_px=(140, 160))
    assert found(project, "looks/mugs") == []
    mask(project, "00.mask.png", size_px=(160, 140))
    assert found(project, "looks/mugs") == [
        "The mask 00.mask.png is 160 x 140 px, its picture 140 x 160. Save it in the picture's size, or remove it."
    ]


def test_a_caption_without_a_picture_is_an_error(project):
    (project / "catalog" / "looks" / "mugs" / "captions.csv").write_text("file,caption\n00.jpg,a wall\ngone.jpg,a floor\n")
    assert found(project, "looks/mugs") == [
        "captions.csv has a caption for gone.jpg, which is not there. Correct the name, or add the picture."
    ]


def test_a_caption_with_a_comma_and_no_quotes_is_an_error_and_not_cut_off_at_the_comma(project):
    captions = project / "catalog" / "looks" / "mugs" / "captions.csv"
    captions.write_text('file,caption\n00.jpg,"a wall, light from the left"\n01.jpg\n')
    assert found(project, "looks/mugs") == []
    captions.write_text("file,caption\n00.jpg,a wall, light from the left\n")
    (told,) = found(project, "looks/mugs")
    assert "captions.csv" in told and "line 2, has more cells than columns: a caption with a comma in it needs quotes" in told


def test_a_picture_without_a_caption_in_its_row_is_trained_with_the_trigger_alone(project):
    from assets.training_set import read_training_set
    from resources.project import open_project

    (project / "catalog" / "looks" / "mugs" / "captions.csv").write_text("file,caption\n00.jpg,a wall\n01.jpg\n")
    trained = read_training_set(open_project(project), "mugs")
    prompts = {picture.name: picture.prompt for picture in (*trained.train, *trained.held_out)}
    assert prompts["01.jpg"] == trained.trigger and prompts["00.jpg"] == f"{trained.trigger}, a wall"
