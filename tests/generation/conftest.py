"""Tiny base models for tests of the engine, written when a test asks for one and kept for its file."""

import pytest

from generation.base_model import read_base_model
from tests.generation.tiny_families import MODELS


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Base models by name."""
    made = {}

    def model(name):
        if name not in made:
            made[name] = read_base_model(MODELS[name](tmp_path_factory.mktemp(name) / "base"))
        return made[name]

    return model
