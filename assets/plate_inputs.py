"""Pictures that plates were drawn from, kept in the object store so that a recorded batch can be drawn again.

Which pictures those are, requests say (generation/plate_requests.py); a record names each by the digest of its pixels and by its blob.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from catalog.errors import RenderError
from generation.plate_requests import FetchPicture, PlateRequest, digests_of
from imaging.storage_format import Pixels, decode_input, encode_input_png
from resources.ledger import Row
from resources.project import Project


@dataclass(kw_only=True)
class PlateInputs:
    """Keeps the pictures of one shard's requests, each once."""

    project: Project
    _blobs: dict[str, str] = field(default_factory=dict)

    def kept(self, requests: Sequence[PlateRequest]) -> dict[str, str]:
        """Blobs by pixel digest of all that these requests are drawn from, stored."""
        pictures = {digest: picture for one in requests for digest, picture in one.pictures.items()}
        for digest, picture in pictures.items():
            if digest not in self._blobs:
                self._blobs[digest] = self.project.store.put(encode_input_png(picture))
        return {digest: self._blobs[digest] for digest in pictures}


def without_lost_neighbors(project: Project, batch: Row) -> tuple[Row, list[str]]:
    """A recorded batch as far as it can be drawn again, and what had to be changed of it, one sentence each.

    Where pictures are gone from which only its neighbors were drawn, it is drawn beside itself: at one batch size that gives the same bytes
    (decision 51).
    """
    blobs: dict[str, str] = batch.get("pictures", {})
    lost = project.store.missing(blobs.values())
    gone = {digest for digest, blob in blobs.items() if blob in lost}
    own = batch["places"][batch["index"]]
    if not gone or gone & set(digests_of(batch["inputs"][own[2]])):
        return batch, []
    return {**batch, "places": [own] * len(batch["places"])}, ["batch: pictures of its neighbors are gone, drawn beside itself"]


def fetch_from(project: Project, blobs: Mapping[str, str]) -> FetchPicture:
    """Fetches pictures of a recorded batch by pixel digest, for `DiffusionPlates.replay`; raises RenderError for one that is not there any more."""

    def fetch(digest: str) -> Pixels:
        blob = blobs.get(digest)
        if blob is None or project.store.missing([blob]):
            raise RenderError(
                f"Picture {digest[:12]} (blob {blob[:12] if blob else 'not recorded'}), from which its batch was drawn, is not in the store any more. "
                "Nothing was made. Restore it from a backup, or render the product anew: run its cell."
            )
        return decode_input(project.store.get(blob))

    return fetch
