# Owns the tests of suites from Python: ringside.suites, and the fixtures of the plugin for pytest that stand on it.
import pytest

import ringside
from ringside import suites

pytest_plugins = ["pytester"]


def run_pytest(pytester, *words):
    return pytester.runpytest_subprocess("-p", "ringside.pytest_plugin", "-p", "no:cacheprovider", *words)


def test_a_run_has_a_result_for_each_test(suite_file):
    run = suites.run(suite_file, jobs=2)
    assert [(one.name, one.verdict) for one in run] == [
        ("whole (1+1)", "passed"), ("whole (1+1) again", "passed"), ("never", "failed")]
    assert [one.name for one in run.failures] == ["never"] and len(run) == 3
    assert run[0].ending == "expected" and run[0].state_hash == suites.run(suite_file, tags=["good"])[0].state_hash
    told = suites.explain(run[2])
    assert "failed: " in told and "42 exits of 32 kinds" in told and "last VM exit: reason 2, Triple fault" in told and "again: " in told


def test_a_name_chooses_one_test(suite_file):
    names = suites.names(suite_file)
    assert names == [f"{suite_file}: {name}" for name in ("whole (1+1)", "whole (1+1) again", "never")]
    assert [one.name for one in suites.run(suite_file, filter=suites.exactly(names[0]))] == ["whole (1+1)"]
    assert suites.names(suite_file, filter="again$") == names[1:2]


def test_what_is_wrong_with_a_suite_is_an_error_in_one_line(tmp_path, monkeypatch):
    for call in (suites.run, suites.names):
        with pytest.raises(ringside.Error, match="absent.toml"):
            call(tmp_path / "absent.toml")
        with pytest.raises(ringside.Error, match="no suite is named"):
            call()
    monkeypatch.setenv("RINGSIDE", str(tmp_path / "none"))
    with pytest.raises(ringside.Error, match="none cannot be started: No such file"):
        suites.run(tmp_path)


def test_a_suite_in_a_test_passes_or_explains(pytester, suite_file):
    pytester.makepyfile(
        f"""
        def test_good(suite):
            assert len(suite({str(suite_file)!r}, tags=["good"])) == 2

        def test_all(suite):
            suite({str(suite_file)!r}, jobs=2)
        """
    )
    result = run_pytest(pytester)
    result.assert_outcomes(passed=1, failed=1)
    text = result.stdout.str()
    assert "1 of 3 tests failed" in text and "suite.toml: never: failed: " in text
    assert "last VM exit: reason 2, Triple fault" in text and "suites.run(" not in text


def test_each_test_of_a_suite_is_one_of_pytests(pytester, suite_file):
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.ringside_suite("suite.toml")
        def test_one(suite_test):
            assert suite_test().verdict == "passed"
        """
    )
    assert pytester.path == suite_file.parent or (pytester.path / "suite.toml").write_text(suite_file.read_text())
    result = run_pytest(pytester, "-v")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*test_one[[]suite.toml: whole (1+1)[]] PASSED*", "*test_one[[]suite.toml: never[]] FAILED*"])
    assert "last VM exit: reason 2, Triple fault" in result.stdout.str()


def test_a_suite_test_without_its_suite_says_what_to_write(pytester):
    pytester.makepyfile("def test_one(suite_test):\n    suite_test()\n")
    result = run_pytest(pytester)
    assert "mark the test with ringside_suite(SUITE)" in result.stdout.str() + result.stderr.str() and result.ret != 0
