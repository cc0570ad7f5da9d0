# Owns the plugin for pytest: a fixture that makes machines, and what a failed test says of them.
"""`machine(bios="rom.bin")` makes a machine for a test; if the test fails, its report says where each stands, explains the last
VM exit or refusal, and shows the end of what it printed."""

from __future__ import annotations

from typing import Any, Callable, Iterator

import pytest

import ringside

_lines_shown = 20
_made = pytest.StashKey[list]()


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


def describe(machine: ringside.Machine) -> str:
    """What a person wants to know of a machine that did not do as it should."""
    parts = [machine.halt or machine.here(), machine.explain()]
    printed = machine.serial.splitlines()[-_lines_shown:]
    if printed:
        parts.append("It printed last:\n" + "\n".join(printed))
    return "\n".join(str(part) for part in parts)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
    outcome = yield
    report = outcome.get_result()
    if report.when != "call" or not report.failed:
        return
    for number, one in enumerate(item.stash.get(_made, [])):
        try:
            text = describe(one)
        except ringside.Error as error:
            text = str(error)
        report.sections.append((f"machine {number}", text))
