"""What a storefront sees of a published place, a folder or a bucket, so that one set of tests holds for both."""

from publishing.bucket_channel import deliver_to_bucket
from publishing.bucket_manifest import read_board, read_index, read_parts
from publishing.folder_channel import deliver
from publishing.manifest import MANIFEST_NAME, Manifest, read_manifest


class FolderWindow:
    """A published folder."""

    def __init__(self, folder):
        self.folder = folder

    def deliver(self, items, *, complete_for, delivered_at, kept=()):
        return deliver(self.folder, items, complete_for=complete_for, delivered_at=delivered_at, kept=kept)

    def manifest(self):
        return read_manifest(self.folder)

    def read(self, file):
        path = self.folder / file
        return path.read_bytes() if path.is_file() else None

    def lose(self, file):
        (self.folder / file).unlink()

    def state(self):
        found = (path for path in self.folder.rglob("*") if path.is_file() and path.name != ".lock")
        return {str(path.relative_to(self.folder)): (path.read_bytes(), path.stat().st_mtime_ns) for path in found}

    def spoil_manifest(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / MANIFEST_NAME).write_text('{"name": "my web app", "icons": []}')


class BucketWindow:
    """A published bucket; everything is delivered into one part."""

    def __init__(self, bucket, part="shop/2026-11-21"):
        self.bucket, self.part = bucket, part

    def deliver(self, items, *, complete_for, delivered_at, part=None, former_parts=(), kept=()):
        how = {"complete_for": complete_for, "delivered_at": delivered_at, "former_parts": former_parts, "kept": kept}
        return deliver_to_bucket(self.bucket, part or self.part, items, **how)

    def manifest(self):
        images, stones = {}, []
        for _, _, part in read_parts(self.bucket):
            assert not images.keys() & part.images.keys(), "a name stands in two parts"
            images |= part.images
            stones += part.tombstones
        return Manifest(images=images, tombstones=tuple(stones))

    def part_manifest(self, name):
        return read_board(self.bucket, [name]).parts[name]

    def index(self):
        return read_index(self.bucket)[0]

    def read(self, file):
        return self.bucket.read(file)

    def lose(self, file):
        self.bucket.remove([file])

    def state(self):
        return {path: (self.bucket.read(path), at) for path, at in self.bucket.written_below("").items()}

    def spoil_manifest(self):
        self.bucket.write(MANIFEST_NAME, b'{"name": "my web app", "icons": []}')
