"""Blobs are written once under their content, manifests once under their key: the same contract for a folder and a bucket."""

import json
import multiprocessing
import threading

import pytest

from catalog.errors import StoreError
from catalog.keys import digest, digest_bytes
from resources.object_store import ObjectStore, blob_path, manifest_path


def test_a_blob_is_named_by_its_content_and_kept_once(store):
    name = store.put(b"picture")
    assert name == digest_bytes(b"picture") == store.put(b"picture")
    assert store.get(name) == b"picture"
    assert store.has(name)
    assert store.files.below("") == [blob_path(name)]


def test_a_large_blob_is_one_blob_too(store):
    """Above 5 MB obstore would cut it into parts, which no condition protects."""
    data = bytes(range(256)) * 30_000
    assert store.get(store.put(data)) == data
    assert store.put(data) == digest_bytes(data)


def test_an_altered_blob_is_never_returned_and_is_made_anew_next_time(store):
    name = store.put(b"picture")
    store.files.write(blob_path(name), b"pictura")
    with pytest.raises(StoreError, match="was altered") as error:
        store.get(name)
    assert f"altered/{name}" in str(error.value), "the message says where the evidence is"
    assert not store.has(name), "so that the next run finds it missing"
    assert store.files.read(f"altered/{name}") == b"pictura"
    assert store.put(b"picture") == name
    assert store.get(name) == b"picture"


def test_half_a_blob_is_written_over_by_the_whole_one(store):
    name = digest_bytes(b"picture")
    store.files.write(blob_path(name), b"pict")
    store.put(b"picture")
    assert store.get(name) == b"picture"


def test_a_missing_blob_says_where_and_what_to_do(store):
    with pytest.raises(StoreError, match="Run the cell again") as error:
        store.get("0" * 64)
    assert store.name in str(error.value)


def test_what_is_missing_is_told_in_one_question(store):
    there = [store.put(bytes([number])) for number in range(5)]
    gone = [digest_bytes(bytes([number])) for number in range(100, 105)]
    assert store.missing([*there, *gone]) == set(gone)
    assert store.missing([]) == set()


def test_the_first_manifest_wins_and_a_different_second_one_is_an_alarm(store):
    store.put_manifest("catalog", "key", {"renders": [1]})
    store.put_manifest("catalog", "key", {"renders": [1]})
    with pytest.raises(StoreError, match="different results from the same inputs"):
        store.put_manifest("catalog", "key", {"renders": [2]})
    assert store.get_manifest("catalog", "key") == {"renders": [1]}
    assert store.get_manifest("catalog", "other") is None


def test_an_altered_manifest_is_never_returned(store):
    content = {"cell": ["mugs", "2026-11-21"], "renders": [1]}
    key = digest(content)
    store.put_manifest("renders", key, content)
    assert store.get_manifest("renders", key) == content
    for damaged in (b'{"cell": ["mugs"', (json.dumps({**content, "renders": [2]}, sort_keys=True, separators=(",", ":")) + "\n").encode()):
        store.files.write(manifest_path("renders", key), damaged)
        with pytest.raises(StoreError, match="was altered"):
            store.get_manifest("renders", key)


def test_all_manifests_of_a_kind_can_be_read_back_for_a_rebuild(store):
    contents = {digest({"n": n}): {"n": n} for n in range(3)}
    for key, content in contents.items():
        store.put_manifest("renders", key, content)
    store.put_manifest("cutouts", digest({"n": 9}), {"n": 9})
    assert dict(store.manifests("renders")) == contents


def test_a_library_gets_a_verified_file(store):
    name = store.put(b"weights")
    assert store.local_file(name).read_bytes() == b"weights"
    assert store.local_file(name).read_bytes() == b"weights"
    with pytest.raises(StoreError, match="is missing"):
        store.local_file("0" * 64)


def test_a_page_is_written_again_in_place(store):
    address = store.put_page("gate/mugs/2026-11-21.html", b"<p>old", "text/html")
    assert store.put_page("gate/mugs/2026-11-21.html", b"<p>new", "text/html") == address
    assert address.startswith(store.name)
    assert store.files.read("gate/mugs/2026-11-21.html") == b"<p>new"


def test_sixteen_writers_of_one_key_have_one_winner(files):
    barrier, won = threading.Barrier(16), []

    def write(number):
        barrier.wait()
        if files.create("manifests/kind/key.json", bytes([number]) * 100):
            won.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert files.read("manifests/kind/key.json") == bytes(won) * 100


def _put_many(root, start):
    store = ObjectStore(root)
    start.wait()
    for number in range(50):
        store.put(bytes([number]) * 2000)
        store.put_manifest("kind", str(number), {"number": number})


def test_two_processes_writing_the_same_things_agree(tmp_path):
    context = multiprocessing.get_context("spawn")
    start = context.Event()
    workers = [context.Process(target=_put_many, args=(tmp_path, start)) for _ in range(2)]
    for worker in workers:
        worker.start()
    start.set()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    store = ObjectStore(tmp_path)
    for number in range(50):
        assert store.get(digest_bytes(bytes([number]) * 2000)) == bytes([number]) * 2000
