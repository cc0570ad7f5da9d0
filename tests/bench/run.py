#!/usr/bin/env python3
# Owns the comparison: the kernels on Ringside, Debian's Bochs, QEMU's TCG and the host in turn, CPU time, ratios.
"""Compare the speed of emulators on the kernels of tests/bench/image.

Every emulator is given the iterations that take it about --seconds; what is compared is its own CPU time (user and
system) for one iteration. The emulators run in turn, --repeat rounds, and medians are taken. Nothing here is a test of
speed; --check compares the checksums only.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

import emulators

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


class Kernel:
    """`unit`: MIPS (of the counted instructions), ns (an event), or G/s of `elements` an iteration.

    `first`: the short run's iterations, a few ms on a slow emulator. `goal` is Ringside's aim in that unit and `bochs` what Debian's
    Bochs 2.7 reached where the aim was set, with other kernels of the same kind.
    """

    def __init__(self, name, unit, first, goal=None, bochs=None, elements=0, counted_as=None):
        self.name, self.unit, self.first, self.elements = name, unit, first, elements
        self.counted_as = counted_as or name  # the kernel whose instructions it runs
        self.goal, self.bochs = goal, bochs

    def value(self, seconds, instructions):  # seconds: of one iteration
        if self.unit == "ns":
            return seconds * 1e9
        return (self.elements / 1e9 if self.elements else instructions / 1e6) / seconds

    def gain(self, mine, other):  # how many times better `mine` is
        return other / mine if self.unit == "ns" else mine / other


KERNELS = [
    Kernel("int_loop", "MIPS", 150, 4000, 142),
    Kernel("sieve", "MIPS", 3, 2000, 104),
    Kernel("quicksort", "MIPS", 10, 1200, 111),
    Kernel("sha256", "MIPS", 20, 3500, 127),
    Kernel("crc32", "MIPS", 40, 1500, 107),
    Kernel("memcpy", "MIPS", 250, 2000, 93),
    Kernel("memcpy_1m", "MIPS", 250, 2000, 96),
    Kernel("memcpy_4m", "MIPS", 250),
    Kernel("rep_byte", "GB/s", 30, 23, 0.05, 131072),
    Kernel("rep_qword", "G/s", 150, 2.5, 0.05, 16384),
    Kernel("matrix", "MIPS", 20, 700, 71),
    Kernel("matrix_exact", "MIPS", 20),
    Kernel("matrix_denormal", "MIPS", 10),
    Kernel("x87", "MIPS", 200, 350, 53),
    Kernel("x87_exact", "MIPS", 200),
    Kernel("interpreter", "MIPS", 100, 700, 82),
    Kernel("avx_memcpy", "MIPS", 200),
    Kernel("avx_memset", "MIPS", 400),
    Kernel("matrix_ps", "MIPS", 20),
    Kernel("matrix_pd", "MIPS", 10),
    Kernel("aes_gcm", "MIPS", 10),
    Kernel("image_filter", "MIPS", 10),
    Kernel("bit_tricks", "MIPS", 4),
    Kernel("sha_ni", "GB/s", 10, elements=4096),
    Kernel("text", "MIPS", 5),
    Kernel("interpolate", "MIPS", 10),
    Kernel("masked_rows", "MIPS", 10),
    Kernel("dot_products", "MIPS", 5),
    Kernel("columns", "MIPS", 10),
    Kernel("chase", "ns", 120000, 260, 371),
    Kernel("smc", "ns", 15000, 200, 303),
    Kernel("store_beside", "ns", 200000, 20, 139),
    Kernel("fault", "ns", 15000, 200, 2426),
    Kernel("syscall", "ns", 150000, 50, 332),
    Kernel("int80", "ns", 120000, 80, 354),
    Kernel("cr3", "ns", 3000, 2000, 13800),
    Kernel("invlpg", "ns", 20000, 60, 1690),
    Kernel("vm_exit", "ns", 3000, 400, 7900),
    Kernel("ept_chase", "ns", 100000, 330, 627),
    Kernel("ept_sieve", "MIPS", 3, counted_as="sieve"),
]
VMX = ["vm_exit", "ept_chase", "ept_sieve"]  # a machine without VMX skips them
EVENTS = [k.name for k in KERNELS if k.unit == "ns" and k.name not in VMX]


def run_once(emulator, image, iterations, limit=900.0):
    """{kernel: (CPU seconds, checksum)}, (None, None) for one that was skipped; an emulator that fails on the way raises RuntimeError."""
    words = " ".join(f"{name}={n}" for name, n in iterations.items())
    results, began, done = {}, {}, False
    with tempfile.TemporaryDirectory() as folder:
        run = emulator.start(image, words, folder, limit)
        for cpu, line in run:
            word = line.split()
            if word[:1] != ["BENCH"] or len(word) < 2:
                continue
            if word[1] == "panic":
                run.stop()
                raise RuntimeError(f"{emulator.title}: {line}")
            if word[1] == "done":
                done = True
                run.stop()
            elif word[2:3] == ["skipped"]:
                results[word[1]] = (None, None)
            elif word[2:3] == ["begin"]:
                began[word[1]] = cpu
            elif word[2:3] == ["end"]:
                # The host's own runs are too short to be watched from outside: they say how long they took.
                seconds = float(word[5]) if word[5:] else cpu - began[word[1]] if word[1] in began else None
                results[word[1]] = (None if seconds is None else max(seconds, 1e-7), word[4])
    if not done:
        why = "the limit of time was reached" if run.timed_out else f"status {run.status}"
        raise RuntimeError(f"{emulator.title} did not finish ({why}): {run.complaint()}")
    return results


def count_instructions(counters, image):
    """Instructions of one iteration, counted in the guest by the trap flag; kept beside the image."""
    kept = pathlib.Path(image) / "instructions.json"
    if kept.exists():
        return json.loads(kept.read_text())
    counts = {}
    for emulator in counters:
        try:
            with tempfile.TemporaryDirectory() as folder:
                for _, line in emulator.start(image, "all=1 count=1", folder, 600):
                    word = line.split()
                    if word[2:3] == ["count"]:
                        counts[word[1]] = int(word[4])
        except emulators.Missing:
            continue
        if counts:
            break
    kept.write_text(json.dumps(counts))
    return counts


def build(image):
    parts = ["bench.elf", "native"]
    newest = max(p.stat().st_mtime for p in (HERE / "image").iterdir())
    if all((image / p).exists() and (image / p).stat().st_mtime >= newest for p in parts):
        return
    print(f"building the image in {image}", file=sys.stderr)
    subprocess.run([HERE / "image" / "build.sh", image], check=True)
    (image / "instructions.json").unlink(missing_ok=True)


def check(emulator, native, image, iterations):
    """Complaints about checksums that differ from the host's."""
    expected, seen = run_once(native, image, iterations), run_once(emulator, image, iterations)
    complaints = []
    for name in iterations:
        if name not in seen:
            complaints.append(f"{emulator.title}: {name} did not report")
        elif name not in expected:
            complaints.append(f"native: {name} did not report")
        elif None not in (seen[name][1], expected[name][1]) and seen[name][1] != expected[name][1]:
            complaints.append(f"{emulator.title}: {name} came to {seen[name][1]}, not to {expected[name][1]}")
    return complaints, seen


def scaled(results, iterations, seconds):
    """The iterations that take `seconds`, judged by what a run took; a very short one is not trusted too far."""
    return {name: max(1, int(iterations[name] * seconds / max(results[name][0], seconds / 1000)))
            for name in iterations if name in results and results[name][0] is not None}


def number(value):
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def geometric_mean(values):
    values = [v for v in values if v]
    return statistics.geometric_mean(values) if values else None


def table(kernels, medians, names, counts):
    """Rows of text: units for each emulator, Ringside's gains over the others, and the goal's gain over Bochs."""
    values = {n: {k.name: k.value(medians[n][k.name], counts.get(k.counted_as, 0)) for k in kernels if k.name in medians[n]}
              for n in names}
    others = [n for n in names if n not in ("Ringside", "native")] if "Ringside" in names else []
    rows = [["kernel", "unit", *names, *(f"Ringside/{n}" for n in others), "goal/Bochs 2.7"]]
    gains = {n: {} for n in others}
    for k in kernels:
        row = [k.name, k.unit, *(number(values[n].get(k.name)) for n in names)]
        for n in others:
            mine, other = values["Ringside"].get(k.name), values[n].get(k.name)
            gains[n][k.name] = k.gain(mine, other) if mine and other else None
            row.append(number(gains[n][k.name]))
        row.append(number(k.gain(k.goal, k.bochs)) if k.goal else "-")
        rows.append(row)
    for title, wanted in (("kernels, geometric mean", False), ("events, geometric mean", True)):
        chosen = [k for k in kernels if (k.name in EVENTS) == wanted and k.name not in VMX]
        if others and len(chosen) > 1:
            rows.append([title, "", *("" for _ in names),
                         *(number(geometric_mean(gains[n][k.name] for k in chosen)) for n in others),
                         number(geometric_mean(k.gain(k.goal, k.bochs) for k in chosen if k.goal))])
    return rows, values, gains


def print_table(rows):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for at, row in enumerate(rows):
        cells = [c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths))]
        print("| " + " | ".join(cells) + " |")
        if at == 0:
            print("|" + "|".join("-" * (w + 1) + ("-" if i < 2 else ":") for i, w in enumerate(widths)) + "|")


def arguments():
    a = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("--ringside", default="build/ringside", metavar="FILE",
                   help="the program (build/ringside); none: without it")
    a.add_argument("--ringside-flags", default="", metavar="FLAGS", help="more flags for it: --ringside-flags='-x y'")
    a.add_argument("--variant", action="append", default=[], metavar="NAME=FLAGS",
                   help="run Ringside once more with these flags, under this name")
    a.add_argument("--before", metavar="FILE", help="another build of Ringside, to compare with")
    a.add_argument("--least", action="store_true", help="the least of the rounds, not the median: for a busy machine")
    a.add_argument("--peers", default="qemu,bochs,native", help="any of qemu, bochs, native (all); none: none")
    a.add_argument("--bochs", default="bochs", metavar="FILE", help="another Bochs than the installed one")
    a.add_argument("--kernels", help="only these, with commas; 'pure', 'events' and 'vmx' name the groups")
    a.add_argument("--repeat", type=int, default=3, help="rounds (3)")
    a.add_argument("--seconds", type=float, default=1.0, help="CPU seconds for each kernel, round and emulator (1)")
    a.add_argument("--json", metavar="FILE", help="write what was measured")
    a.add_argument("--image", default=str(ROOT / "build" / "bench"), metavar="FOLDER", help="where the image is built")
    a.add_argument("--check", action="store_true", help="only compare the checksums of two iterations with the host's")
    return a.parse_args()


def chosen_kernels(text):
    if not text:
        return KERNELS
    wanted = set()
    for word in text.split(","):
        group = {"pure": [k.name for k in KERNELS if k.name not in EVENTS + VMX], "events": EVENTS, "vmx": VMX}.get(word, [word])
        if not set(group) <= {k.name for k in KERNELS}:
            sys.exit(f"run.py: no kernel {word}; there are: {', '.join(k.name for k in KERNELS)}")
        wanted.update(group)
    return [k for k in KERNELS if k.name in wanted]


def main():
    options = arguments()
    kernels = chosen_kernels(options.kernels)
    image = pathlib.Path(options.image).resolve()
    build(image)
    native = emulators.Native()
    known = {"qemu": emulators.Qemu(), "bochs": emulators.Bochs(options.bochs), "native": native}
    wanted = []
    if options.ringside != "none":
        wanted.append(emulators.Ringside(options.ringside, options.ringside_flags.split()))
    for variant in options.variant:
        name, equals, flags = variant.partition("=")
        if not equals or name in ("", "Ringside", "before", "TCG", "Bochs", "native"):
            sys.exit(f"run.py: --variant {variant}: not NAME=FLAGS with a name of its own")
        wanted.append(emulators.Ringside(options.ringside, flags.split(), name))
    if options.before:
        wanted.append(emulators.Ringside(options.before, options.ringside_flags.split(), "before"))
    for name in options.peers.split(",") if options.peers not in ("", "none") else []:
        if name not in known:
            sys.exit(f"run.py: no peer {name}; there are: {', '.join(known)}")
        wanted.append(known[name])

    # The short run: are the sums right, and how fast is it?
    contenders, iterations, wrong = [], {}, []
    for emulator in wanted:
        short = {k.name: 2 if options.check else k.first for k in kernels}
        try:
            complaints, seen = check(emulator, native, image, short)
        except (emulators.Missing, RuntimeError) as problem:
            print(f"{emulator.title} is left out: {problem}", file=sys.stderr)
            wrong += [str(problem)] if options.check or isinstance(problem, RuntimeError) else []
            continue
        wrong += complaints
        contenders.append(emulator)
        iterations[emulator.title] = scaled(seen, short, options.seconds)
    for complaint in wrong:
        print(f"WRONG: {complaint}", file=sys.stderr)
    if options.check:
        print(f"{len(contenders)} compared with the host, {len(wrong)} complaints")
        sys.exit(1 if wrong or not contenders else 0)

    # Any emulator may count: the image is the same for all.
    counts = count_instructions([e for e in (known["qemu"], *contenders) if e is not native], image)
    times = {e.title: {} for e in contenders}
    for round_number in range(options.repeat):
        for emulator in contenders:
            print(f"round {round_number + 1} of {options.repeat}: {emulator.title}", file=sys.stderr)
            chosen = iterations[emulator.title]
            try:
                seen = run_once(emulator, image, chosen)
            except RuntimeError as problem:
                sys.exit(f"run.py: {problem}")
            for name, (seconds, _) in seen.items():
                times[emulator.title].setdefault(name, []).append(seconds / chosen[name])
            iterations[emulator.title] = scaled(seen, chosen, options.seconds)
    middle = min if options.least else statistics.median
    medians = {t: {k: middle(v) for k, v in of.items()} for t, of in times.items()}
    names = [e.title for e in contenders]
    rows, values, gains = table(kernels, medians, names, counts)
    print_table(rows)
    print("MIPS, GB/s, G/s: higher is better; ns: lower. Ringside/X: how many times better Ringside is. "
          f"{'The least' if options.least else 'Medians'} of {options.repeat}; the machine's load was {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs.")
    if options.json:
        measured = {"seconds_per_iteration": times, "values": values, "gains": gains, "instructions": counts}
        pathlib.Path(options.json).write_text(json.dumps(measured, indent=1) + "\n")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
