# Owns the tests of what comes with the Python module: the plugin, the wheel, the example.
import importlib.util
import inspect
import os
import pathlib
import subprocess
import sys

import pytest

import ringside
import ringside.suites

SOURCE = pathlib.Path(__file__).parents[2] / "frontend" / "python"

pytest_plugins = ["pytester"]


def test_a_failure_explains_the_machine(pytester):
    pytester.makepyfile(
        """
        def test_exit(machine):
            one = machine()
            one.run(event="exit")
            assert False
        """
    )
    result = pytester.runpytest_subprocess("-p", "ringside.pytest_plugin")
    result.assert_outcomes(failed=1)
    text = result.stdout.str()
    assert "machine 0" in text and "VM exit 1: reason" in text and "It printed last:" in text


def test_a_test_that_passes_says_nothing(pytester):
    pytester.makepyfile("def test_none(machine):\n    machine()\n")
    result = pytester.runpytest_subprocess("-p", "ringside.pytest_plugin")
    result.assert_outcomes(passed=1)
    assert "machine 0" not in result.stdout.str()


def test_the_grader_gives_all_points_and_says_what_is_missing(roms):
    grader = [sys.executable, SOURCE / "examples" / "grade_refusals.py"]
    good = subprocess.run([*grader, roms / "refusals.bin"], capture_output=True, text=True)
    assert (good.returncode, good.stdout) == (0, "20 of 20 points\n")
    bad = subprocess.run([*grader, roms / "visor.bin"], capture_output=True, text=True)
    assert bad.returncode == 1 and "0 of 20 points" in bad.stdout and "nothing more was refused" in bad.stdout


def test_a_wheel_is_a_package_by_itself(tmp_path):
    package = pathlib.Path(ringside.__file__).parent
    made = subprocess.run(
        [sys.executable, SOURCE / "wheel.py", package, ringside.suites.program(), "1.2", tmp_path], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert made.endswith(".whl")
    environment = {**os.environ, "PYTHONPATH": made}
    # A wheel is a zip file: its records and sources are read from it, the native half is not.
    listed = subprocess.run(
        [sys.executable, "-m", "zipfile", "-l", made], capture_output=True, text=True, check=True, env=environment
    ).stdout
    for part in ("ringside/_native", "ringside/_native.pyi", "ringside/py.typed", "dist-info/RECORD", "entry_points.txt",
                 "data/scripts/ringside", "data/lib/ringside/ringside-window.so", "data/lib/ringside/ringside-vnc.so"):
        assert part in listed
    target = tmp_path / "installed"
    subprocess.run([sys.executable, "-m", "zipfile", "-e", made, target], check=True)
    ran = subprocess.run(
        [sys.executable, "-c", "import ringside; print(ringside.__file__, ringside.Machine().run().ending)"],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(target)},
    )
    assert ran.stdout.endswith("power-off\n") and str(target) in ran.stdout, ran.stderr


def public_members(cls):
    for name in dir(cls):
        if not name.startswith("_") and name not in dir(dict) + dir(Exception) and cls is not ringside.Space:
            yield name, getattr(cls, name)


def test_everything_public_says_what_it_is_for():
    for module in (ringside, ringside.suites):
        assert inspect.getdoc(module)
        for name in module.__all__:
            thing = getattr(module, name)
            assert inspect.getdoc(thing), f"{module.__name__}.{name}"
            if not inspect.isclass(thing):
                continue
            for member, value in public_members(thing):
                if callable(value) or isinstance(value, property):
                    assert inspect.getdoc(value), f"{module.__name__}.{name}.{member}"


def test_the_stub_names_what_the_native_half_has():
    stub = (pathlib.Path(ringside.__file__).parent / "_native.pyi").read_text()
    for name in ("Machine", "Halt", "Exit", "BreakpointState", "Space"):
        described = stub.split(f"class {name}")[1].split("\nclass ")[0]
        for member, _ in public_members(getattr(ringside._native, name)):
            assert f"def {member}(" in described or f"    {member}:" in described, f"{name}.{member}"


@pytest.mark.skipif(importlib.util.find_spec("mypy") is None, reason="no mypy; python3-mypy brings it")
def test_mypy_is_content(tmp_path):
    user = tmp_path / "user.py"
    user.write_text(
        """
import ringside
from ringside import suites

machine = ringside.Machine(bios="rom.bin")
halt: ringside.Halt = machine.run(1000, serial="ready", predicate=lambda: machine.seconds > 1)
names: list[str] = [exit.name for exit in machine.exits(seconds=5)]
number: int = machine.linear[0x1000] + machine.registers.rax + machine.vmcs["GUEST_RIP"]
data: bytes = machine.host_physical[0:16]
run: suites.Run = suites.run("suite.toml", jobs=2)
reasons: list[str] = [one.reason for one in run.failures]
"""
    )
    package = pathlib.Path(ringside.__file__).parent
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", tmp_path / "cache", user, package], capture_output=True, text=True,
        env={**os.environ, "MYPYPATH": str(package.parent)})
    assert checked.returncode == 0, checked.stdout + checked.stderr
