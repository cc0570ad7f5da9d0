#!/usr/bin/env python3
# Owns the wheel: the built package and the program as a file that pip installs, for this Python and this kind of host.
"""wheel.py PACKAGE PROGRAM VERSION FOLDER: writes FOLDER/ringside-VERSION-TAG.whl of the folder PACKAGE, with the file PROGRAM as a
command and the modules that lie beside it, and prints its name."""

import base64
import hashlib
import pathlib
import sys
import sysconfig
import zipfile


def record(name: str, data: bytes) -> str:
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(data)}\n"


def main(package: pathlib.Path, program: pathlib.Path, version: str, folder: pathlib.Path) -> None:
    python = f"cp{sys.version_info.major}{sys.version_info.minor}"
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    tag = f"{python}-{python}-{platform}"
    info = f"ringside-{version}.dist-info"
    files = {f"ringside/{path.name}": path.read_bytes() for path in sorted(package.iterdir()) if path.is_file()}
    files[f"{info}/METADATA"] = (
        f"Metadata-Version: 2.1\nName: ringside\nVersion: {version}\n"
        "Summary: x86-64 emulator with VMX that explains itself\nRequires-Python: >=3.9\n").encode()
    files[f"{info}/WHEEL"] = (
        f"Wheel-Version: 1.0\nGenerator: ringside\nRoot-Is-Purelib: false\nTag: {tag}\n").encode()
    files[f"{info}/entry_points.txt"] = b"[pytest11]\nringside = ringside.pytest_plugin\n"
    command = f"ringside-{version}.data/scripts/ringside"
    files[command] = program.read_bytes()
    for module in sorted(program.parent.glob("ringside-*.so")):
        files[f"ringside-{version}.data/data/lib/ringside/{module.name}"] = module.read_bytes()
    listed = "".join(record(name, data) for name, data in files.items()) + f"{info}/RECORD,,\n"
    files[f"{info}/RECORD"] = listed.encode()
    target = folder / f"ringside-{version}-{tag}.whl"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as wheel:
        for name, data in files.items():
            # The same bytes give the same wheel.
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr = (0o100755 if name == command else 0o100644) << 16  # pip looks at the kind, too
            entry.compress_type = zipfile.ZIP_DEFLATED
            wheel.writestr(entry, data)
    print(target)


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3], pathlib.Path(sys.argv[4]))
