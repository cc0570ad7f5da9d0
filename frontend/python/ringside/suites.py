# Owns suites of tests from Python: what they have, running them by the program `ringside`, and what each test came to.
"""Suites of tests, as `ringside test` takes them: unittests.cfg, a suite's .toml, an image with its .expect, a folder of these.

    from ringside import suites

    run = suites.run("tests/suite.toml", jobs=2, tags=["vmx"])
    for result in run.failures:
        print(result.name, result.reason, suites.explain(result), sep="\\n")
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
import sysconfig
import tempfile
from typing import Any, Iterable, Iterator, Mapping, Optional, Sequence, Union

import ringside

__all__ = ["Check", "Result", "Run", "exactly", "explain", "names", "program", "run"]

_Path = Union[str, "os.PathLike[str]"]
_failures = ("failed", "unexpected pass", "broken")


@dataclasses.dataclass(frozen=True)
class Check:
    """What the guest told of one of its own checks."""

    name: str
    verdict: str  # one of Result.verdict's words
    message: str = ""
    line: int = 0  # of the output, from 1 on; 0: it was announced and never came


@dataclasses.dataclass(frozen=True)
class Result:
    """What one test came to."""

    suite: str
    name: str  # with the matrix in it: "vmx [cpu=Skylake-Server]"
    verdict: str  # "passed", "failed", "skipped", "expected failure", "unexpected pass", "broken"
    reason: str = ""  # one line: why it has not passed
    checks: Sequence[Check] = ()
    tags: Sequence[str] = ()
    ending: str = ""  # of the machine: "power-off", "timeout", ...
    exit_status: Optional[int] = None
    instructions: int = 0
    virtual_seconds: float = 0
    host_seconds: float = 0
    state_hash: str = ""
    output: str = ""  # the last part of it, if it is long
    words: Sequence[str] = ()  # of the command that ran it, the program first
    reproduce: str = ""  # the command line that runs it alone once more
    debug: str = ""  # the one that stops in the debugger where it failed
    explained: str = ""  # what `explain` told

    @property
    def failed(self) -> bool:
        """Whether a run of tests with this result in it has failed."""
        return self.verdict in _failures


class Run(Sequence[Result]):
    """The results of a run, in the order of the suites."""

    def __init__(self, results: Iterable[Result]) -> None:
        self._results = tuple(results)

    def __getitem__(self, index: Any) -> Any:
        return self._results[index]

    def __len__(self) -> int:
        return len(self._results)

    def __iter__(self) -> Iterator[Result]:
        return iter(self._results)

    @property
    def failures(self) -> list[Result]:
        """The tests for which the run has failed."""
        return [one for one in self if one.failed]

    def __repr__(self) -> str:
        return f"<Run of {len(self)} tests: {len(self.failures)} failed>"


def program() -> str:
    """The program `ringside`: what the environment's RINGSIDE names, that of the build or of the wheel, or the one in PATH."""
    named = os.environ.get("RINGSIDE")
    if named:
        return named
    built = pathlib.Path(__file__).resolve().parents[2] / "ringside"
    for one in (built, pathlib.Path(sysconfig.get_path("scripts")) / "ringside"):
        if one.is_file() and os.access(one, os.X_OK):
            return str(one)
    found = shutil.which("ringside")
    if found:
        return found
    raise ringside.Error("the program ringside is not found; put it into PATH, or its path into the environment as RINGSIDE")


def _called(words: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    try:
        done = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              errors="replace")
    except OSError as error:
        raise ringside.Error(f"{words[0]} cannot be started: {error.strerror}") from None
    if done.returncode not in (0, 1):
        raise ringside.Error(done.stderr.strip() or f"{words[0]} test ended with status {done.returncode}")
    return done


def _chosen(suites: Sequence[_Path], filter: Optional[str], tags: Iterable[str], flags: Iterable[str]) -> list[str]:
    if not suites:
        raise ringside.Error("no suite is named")
    words = [program(), "test", *(os.fspath(one) for one in suites)]
    if filter is not None:
        words += ["--filter", filter]
    for tag in tags:
        words += ["--tag", tag]
    return words + list(flags)


def exactly(name: str) -> str:
    """A filter that takes the test of this name, "SUITE: NAME", and no other."""
    return "^" + "".join("\\" + one if one in "\\.()*+?{^$|[" else one for one in name) + "$"


def names(*suites: _Path, filter: Optional[str] = None, tags: Iterable[str] = (), flags: Iterable[str] = ()) -> list[str]:
    """The tests that run() would run, each as "SUITE: NAME"."""
    done = _called(_chosen(suites, filter, tags, [*flags, "--list"]))
    if done.returncode:
        raise ringside.Error(done.stderr.strip())
    return [line.split("\t")[0] for line in done.stdout.splitlines()]


def _result_of(line: Mapping[str, Any]) -> Result:
    known = {field.name for field in dataclasses.fields(Result)}
    values = {key: value for key, value in line.items() if key in known}
    values["name"] = line["test"]
    values["checks"] = tuple(Check(one["name"], one["verdict"], one["message"], one["line"]) for one in line["checks"])
    return Result(**values)


def run(*suites: _Path, jobs: int = 1, filter: Optional[str] = None, tags: Iterable[str] = (), flags: Iterable[str] = (),
        run_flags: Iterable[str] = ()) -> Run:
    """Runs the tests, `jobs` at once, each in a process of its own. `filter` is a POSIX extended expression over "SUITE: NAME",
    `flags` are others of `ringside test`, `run_flags` those of each run. A test that fails is a result, and no exception."""
    with tempfile.TemporaryDirectory(prefix="ringside-") as folder:
        answer = os.path.join(folder, "results.json")
        words = _chosen(suites, filter, tags, [*flags, "-j", str(jobs), "--json", answer])
        done = _called([*words, "--", *run_flags])
        try:
            with open(answer, encoding="utf-8") as file:
                lines = [json.loads(line) for line in file]
        except OSError:
            raise ringside.Error(done.stderr.strip() or "ringside test wrote no results") from None
    return Run(_result_of(line) for line in lines if "test" in line)


def explain(result: Result, seconds: float = 60) -> str:
    """What a person wants to know of a test that failed: why, the command that runs it again, the end of its output, where the
    machine ended, and its last VM exit or refusal. What `ringside test` has not explained itself is run again for it, for so many
    seconds of the host's at most."""
    parts = [f"{result.verdict}: {result.reason}"]
    parts += [f"{check.verdict}: {check.name} {check.message}".rstrip() for check in result.checks if check.verdict in _failures]
    if result.output:
        parts.append("It printed last:\n" + "\n".join(result.output.splitlines()[-20:]))
    if result.explained:
        parts.append(result.explained)
    elif result.words and result.instructions:
        try:
            machine = ringside.Machine(*result.words[1:])
            parts += [str(machine.run(seconds=seconds)), str(machine.explain())]
        except ringside.Error as error:
            parts.append(str(error))
    for what, line in (("again", result.reproduce), ("debug", result.debug)):
        if line:
            parts.append(f"{what}: {line}")
    return "\n".join(part for part in parts if part)
