#!/usr/bin/env python3
# Runs the images of tests/system on Ringside, and on QEMU TCG and Bochs where they are installed: a table of the failed checks.
#   tests/system/peers.py [--build FOLDER] [--show] [NAME...]
import argparse
import glob
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from bochsrc import bochsrc  # of tests/

LIMIT = 30.0  # seconds for a run; a peer that hangs is told so
BOCHSRC = """\
romimage: file={image}, address=0xffff0000
cpu: model=corei7_icelake_u, count={cpus}, ips=100000000, reset_on_triple_fault=0, ignore_bad_msrs=0
"""


def cpus_of(image):
    return "2" if image.endswith("_smp.bin") else "1"


def ringside(build, image, folder):
    return [os.path.join(build, "ringside"), "-nographic", "-m", "32", "-cpu", "max", "-smp", cpus_of(image),
            "-device", "isa-debug-exit", "--max-instructions", "20000000", "-bios", image], None


def qemu(build, image, folder):
    return ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-smp", cpus_of(image), "-m", "32",
            "-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio", "-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-bios", image], None


def bochs(build, image, folder):
    serial, config, script = (os.path.join(folder, name) for name in ("serial", "bochsrc", "commands"))
    with open(config, "w") as file:
        file.write(bochsrc(BOCHSRC.format(image=image, cpus=cpus_of(image)), serial,
                           os.path.join(folder, "log"), 32))
    with open(script, "w") as file:
        file.write("c\n")
    return ["bochs", "-q", "-f", config, "-rc", script], serial


def run(start, build, image):
    """The lines that the image wrote, and a word on how it ended if it did not reach its end."""
    with tempfile.TemporaryDirectory() as folder:
        command, serial = start(build, image, folder)
        if not shutil.which(command[0]):
            return None, "not installed"
        try:
            output = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                    stderr=subprocess.DEVNULL, timeout=LIMIT).stdout
        except subprocess.TimeoutExpired as late:
            output = late.stdout or b""
        if serial:
            output = b""
            if os.path.exists(serial):  # a peer that was stopped in its first moments has not made it yet
                with open(serial, "rb") as file:
                    output = file.read()
    lines = [line.rstrip() for line in output.decode("latin1").split("\n")]
    return lines, "" if any(line.startswith("end: ") for line in lines) else "did not reach its end"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", default="build")
    parser.add_argument("--show", action="store_true", help="print the lines of failed checks")
    parser.add_argument("--only", help="one of Ringside, TCG, Bochs")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    build = os.path.abspath(arguments.build)
    images = sorted(glob.glob(os.path.join(build, "tests/system/*.bin")))
    if not images:
        sys.exit(f"peers.py: no images in {build}/tests/system; build the target system-images")
    for image in images:
        name = os.path.splitext(os.path.basename(image))[0]
        if arguments.names and name not in arguments.names:
            continue
        for title, start in (("Ringside", ringside), ("TCG", qemu), ("Bochs", bochs)):
            if arguments.only not in (None, title):
                continue
            lines, remark = run(start, build, image)
            passed = len({line for line in lines or () if line.startswith("ok ")})
            failed = list(dict.fromkeys(line for line in lines or () if line.startswith("FAIL ")))
            print(f"{name:12} {title:9} {passed:4} ok {len(failed):4} failed  {remark}", flush=True)
            if arguments.show:
                for line in failed:
                    print("    " + line)


main()
