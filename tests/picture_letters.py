"""Pictures as letters: when a picture test fails, what was compared is written where a person can look at it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

OUT = Path(__file__).parents[1] / "test-out"


@contextmanager
def shown_on_failure(name: str, **pictures) -> Iterator[None]:
    """Write the pictures to test-out/NAME-KEY.png if the assertions inside fail."""
    try:
        yield
    except AssertionError:
        OUT.mkdir(exist_ok=True)
        for key, pixels in pictures.items():
            Image.fromarray(pixels).save(OUT / f"{name}-{key}.png")
        raise
