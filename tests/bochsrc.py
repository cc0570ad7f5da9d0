# What every run of Debian's Bochs needs in its configuration: no devices of the host, a fixed clock, a panic ends it.
COMMON = """\
config_interface: textconfig
display_library: {display}
memory: guest={mebibytes}, host={mebibytes}
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
clock: sync=none, time0=1700000000
com1: enabled=1, mode=file, dev="{serial}"
# Debian's 2.7 aborts in its mixer where the host has no sound card.
sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
speaker: enabled=0
log: {log}
panic: action=fatal
error: action=ignore
info: action=ignore
debug: action=ignore
"""


def bochsrc(lines, serial, log, mebibytes, display='rfb, options="timeout=0"'):
    """The text of a configuration: `lines`, of the processor and what it boots, and what is common."""
    return lines + COMMON.format(display=display, mebibytes=mebibytes, serial=serial, log=log)
