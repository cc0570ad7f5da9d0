#!/usr/bin/env python3
# Owns the measuring of going back: one step at random places of a boot, a search across all of it, and what keeping the past costs.
"""Boot a guest in `ringside debug`, go to random moments of its past and step back; then search back for its first VM entry.

Times are of the host's clock, from the command to its answer, and the longest matters to the person who waits. The cost of keeping the
past is CPU time with and without it, in turn.
"""
import argparse
import random
import resource
import statistics
import subprocess
import sys
import time

BOOTS = {
    "linux": ["-m", "512", "-kernel", "{}/vmlinuz", "-initrd", "{}/linux.cpio", "-append", "console=ttyS0"],
    "kvm": ["-m", "1024", "-kernel", "{}/vmlinuz", "-initrd", "{}/kvm.cpio", "-append", "console=ttyS0,115200 tag=L1"],
    "xen": ["-m", "1024", "-kernel", "{}/xen", "-initrd", "{}/vmlinuz-dom0 console=hvc0 tag=DOM0,{}/xen.cpio",
            "-append", "console=com1 com1=115200,8n1 dom0_mem=512M,max:512M"],
}


def flags(boot, folder):
    return ["-nographic", "-no-reboot"] + [word.replace("{}", folder) for word in BOOTS[boot]]


class Conversation:
    """A debugger that is told one command at a time, and is asked when it has answered."""

    def __init__(self, ringside, words, more):
        self.program = subprocess.Popen([ringside, "debug", *words, *more], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True, errors="replace")
        self.number = 0

    def ask(self, command):
        """Seconds until the answer is complete, and its lines."""
        self.number += 1
        mark = f"answered {self.number}"
        began = time.monotonic()
        self.program.stdin.write(f"{command}\necho {mark}\n")
        self.program.stdin.flush()
        lines = []
        for line in self.program.stdout:
            if mark in line and "echo" not in line:
                return time.monotonic() - began, lines
            lines.append(line.rstrip("\n"))
        sys.exit(f"the debugger ended after {command}: {lines[-3:]}")

    def end(self):
        self.program.stdin.close()
        self.program.stdout.read()
        return self.program.wait()


def rss_mib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) >> 10 for line in status if line.startswith("VmHWM"))


def measure(ringside, words, places, more):
    talk = Conversation(ringside, words, more)
    took, _ = talk.ask("continue")
    _, past = talk.ask("info past")
    end = int(next(line for line in past if "known from" in line).split(" to ")[1].split(";")[0])
    print(f"booted in {took:.1f} s: {end:,} instructions")
    for line in past:
        print(f"  {line}")
    steps, goes = [], []
    for _ in range(places):
        count = random.randrange(end // 100, end)
        goes.append(talk.ask(f"goto {count}")[0])
        steps.append(talk.ask("reverse-stepi")[0])
    talk.ask("goto end")
    from_end = talk.ask("reverse-stepi")[0]
    print(f"one step back from the end: {from_end * 1000:.0f} ms")
    print(f"goto, {places} random places: slowest {max(goes):.2f} s, median {statistics.median(goes):.2f} s")
    print(f"one step back there: slowest {max(steps) * 1000:.1f} ms, median {statistics.median(steps) * 1000:.1f} ms")
    talk.ask("goto end")
    talk.ask("catch vmwrite HOST_RIP")
    took, said = talk.ask("reverse-continue")
    print(f"back to the last VMWRITE of HOST_RIP: {took:.2f} s: {said[0] if said else ''}")
    talk.ask("delete")
    talk.ask("goto start")
    took, said = talk.ask("run-to entry")
    if said and "VM entry" in said[0]:
        first = int(next(line for line in talk.ask("info past")[1] if "known from" in line).split(" at ")[1].split(",")[0])
        talk.ask("goto end")
        talk.ask(f"catch vmwrite HOST_RIP if count < {first}")
        took, said = talk.ask("reverse-continue")
        print(f"back across {end - first:,} instructions to what came before the first VM entry: {took:.1f} s: {said[0] if said else ''}")
    print(f"memory at most {rss_mib(talk.program.pid)} MiB")
    for line in talk.ask("info past")[1]:
        print(f"  {line}")
    talk.end()


def cost(ringside, words, pairs):
    """CPU seconds with the past kept, as a ratio to those without, in turn."""
    taken = {"off": [], "1G": []}
    for _ in range(pairs):
        for past, seconds in taken.items():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run([ringside, "debug", *words, "--past", past, "-ex", "continue", "--batch"], stdin=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    off, on = min(taken["off"]), min(taken["1G"])
    print(f"CPU time, least of {pairs}: without the past {off:.2f} s, with it {on:.2f} s: {on / off - 1:+.1%}")


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("boot", choices=BOOTS)
    words.add_argument("images", help="the folder that tests/guests/BOOT.sh made")
    words.add_argument("--ringside", default="build/ringside")
    words.add_argument("--places", type=int, default=10)
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--pairs", type=int, default=0, help="also what the past costs, by so many pairs of runs")
    words.add_argument("--past", default="1G")
    given = words.parse_args()
    random.seed(given.seed)
    boot = flags(given.boot, given.images)
    measure(given.ringside, boot, given.places, ["--past", given.past])
    if given.pairs:
        cost(given.ringside, boot, given.pairs)


if __name__ == "__main__":
    main()
