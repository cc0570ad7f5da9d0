# Owns the tests of what comes with the Python module: the plugin, the wheel, the example.
import os
import pathlib
import subprocess
import sys

import ringside

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
        [sys.executable, SOURCE / "wheel.py", package, "1.2", tmp_path], capture_output=True, text=True, check=True
    ).stdout.strip()
    assert made.endswith(".whl")
    environment = {**os.environ, "PYTHONPATH": made}
    # A wheel is a zip file: its records and sources are read from it, the native half is not.
    listed = subprocess.run(
        [sys.executable, "-m", "zipfile", "-l", made], capture_output=True, text=True, check=True, env=environment
    ).stdout
    for part in ("ringside/_native", "ringside/_native.pyi", "ringside/py.typed", "dist-info/RECORD", "entry_points.txt"):
        assert part in listed
    target = tmp_path / "installed"
    subprocess.run([sys.executable, "-m", "zipfile", "-e", made, target], check=True)
    ran = subprocess.run(
        [sys.executable, "-c", "import ringside; print(ringside.__file__, ringside.Machine().run().ending)"],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(target)},
    )
    assert ran.stdout.endswith("power-off\n") and str(target) in ran.stdout, ran.stderr
