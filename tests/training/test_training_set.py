"""Training sets: what is held out, mirrored and refused, and what their digest depends on."""

import io

import numpy as np
import pytest
from PIL import Image

from catalog.errors import TrainingError
from tests.tiny_model import TINY_SIZE_PX
from tests.training.tiny_look import TRIGGER, look_files, mask_file, resized
from training.training_set import build_training_set, swap_sides


def build(pictures, captions, **options):
    return build_training_set(pictures, captions, TRIGGER, size_px=TINY_SIZE_PX, **options)


def test_held_out_pictures_are_never_trained_on_not_even_mirrored():
    training_set = build(*look_files(10), holdout_share=0.3)
    assert len(training_set.held_out) == 3 and len(training_set.train) == 14
    trained = {picture.pixels_HW3.tobytes() for picture in training_set.train}
    for picture in training_set.held_out:
        assert picture.pixels_HW3.tobytes() not in trained
        assert np.ascontiguousarray(picture.pixels_HW3[:, ::-1]).tobytes() not in trained


def test_a_mirrored_copy_has_left_and_right_swapped_in_its_prompt():
    training_set = build(*look_files(8))
    for original, mirrored in zip(training_set.train[::2], training_set.train[1::2], strict=True):
        assert np.array_equal(original.pixels_HW3[:, ::-1], mirrored.pixels_HW3)
        assert original.prompt.startswith(TRIGGER)
        assert {original.prompt.split()[-1], mirrored.prompt.split()[-1]} == {"left", "right"}
    assert swap_sides("bright, arch on the right, leftover") == "bright, arch on the left, leftover"
    assert swap_sides("Left wall, lamp at the right, RIGHT") == "Right wall, lamp at the left, LEFT"


def test_the_trigger_phrase_stays_itself_in_mirrored_copies():
    pictures, captions = look_files(8)
    trained = build_training_set(pictures, captions, "the left bank look", size_px=TINY_SIZE_PX).train
    assert {picture.prompt[:18] for picture in trained} == {"the left bank look"}
    assert {picture.prompt.split()[-1] for picture in trained} == {"left", "right"}


def test_a_picture_that_mirrors_another_is_a_duplicate_because_it_would_be_trained_on_and_held_out():
    pictures, captions = look_files(9)
    buffer = io.BytesIO()
    Image.open(io.BytesIO(pictures[0][1])).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(buffer, "PNG")
    training_set = build([*pictures, ("turned.png", buffer.getvalue())], captions)
    assert training_set.duplicates == ("turned.png",)
    assert build([*pictures, ("turned.png", buffer.getvalue())], captions).digest == build(pictures, captions).digest


def test_the_split_does_not_depend_on_the_order_of_files_but_on_the_seed():
    pictures, captions = look_files(12)
    first, again = build(pictures, captions), build(pictures[::-1], captions)
    assert first.digest == again.digest and [p.name for p in first.held_out] == [p.name for p in again.held_out]
    splits = {tuple(p.name for p in build(pictures, captions, seed=seed).held_out) for seed in range(6)}
    assert len(splits) > 1


def test_the_digest_follows_every_pixel_and_caption():
    pictures, captions = look_files(8)
    digests = {build(pictures, captions).digest, build(pictures, {**captions, "03.png": "walnut"}).digest}
    digests.add(build(look_files(8, wall=(31, 90, 60))[0], captions).digest)
    assert len(digests) == 3


def test_a_picture_without_a_caption_is_trained_with_the_trigger_alone():
    pictures, _ = look_files(8)
    assert {picture.prompt for picture in build(pictures, {}).train} == {TRIGGER}


def test_a_caption_that_begins_with_the_trigger_does_not_get_it_twice():
    pictures, captions = look_files(8)
    prompts = {p.prompt for p in build(pictures, {name: f"{TRIGGER}, {text}" for name, text in captions.items()}).train}
    assert prompts == {p.prompt for p in build(pictures, captions).train}


def test_a_caption_whose_first_word_only_begins_like_the_trigger_still_gets_it():
    pictures, captions = look_files(8)
    prompts = {p.prompt for p in build(pictures, dict.fromkeys(captions, f"{TRIGGER}s, oak")).train}
    assert prompts == {f"{TRIGGER}, {TRIGGER}s, oak"}


def test_a_larger_picture_is_cropped_to_its_centered_square_and_scaled():
    pictures, captions = look_files(8, size_px=3 * TINY_SIZE_PX)
    assert all(p.pixels_HW3.shape == (TINY_SIZE_PX, TINY_SIZE_PX, 3) for p in build(pictures, captions).train)


def test_identical_pictures_count_once_and_are_named():
    pictures, captions = look_files(9)
    training_set = build([*pictures, ("copy.png", pictures[0][1])], captions)
    assert training_set.duplicates == ("copy.png",)
    assert training_set.digest == build(pictures, captions).digest


@pytest.mark.parametrize("count", [0, 1, 7])
def test_an_empty_or_too_small_look_is_refused(count):
    pictures, captions = look_files(count)
    with pytest.raises(TrainingError, match=f"has {count} different pictures; at least 8"):
        build(pictures, captions)


def test_a_broken_small_or_misnamed_picture_is_refused_by_name():
    pictures, captions = look_files(8)
    with pytest.raises(TrainingError, match=r"broken\.png cannot be used"):
        build([*pictures, ("broken.png", pictures[0][1][:200])], captions)
    with pytest.raises(TrainingError, match=r"07\.png is 64 x 64 px; at least 128"):
        build_training_set(pictures[7:], {}, TRIGGER, size_px=128)
    with pytest.raises(TrainingError, match=r"1 captions have no picture \(first: 0O\.png\)"):
        build(pictures, {**captions, "0O.png": "oak"})


def pictures_of(training_set, name):
    return [picture for picture in (*training_set.train, *training_set.held_out) if picture.name == name]


BOX = (0, 0, 24, 64)


def test_a_mask_beside_its_picture_says_what_is_learned_and_is_mirrored_with_it():
    pictures, captions = look_files(8)
    made = build(pictures, captions, masks={f"{name[:2]}.mask.png": mask_file(64, 64, BOX) for name, _ in pictures[:8]})
    original, mirrored = made.train[:2]
    assert (original.mask_HW[:, :24] == 0).all() and (original.mask_HW[:, 24:] == 255).all()
    assert np.array_equal(mirrored.mask_HW, original.mask_HW[:, ::-1])


def test_a_transparent_part_of_a_picture_is_its_mask():
    pictures, captions = look_files(8)
    image = Image.open(io.BytesIO(pictures[0][1])).convert("RGBA")
    image.paste((0, 0, 0, 0), BOX)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    made = build([("00.png", buffer.getvalue()), *pictures[1:]], captions)
    (picture, *_) = pictures_of(made, "00.png")
    assert (picture.mask_HW[:, :24] == 0).all() and (picture.mask_HW[:, 24:] == 255).all()
    assert all(picture.mask_HW is None for picture in made.train if picture.name != "00.png")


def test_the_digest_follows_masks_and_only_where_there_are_some():
    pictures, captions = look_files(8)
    plain = build(pictures, captions)
    masked = [build(pictures, captions, masks={"03.mask.png": mask_file(64, 64, box)}) for box in (BOX, (0, 0, 25, 64))]
    assert len({plain.digest, *(made.digest for made in masked)}) == 3
    assert build(pictures, captions, masks={}).digest == plain.digest


def test_a_mask_without_picture_of_another_size_or_all_black_is_refused_by_name():
    pictures, captions = look_files(8)
    with pytest.raises(TrainingError, match=r"The mask 9\.mask\.png has no picture; a mask is named after its picture"):
        build(pictures, captions, masks={"9.mask.png": mask_file(64, 64, BOX)})
    with pytest.raises(TrainingError, match=r"03\.mask\.png is 64 x 65 px, its picture 64 x 64"):
        build(pictures, captions, masks={"03.mask.png": mask_file(64, 65, BOX)})
    with pytest.raises(TrainingError, match=r"03\.mask\.png is 32 x 32 px, its picture 64 x 64\. Save it in the picture's size"):
        build(pictures, captions, masks={"03.mask.png": mask_file(32, 32, (0, 0, 9, 9))})
    with pytest.raises(TrainingError, match=r"mask of the look picture 03\.png is black all over"):
        build(pictures, captions, masks={"03.mask.png": mask_file(64, 64, (0, 0, 64, 64))})


def test_with_buckets_pictures_keep_their_aspect_and_masks_follow():
    pictures, captions = look_files(8)
    wide, tall = resized(pictures[0][1], 200, 120), resized(pictures[1][1], 130, 200)
    pictures = [("00.png", wide), ("01.png", tall), *pictures[2:]]
    made = build(pictures, captions, aspects="buckets", masks={"00.mask.png": mask_file(200, 120, (0, 0, 100, 120))})
    assert {p.pixels_HW3.shape[:2] for p in pictures_of(made, "00.png")} == {(48, 80)}
    assert {p.pixels_HW3.shape[:2] for p in pictures_of(made, "01.png")} == {(80, 48)}
    assert {p.pixels_HW3.shape[:2] for p in pictures_of(made, "05.png")} == {(64, 64)}
    (picture, *_) = pictures_of(made, "00.png")
    assert picture.mask_HW.shape == (48, 80) and picture.mask_HW[:, :39].max() == 0 and picture.mask_HW[:, 41:].min() == 255
    squares = build(pictures, captions)
    assert {p.pixels_HW3.shape[:2] for p in squares.train + squares.held_out} == {(64, 64)} and squares.digest != made.digest
