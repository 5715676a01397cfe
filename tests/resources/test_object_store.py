"""Blobs are written once under their content, manifests once under their key."""

import multiprocessing
import stat

import pytest

from catalog.errors import StoreError
from catalog.keys import digest_bytes
from resources.object_store import ObjectStore


def test_a_blob_is_named_by_its_content_and_kept_once(tmp_path):
    store = ObjectStore(tmp_path)
    name = store.put(b"picture")
    assert name == digest_bytes(b"picture") == store.put(b"picture")
    assert store.get(name) == b"picture"
    assert store.has(name)
    assert sum(path.is_file() for path in tmp_path.rglob("*")) == 1


def test_an_altered_blob_is_never_returned(tmp_path):
    store = ObjectStore(tmp_path)
    name = store.put(b"picture")
    store.local_path(name).write_bytes(b"pictura")
    with pytest.raises(StoreError, match="was altered"):
        store.get(name)


def test_a_missing_blob_says_what_to_do(tmp_path):
    with pytest.raises(StoreError, match="Run the cell again"):
        ObjectStore(tmp_path).get("0" * 64)


def test_the_first_manifest_wins_and_a_different_second_one_is_an_alarm(tmp_path):
    store = ObjectStore(tmp_path)
    store.put_manifest("renders", "key", {"renders": [1]})
    store.put_manifest("renders", "key", {"renders": [1]})
    with pytest.raises(StoreError, match="different results from the same inputs"):
        store.put_manifest("renders", "key", {"renders": [2]})
    assert store.get_manifest("renders", "key") == {"renders": [1]}
    assert store.get_manifest("renders", "other") is None


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


def test_a_folder_that_cannot_be_written_is_a_store_error(tmp_path):
    store = ObjectStore(tmp_path)
    blobs = tmp_path / "blobs"
    blobs.write_text("a file where a folder must be")
    blobs.chmod(stat.S_IRUSR)
    with pytest.raises(StoreError, match="Cannot write"):
        store.put(b"picture")
