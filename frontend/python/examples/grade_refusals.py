#!/usr/bin/env python3
# Owns an example: a grader that runs an image which has to provoke twenty refused VM entries, in this order, and says what is missing.
import sys

import ringside

WANTED = """no current VMCS
VMfailValid 26
VMfailValid 4
VMfailValid 5
controls.pin.reserved
controls.cr3_target_count
controls.pin.virtual_nmis
controls.ept_pointer.memory_type
controls.injection.type
host.cr4.fixed_bits
host.tr.not_null
host.address_space_64.rip
guest.cr0.fixed_bits
guest.tr.type
guest.rflags.reserved
guest.activity.supported
guest.interruptibility.sti_needs_if
guest.link_pointer.aligned
guest.pdpte0.reserved
VM-entry MSR-load list""".splitlines()


def grade(image: str) -> int:
    machine = ringside.Machine(bios=image, max_instructions=100_000_000)
    met = []
    machine.catch("refused", lambda machine, halt: met.append((halt.text, str(machine.explain()))))
    halt = machine.run()
    for number, wanted in enumerate(WANTED):
        text, explanation = met[number] if number < len(met) else (f"nothing more was refused; {halt.text}", "")
        if wanted not in text:
            print(f"{number + 1}. {wanted} was to come, but it was: {text}\n{explanation}")
    points = sum(wanted in text for wanted, (text, _) in zip(WANTED, met))
    print(f"{points} of {len(WANTED)} points")
    return 0 if points == len(WANTED) and len(met) == points else 1


if __name__ == "__main__":
    sys.exit(grade(sys.argv[1]) if len(sys.argv) == 2 else "grade_refusals.py IMAGE: an image for -bios")
