"""Random histories of a store against a dictionary: what was put is there, what was not is not, whatever happened in between."""

import tempfile
import uuid
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from catalog.errors import StoreError
from catalog.keys import digest_bytes
from resources.blob_cache import BlobCache
from resources.object_store import ObjectStore, blob_path
from tests.faulty_s3 import bucket_files, faulty_s3

BLOBS = st.binary(min_size=1, max_size=3).map(lambda seed: seed * 50)
KEYS = st.sampled_from(["one", "two"])


class StoreMachine(RuleBasedStateMachine):
    """Blobs by name, manifests by key, and blobs that somebody damaged; the model is three plain collections."""

    def open(self):
        """A new store, and its proxy's faults or None."""
        raise NotImplementedError

    @initialize()
    def begin(self):
        self.store, self.faults = self.open()
        self.blobs, self.manifests, self.damaged = {}, {}, set()

    @rule(data=BLOBS)
    def put(self, data):
        name = self.store.put(data)
        assert name == digest_bytes(data)
        self.blobs[name] = data

    @rule(data=BLOBS)
    def get(self, data):
        name = digest_bytes(data)
        if name in self.damaged:
            with pytest.raises(StoreError, match="was altered"):
                self.store.get(name)
            self.damaged.discard(name)  # set aside
            del self.blobs[name]
        elif name in self.blobs:
            assert self.store.get(name) == data
            assert self.store.local_file(name).read_bytes() == data
        else:
            with pytest.raises(StoreError, match="is missing"):
                self.store.get(name)

    @rule(key=KEYS, number=st.integers(0, 1))
    def put_manifest(self, key, number):
        if self.manifests.setdefault(key, number) == number:
            self.store.put_manifest("kind", key, {"n": number})
        else:
            with pytest.raises(StoreError, match="other content"):
                self.store.put_manifest("kind", key, {"n": number})

    @rule(data=BLOBS)
    def damage(self, data):
        name = digest_bytes(data)
        if name in self.blobs:
            self.store.files.write(blob_path(name), bytes([data[0] ^ 1]) + data[1:])
            self.damaged.add(name)

    @rule(fault=st.sampled_from(["lose", "corrupt", 500, 503, 409]))
    def misbehave_once(self, fault):
        if self.faults is not None:
            self.faults.next_faults = [fault]

    @rule(asked=st.sets(BLOBS, max_size=4))
    def ask(self, asked):
        names = {digest_bytes(data) for data in asked}
        assert self.store.missing(names) == names - self.blobs.keys()

    @invariant()
    def manifests_stand(self):
        assert dict(self.store.manifests("kind")) == {key: {"n": number} for key, number in self.manifests.items()}


QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large]


def test_a_folder_behaves_like_a_dictionary():
    with tempfile.TemporaryDirectory() as home:

        class Machine(StoreMachine):
            def open(self):
                return ObjectStore(Path(home) / uuid.uuid4().hex), None

        run_state_machine_as_test(
            Machine, settings=settings(max_examples=30, stateful_step_count=20, deadline=None, suppress_health_check=QUIET)
        )


def test_a_bucket_that_misbehaves_behaves_like_a_dictionary(bucket, s3_endpoint, tmp_path):
    with faulty_s3(s3_endpoint) as (address, faults):

        class Machine(StoreMachine):
            def open(self):
                faults.next_faults = []
                files = bucket_files(bucket, address, prefix=uuid.uuid4().hex)
                return ObjectStore(files, BlobCache(tmp_path / uuid.uuid4().hex, 10**9)), faults

        run_state_machine_as_test(
            Machine, settings=settings(max_examples=4, stateful_step_count=12, deadline=None, suppress_health_check=QUIET)
        )
