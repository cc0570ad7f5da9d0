#!/usr/bin/env python3
# Owns the comparison of runs of suites: kvm-unit-tests by `ringside test`, by the suite's own runner and on QEMU's TCG, verdicts and
# CPU time; and what a test costs beyond its guest.
"""Run kvm-unit-tests by `ringside test`, and by its own runner on Ringside and on TCG; compare verdicts and CPU time.

CPU time is user and system time of all processes of a run. Tests that TCG cannot run or that last long are left out unless
--tests names them. What a test costs is measured with the guest of roms/hello, which lives for some thousand instructions.
"""
import argparse
import json
import os
import re
import resource
import subprocess
import sys
import tempfile

import emulators

# What TCG 7.2 has all that these need for, and no more than seconds for.
TESTS = ("smptest smptest3 ioapic smap pku emulator eventinj idt_test memory setjmp sieve syscall tsc xsave rmap_chain umip la57 "
         "pcid-enabled realmode vmexit_cpuid vmexit_mov_from_cr8 vmexit_mov_to_cr8 vmexit_ipi").split()
WORDS = {"PASS": "passed", "FAIL": "failed", "SKIP": "skipped"}
LOOKS_LIKE_RESULT = re.compile(r"^(PASS|FAIL|SKIP) (\S+)")


def cpu_of(command, folder=None, environment=None):
    """Runs a command to its end: CPU seconds of it and all of its processes, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=folder, env={**os.environ, **(environment or {})}, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout.decode("utf-8", "replace")


def by_ringside(ringside, suite, names, jobs, scratch):
    """CPU seconds and verdicts of `ringside test`."""
    result = os.path.join(scratch, "result.json")
    wanted = [] if names is None else ["--filter", ": (" + "|".join(map(re.escape, names)) + ")$"]
    cpu, said = cpu_of([ringside, "test", suite, "-j", str(jobs), "--timeout", "0", "--json", result, *wanted],
                       environment={"XDG_CACHE_HOME": scratch})
    if not os.path.exists(result):
        sys.exit(f"suite.py: ringside test wrote no results; it said: {said[-500:]}")
    verdicts = {}
    with open(result, encoding="utf-8") as file:
        for line in map(json.loads, file):
            if "test" in line:
                verdicts[line["test"]] = line["verdict"]
    return cpu, verdicts


def by_runner(checkout, emulator, names):
    """The same of the suite's own runner, with an emulator under QEMU's name."""
    environment = {"QEMU": emulator, "ACCEL": "tcg", "ERRATA_FORCE": "y", "TIMEOUT": "0"}
    cpu, said = cpu_of(["./run_tests.sh", *(names or [])], checkout, environment)
    lines = map(LOOKS_LIKE_RESULT.match, re.sub(r"\x1b\[[0-9;]*m", "", said).splitlines())
    return cpu, {match[2]: WORDS[match[1]] for match in lines if match}


def cost_of_a_test(ringside, rom, count, scratch):
    """CPU seconds of a test of a tiny guest: run directly, and as one of `count` in a suite."""
    flags = ["-bios", rom, "-m", "64", "-nographic"]
    direct = sum(cpu_of([ringside, *flags])[0] for _ in range(count)) / count
    suite = os.path.join(scratch, "tiny.toml")
    with open(suite, "w", encoding="utf-8") as file:
        for number in range(count):
            file.write(f'[[test]]\nname = "{number}"\nfirmware = "{rom}"\nmemory = "64M"\nexpect = "power"\nto_the_end = true\n\n')
    cpu, said = cpu_of([ringside, "test", suite], environment={"XDG_CACHE_HOME": scratch})
    if f"{count} passed" not in said:
        sys.exit(f"suite.py: the tiny guest did not pass {count} times; ringside test said: {said[-500:]}")
    return direct, cpu / count


def compare(options, names, scratch):
    suite = os.path.join(options.kvm_unit_tests, "x86", "unittests.cfg")
    ringside = os.path.abspath(options.ringside)
    runs = {"`ringside test`": by_ringside(ringside, suite, names, options.jobs, scratch),
            "its runner, Ringside": by_runner(options.kvm_unit_tests, ringside, names)}
    try:
        if options.peers != "none":
            runs["its runner, TCG"] = by_runner(options.kvm_unit_tests, emulators.program("qemu-system-x86_64"), names)
    except emulators.Missing as problem:
        print(f"TCG is left out: {problem}", file=sys.stderr)
    print("| | tests | passed | failed | skipped | CPU s | tests a CPU second |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for title, (cpu, verdicts) in runs.items():
        of = [sum(one == word for one in verdicts.values()) for word in WORDS.values()]
        print(f"| {title} | {len(verdicts)} | " + " | ".join(map(str, of)) + f" | {cpu:.1f} | {len(verdicts) / cpu:.2f} |")
    titles = list(runs)
    for test in runs[titles[0]][1]:
        told = [runs[title][1].get(test, "-") for title in titles]
        if len(set(told)) > 1:
            print(f"differs: {test}: " + ", ".join(f"{title}: {one}" for title, one in zip(titles, told)))


def main():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--ringside", default="build/ringside", metavar="FILE")
    a.add_argument("--kvm-unit-tests", metavar="CHECKOUT", help="configured and built; without it only the cost of a test is measured")
    a.add_argument("--tests", metavar="NAME,...", help="of unittests.cfg; all: every one (" + ",".join(TESTS) + ")")
    a.add_argument("--peers", default="qemu", choices=("qemu", "none"))
    a.add_argument("--jobs", type=int, default=1, help="of ringside test (1)")
    a.add_argument("--rom", default="build/roms/hello.bin", metavar="FILE", help="the tiny guest")
    a.add_argument("--count", type=int, default=40, help="tests of it (40)")
    options = a.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        direct, tested = cost_of_a_test(os.path.abspath(options.ringside), os.path.abspath(options.rom), options.count, scratch)
        print(f"A test of a tiny guest: {1000 * tested:.1f} ms of CPU time, of which {1000 * direct:.1f} ms are the run itself.\n")
        if options.kvm_unit_tests:
            names = None if options.tests == "all" else options.tests.split(",") if options.tests else TESTS
            compare(options, names, scratch)


if __name__ == "__main__":
    main()
