# Owns what the tests of the Python module share: where the guests are that the build made.
import os
import pathlib

import pytest


@pytest.fixture
def roms() -> pathlib.Path:
    return pathlib.Path(os.environ["RINGSIDE_ROMS"])


@pytest.fixture
def suite_file(tmp_path: pathlib.Path, roms: pathlib.Path) -> pathlib.Path:
    """A suite of two tests that pass and one that fails."""
    path = tmp_path / "suite.toml"
    path.write_text(
        f"""
[defaults]
firmware = "{roms / 'visor.bin'}"
memory = "64M"
instructions = 10_000_000

[[test]]
name = "whole (1+1)"
expect = ["VMXOFF, power off"]
tags = ["good"]

[[test]]
name = "whole (1+1) again"
expect = ["Ringside's visor"]
tags = ["good"]

[[test]]
name = "never"
expect = ["this is never printed"]
"""
    )
    return path
