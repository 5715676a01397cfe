"""The shop that publishing tests deliver from."""

import pytest

from tests.publishing.shop import Shop


@pytest.fixture
def shop():
    return Shop()
