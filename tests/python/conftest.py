# Owns what the tests of the Python module share: where the guests are that the build made.
import os
import pathlib

import pytest


@pytest.fixture
def roms() -> pathlib.Path:
    return pathlib.Path(os.environ["RINGSIDE_ROMS"])
