# Owns the plugin for pytest: fixtures that make machines and run suites, and what a failed test says of them.
"""Fixtures for tests that run machines.

`machine(bios="rom.bin")` makes a machine. If the test fails, its report says where each stands, explains the last VM exit or
refusal, and shows the end of what it printed.

`suite("tests/suite.toml")` runs a suite's tests, and fails if one of them does; the report explains each that failed.

`suite_test` is one test of a suite, for a test function that runs once for each of them:

    @pytest.mark.ringside_suite("tests/suite.toml", tags=["vmx"])
    def test_vmx(suite_test):
        suite_test()
"""

from __future__ import annotations

import os
from typing import Any, Callable, Generator, Iterator

import pytest

import ringside
from ringside import suites

_lines_shown = 20
_made = pytest.StashKey["list[ringside.Machine]"]()
_failed = pytest.StashKey["list[suites.Result]"]()


@pytest.fixture
def machine(request: pytest.FixtureRequest) -> Iterator[Callable[..., ringside.Machine]]:
    """A function with ringside.Machine's arguments."""
    machines = request.node.stash.setdefault(_made, [])

    def make(*flags: str, **keywords: Any) -> ringside.Machine:
        made = ringside.Machine(*flags, **keywords)
        machines.append(made)
        return made

    yield make
    machines.clear()


def _run(request: pytest.FixtureRequest, *which: Any, **how: Any) -> suites.Run:
    __tracebackhide__ = True
    run = suites.run(*which, **how)
    request.node.stash.setdefault(_failed, []).extend(run.failures)
    if run.failures:
        told = "\n".join(f"{one.suite}: {one.name}: {one.verdict}: {one.reason}" for one in run.failures)
        pytest.fail(f"{len(run.failures)} of {len(run)} tests failed\n{told}", pytrace=False)
    return run


@pytest.fixture
def suite(request: pytest.FixtureRequest) -> Callable[..., suites.Run]:
    """A function with the arguments of ringside.suites.run(), which fails if a test does."""

    def call(*which: Any, **how: Any) -> suites.Run:
        __tracebackhide__ = True
        return _run(request, *which, **how)

    return call


@pytest.fixture
def suite_test(request: pytest.FixtureRequest) -> Callable[..., suites.Result]:
    """One test of the suite that the marker ringside_suite names: a function that runs it, and fails if it does."""
    which, how, name = request.param

    def call(**more: Any) -> suites.Result:
        __tracebackhide__ = True
        run = _run(request, *which, **{**how, **more, "filter": suites.exactly(name)})
        result: suites.Result = run[0]
        if result.verdict == "skipped":
            pytest.skip(result.reason)
        if result.verdict == "expected failure":
            pytest.xfail(result.reason)
        return result

    return call


def pytest_configure(config: pytest.Config) -> None:
    """What `pytest --markers` prints."""
    config.addinivalue_line(
        "markers", "ringside_suite(*suites, **how): the suites of the fixture suite_test, with the arguments of "
        "ringside.suites.run(); relative paths count from the test's file")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Makes a test of each of the suite's."""
    if "suite_test" not in metafunc.fixturenames:
        return
    mark = metafunc.definition.get_closest_marker("ringside_suite")
    if mark is None:
        raise pytest.UsageError(f"{metafunc.definition.nodeid}: suite_test has no suite; mark the test with ringside_suite(SUITE)")
    which = [os.path.join(metafunc.definition.path.parent, one) for one in mark.args]
    chosen = {key: value for key, value in mark.kwargs.items() if key in ("filter", "tags", "flags")}
    try:
        names = suites.names(*which, **chosen)
    except ringside.Error as error:
        raise pytest.UsageError(str(error)) from None
    how = {key: value for key, value in mark.kwargs.items() if key != "filter"}
    metafunc.parametrize("suite_test", [(which, how, name) for name in names], indirect=True,
                         ids=[name.rpartition("/")[2] for name in names])


def describe(machine: ringside.Machine) -> str:
    """What a person wants to know of a machine that did not do as it should."""
    parts: list[object] = [machine.halt or machine.here(), machine.explain()]
    printed = machine.serial.splitlines()[-_lines_shown:]
    if printed:
        parts.append("It printed last:\n" + "\n".join(printed))
    return "\n".join(str(part) for part in parts)


def _add_explanations(item: pytest.Item) -> Generator[None, Any, None]:
    """Adds to a failed test's report what its machines and suites say."""
    outcome = yield
    report = outcome.get_result()
    if report.when != "call" or not report.failed:
        return
    made: list[ringside.Machine] = item.stash.get(_made, [])
    for number, one in enumerate(made):
        try:
            text = describe(one)
        except ringside.Error as error:
            text = str(error)
        report.sections.append((f"machine {number}", text))
    failed: list[suites.Result] = item.stash.get(_failed, [])
    for result in failed:
        report.sections.append((f"{result.suite}: {result.name}", suites.explain(result)))


pytest_runtest_makereport = pytest.hookimpl(hookwrapper=True)(_add_explanations)
