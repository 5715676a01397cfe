"""A store that is busy, loses answers, flips bytes or has no room: work goes on or stops in one sentence, and nothing torn is ever seen."""

import resource
import signal
import stat
import subprocess
import sys
import textwrap
import threading

import pytest

from catalog.errors import StoreBusy, StoreError
from catalog.keys import digest_bytes
from resources.blob_cache import BlobCache
from resources.bucket_files import Patience
from resources.object_store import ObjectStore, blob_path
from tests.faulty_s3 import bucket_files


def test_a_store_that_fails_three_times_in_ten_loses_nothing(faulty, tmp_path):
    files, faults = faulty
    faults.fail, faults.lose = 0.3, 0.1
    store = ObjectStore(files, BlobCache(tmp_path, 10**9))
    names = [store.put(bytes([number]) * 500) for number in range(40)]
    for number in range(10):
        store.put_manifest("kind", str(number), {"number": number})
    assert store.missing([*names, "0" * 64]) == {"0" * 64}
    for number, name in enumerate(names):
        assert store.get(name) == bytes([number]) * 500
    assert dict(store.manifests("kind")) == {str(number): {"number": number} for number in range(10)}
    assert faults.injected > 30, "the dice injected too little to prove anything"


def test_a_lost_answer_to_a_manifest_is_settled_by_reading_back(faulty):
    files, faults = faulty
    store = ObjectStore(files)
    faults.next_faults = ["lose"]
    store.put_manifest("kind", "mine", {"n": 1})
    faults.next_faults = ["lose"]
    with pytest.raises(StoreError, match="different results"):
        store.put_manifest("kind", "mine", {"n": 2})
    assert store.get_manifest("kind", "mine") == {"n": 1}


def test_a_conflict_of_two_writers_is_asked_again_and_not_taken_for_an_existing_file(faulty):
    """S3 answers 409 while another writer is at work; obstore calls both that and 412 "already exists"."""
    files, faults = faulty
    store = ObjectStore(files)
    faults.next_faults = [409, 409]
    name = store.put(b"picture")
    assert store.get(name) == b"picture"
    assert faults.count("PUT") == 3


def test_a_byte_flipped_on_the_way_is_read_again(faulty):
    files, faults = faulty
    store = ObjectStore(files)
    name = store.put(b"picture" * 100)
    faults.next_faults = ["corrupt", "corrupt"]
    assert store.get(name) == b"picture" * 100
    faults.next_faults = ["corrupt"] * 3
    with pytest.raises(StoreError, match="was altered"):
        store.get(name)


def test_an_answer_cut_short_is_read_again(faulty):
    files, faults = faulty
    store = ObjectStore(files)
    name = store.put(b"picture" * 10_000)
    faults.next_faults = ["cut"]
    assert store.get(name) == b"picture" * 10_000


def test_a_store_that_stays_away_is_given_up_at_the_deadline(bucket, faulty):
    _, faults = faulty
    host = faulty[0]
    host._patience = Patience(deadline_s=0.3, first_wait_s=0.01, longest_wait_s=0.05)
    faults.fail = 1.0
    with pytest.raises(StoreBusy, match=r"Cannot write s3://.*tried \d+ times in 0 s.*run again") as error:
        ObjectStore(host).put(b"picture")
    assert bucket.name in str(error.value)
    assert faults.count("PUT") > 3


@pytest.mark.parametrize(("status", "now"), [(403, "Give this role the right"), (404, "Does the bucket exist")])
def test_what_cannot_pass_fails_at_once(faulty, status, now):
    files, faults = faulty
    faults.next_faults = [status]
    with pytest.raises(StoreError, match=now):
        files.create("x", b"x")
    assert faults.count("PUT") == 1


def test_a_bucket_that_is_not_there_is_not_a_missing_blob(bucket, s3_endpoint):
    class Elsewhere:
        name = bucket.name + "-misspelt"

    store = ObjectStore(bucket_files(Elsewhere, s3_endpoint))
    with pytest.raises(StoreError, match="Does the bucket exist"):
        store.get("0" * 64)
    with pytest.raises(StoreError, match="Does the bucket exist"):
        store.put(b"picture")


def test_nobody_to_talk_to_is_a_store_error(bucket):
    files = bucket_files(bucket, "http://127.0.0.1:9", patience=Patience(deadline_s=0.2, first_wait_s=0.01, longest_wait_s=0.05))
    with pytest.raises(StoreError, match="tried"):
        files.read("x")


def test_of_many_who_change_one_file_at_once_none_is_lost(faulty):
    files, faults = faulty
    faults.fail, faults.lose = 0.1, 0.1
    files.replace("count", b"", None)

    def add(letter):
        for _ in range(5):
            while True:
                data, version = files.read_version("count")
                if files.replace("count", data + letter, version):
                    break

    threads = [threading.Thread(target=add, args=(letter,)) for letter in (b"a", b"b", b"c", b"d")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counted = files.read("count")
    assert all(counted.count(letter) >= 5 for letter in (b"a", b"b", b"c", b"d"))


def test_asking_for_many_blobs_keeps_many_requests_in_flight(faulty):
    files, faults = faulty
    together, most, lock, door = set(), [0], threading.Lock(), threading.Barrier(8, timeout=20)

    def wait_for_others(method, path):
        with lock:
            together.add(path)
            most[0] = max(most[0], len(together))
        door.wait()  # passes only when eight requests are here at once

    faults.before = wait_for_others
    assert ObjectStore(files).missing([digest_bytes(bytes([n])) for n in range(16)]) != set()
    assert (faults.count("HEAD"), faults.count("GET")) == (16, 0), "no listing"


def test_a_folder_that_cannot_be_written_is_a_store_error(tmp_path):
    store = ObjectStore(tmp_path)
    blobs = tmp_path / "blobs"
    blobs.write_text("a file where a folder must be")
    blobs.chmod(stat.S_IRUSR)
    with pytest.raises(StoreError, match="Cannot write"):
        store.put(b"picture")


FULL_DISK = """
    import resource, signal, sys
    from pathlib import Path
    from catalog.errors import StoreBusy, StoreError
    from resources.object_store import ObjectStore
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    store = ObjectStore(Path(sys.argv[1]))
    small = store.put(b"small")
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    try:
        store.put(b"x" * 3_000_000)
    except StoreError as error:
        print(error)
    print(store.get(small), store.put(b"small too"))
"""


def run_script(text, *arguments):
    """A script of ours in a process of its own."""
    command = [sys.executable, "-c", textwrap.dedent(text), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env={"PYTHONPATH": "."})


def test_a_disk_without_room_leaves_no_torn_blob_and_says_so(tmp_path):
    assert resource.RLIMIT_FSIZE is not None
    done = run_script(FULL_DISK, tmp_path)
    assert "Cannot write blobs/" in done.stdout, done.stderr
    assert "Free space" in done.stdout
    assert "b'small'" in done.stdout
    name = digest_bytes(b"x" * 3_000_000)
    assert not ObjectStore(tmp_path).has(name)


KILLED_WRITES = """
    import os, sys, threading, time
    from pathlib import Path
    from resources.object_store import ObjectStore
    store = ObjectStore(Path(sys.argv[1]))
    threading.Timer(float(sys.argv[2]), lambda: os.kill(os.getpid(), 9)).start()
    number = 0
    while True:
        number += 1
        store.put(bytes([number % 251]) * 200_000 + number.to_bytes(4, "big"))
"""


@pytest.mark.parametrize("after_s", [0.05, 0.11, 0.18])
def test_an_interrupted_write_is_never_visible(tmp_path, after_s):
    done = run_script(KILLED_WRITES, tmp_path, after_s)
    assert done.returncode == -signal.SIGKILL
    store = ObjectStore(tmp_path)
    found = store.files.below("blobs")
    assert found, "killed before anything was written: proves nothing"
    for path in found:
        store.get(path.rsplit("/", 1)[-1])


def test_the_cache_keeps_to_its_bound_but_never_drops_what_is_in_use(tmp_path):
    import os

    cache = BlobCache(tmp_path, 1000)
    blobs = {digest_bytes(bytes([n]) * 300): bytes([n]) * 300 for n in range(5)}
    for name, data in blobs.items():
        cache.file(name, lambda data=data: data)
    assert len(list(tmp_path.iterdir())) == 5, "all were asked for just now"
    for age, name in enumerate(blobs):
        os.utime(tmp_path / name, (1000 - age, 1000 - age))
    newest = digest_bytes(b"new" * 100)
    cache.file(newest, lambda: b"new" * 100)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {newest, *list(blobs)[:2]}, "least recently used go first"


def test_a_damaged_copy_in_the_cache_is_fetched_again(tmp_path):
    cache, name = BlobCache(tmp_path, 1000), digest_bytes(b"weights")
    path = cache.file(name, lambda: b"weights")
    path.write_bytes(b"weighty")
    assert cache.file(name, lambda: b"weights").read_bytes() == b"weights"


def test_blob_paths_are_two_levels_deep():
    assert blob_path("abcd" + "0" * 60) == "blobs/sha256/ab/cd/abcd" + "0" * 60
