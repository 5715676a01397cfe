"""Progress of a shard: told every few seconds and at the end, paced by what was made here."""

import pytest

from assets.shard_progress import TELL_EVERY_S, ShardProgress


@pytest.fixture
def lines():
    return []


@pytest.fixture
def progress(lines):
    return ShardProgress(images=20, tell=lines.append, _begun=0.0, _told=0.0)


def test_it_tells_every_few_seconds_and_when_all_is_done(progress, lines):
    for image in range(1, 21):
        progress.add(1, now=image * TELL_EVERY_S / 4)
    assert [message.split(",")[0] for message in lines] == [f"{n} of 20 images" for n in (4, 8, 12, 16, 20)]
    assert lines[0] == "4 of 20 images, 2.50 s each, 40 s left"
    assert lines[-1] == "20 of 20 images, 2.50 s each"


def test_what_another_run_had_made_says_nothing_of_the_pace(progress):
    progress.add(10, found=True, now=1.0)
    assert progress.line(2.0) == "10 of 20 images"
    progress.add(2, now=60.0)
    assert progress.line(60.0) == "12 of 20 images, 30.00 s each, 4 min left"


def test_a_shard_of_which_everything_was_found_says_nothing(progress, lines):
    progress.add(20, found=True, now=1.0)
    assert lines == []
