# Owns the tests of the Python module's machine.
import threading

import pytest

import ringside


def test_a_run_ends_by_what_comes_first(machine):
    one = machine()
    assert one.run(500).why == "count" and one.instructions == 500
    assert one.run(address="vm_exit").why == "reached"
    assert one.run(serial="VMXOFF").why == "serial"
    halt = one.run()
    assert (halt.why, halt.ending) == ("ended", "power-off")
    assert "VMXOFF" in one.serial


def test_exits_are_an_iterator(machine):
    one = machine()
    exits = list(one.exits())
    assert f"{len(exits)} exits of" in one.serial
    assert one.halt.ending == "power-off"
    assert {"CPUID", "VMCALL"} <= {exit.name for exit in exits}


def test_the_past_is_kept_and_gone_back_in(machine):
    one = machine()
    with pytest.raises(ringside.Error, match="keep_past"):
        one.step_back()
    assert one.past() is None
    one.keep_past()
    exits = [(one.instructions, exit.name) for exit in one.exits()][:10]
    end = one.state_hash()
    printed = one.serial
    for count, name in reversed(exits):
        one.go_to(count)
        assert one.last_exit().name == name
    assert one.run_back(event="exit").why == "beginning" and one.instructions == 0
    assert not one.past().present
    one.run()
    assert one.past().present and one.state_hash() == end and one.serial == printed
    with pytest.raises(TypeError, match="run_back"):
        one.run_back(serial="x")


def test_registers_and_fields_are_mappings(machine):
    one = machine()
    one.run(event="exit")
    one.registers.rcx = 0x123
    assert one.registers["rcx"] == one.registers.rcx == 0x123
    assert "rcx" in one.registers and "GUEST_RIP" in set(one.vmcs)
    assert one.vmcs["GUEST_RIP"] == next(iter([one.last_exit()])).guest_rip
    with pytest.raises(KeyError, match="no such register"):
        one.registers["ryx"]
    with pytest.raises(AttributeError):
        one.registers.ryx


def test_memory_by_all_four_addresses(machine):
    one = machine()
    one.run(event="exit")
    rip = one.vmcs.GUEST_RIP
    code = one.guest_linear[rip : rip + 8]
    host = one.guest_linear.translate(rip)
    assert one.host_physical[host : host + 8] == code and len(code) == 8
    one.linear[0x8000:0x8004] = b"abcd"
    assert one.linear.word(0x8000, 4) == 0x64636261 and one.linear[0x8001] == ord("b")
    with pytest.raises(ringside.Error, match="cannot be read"):
        one.linear[1 << 46]
    with pytest.raises(ValueError):
        one.linear[0x8000:0x8004] = b"abc"
    assert one.walk(f"guest {rip:#x}").sections()


def test_callbacks_decide_and_cannot_run(machine):
    one = machine()
    seen = []

    def stop(same, halt):
        assert same is one
        with pytest.raises(ringside.Error, match="cannot run it"):
            same.run()
        with pytest.raises(ringside.Error, match="cannot run it"):
            same.step()
        seen.append(halt.breakpoint)
        return len(seen) == 3

    with one.catch("exit", stop) as point:
        assert one.run().why == "breakpoint"
        assert seen == [point.number] * 3 and point.hits == 3
    assert one.breakpoints() == []


def test_an_exception_of_a_callback_comes_out_of_the_run(machine):
    one = machine()
    one.catch("exit", lambda same, halt: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        one.run()
    one.restart()
    with pytest.raises(KeyError):
        one.run(predicate=lambda: {}["x"])


def test_a_saved_state_goes_on_as_it_did(machine):
    one = machine()
    one.run(5000)
    saved, before = one.save(), one.state_hash()
    one.run(5000)
    after = one.state_hash()
    one.restore(saved)
    assert one.state_hash() == before
    one.run(5000)
    assert one.state_hash() == after
    with pytest.raises(ringside.Error):
        one.restore(saved[:100])


def test_a_machine_in_a_file_is_there_in_another(machine, tmp_path):
    one, file = machine(), str(tmp_path / "one.state")
    one.run(5000)
    one.save_file(file)
    before = one.state_hash()
    one.run(5000)
    after = one.state_hash()
    one.load_file(file)
    assert one.state_hash() == before
    other = ringside.Machine(load=file)
    assert other.state_hash() == before
    other.run(5000)
    assert other.state_hash() == after
    with pytest.raises(ringside.Error, match="no such file"):
        one.load_file(file + "x")


def test_two_machines_at_once_and_pythons_threads_meanwhile(machine):
    both = [machine(), machine()]
    threads = [threading.Thread(target=one.run) for one in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert both[0].state_hash() == both[1].state_hash()


def test_another_thread_may_interrupt_and_nothing_else(machine, tmp_path):
    # JMP to itself, where the CPU begins.
    image = tmp_path / "loop.bin"
    image.write_bytes(bytes(0xFFF0) + b"\xeb\xfe" + bytes(14))
    one = machine(bios=image)
    runs = threading.Thread(target=one.run)
    runs.start()
    while True:
        try:
            one.here()
        except ringside.Error as error:
            assert "another thread" in str(error)
            break
    one.interrupt()
    runs.join()
    assert one.halt.why == "interrupted"
    # While nothing runs there is nothing to interrupt.
    one.interrupt()
    assert one.run(1000).why == "count"


def test_what_is_wrong_is_an_error_in_one_line():
    with pytest.raises(ringside.Error, match="did you mean -kernel"):
        ringside.Machine(kernle="x")
    with pytest.raises(ringside.Error, match="absent.elf"):
        ringside.Machine(kernel="absent.elf")
    with pytest.raises(TypeError, match="unexpected keyword argument 'instruction'"):
        ringside.Machine().run(instruction=5)


def test_refusals_are_explained(machine, roms):
    one = machine(bios=roms / "refusals.bin", memory="32M")
    rules = []
    one.catch("refused", lambda same, halt: rules.append(same.explain()))
    one.run()
    assert len(rules) == 20
    assert "host.tr.not_null" in rules[10].sections()
    assert "TR" in str(rules[10])


def test_keywords_are_flags(roms):
    one = ringside.Machine(bios=roms / "hello.bin", memory="48M", cpus=2, no_reboot=True, smp=None, snapshot=False,
                           serial=["null", "null"])
    assert one.cpus == 2 and one.run().ending == "power-off"
    one.send("x", port=1)
    with pytest.raises(ringside.Error, match="serial port 2"):
        one.send("x", port=2)
    two = ringside.Machine("-bios", roms / "hello.bin", "-smp", "3")
    two.cpu = 2
    assert two.registers.cr0 == 0x60000010 and repr(two).startswith("<Machine: CPU 2")
    with pytest.raises(ringside.Error, match="CPU 3: the machine has 3"):
        two.cpu = 3


def test_steps_tell_where_they_stopped(machine):
    one = machine()
    halt = one.run(event="exit")
    assert halt.why == "reached" and "root (VMCS" in halt.where
    before = one.instructions
    assert one.step(3).why == "step" and one.instructions == before + 3 and one.halt.where == one.here().where
    one.run(address="putc")
    assert one.step_out().why == "step" and "putc" not in one.halt.where
    assert one.run(event="mode").why in ("reached", "ended")


def test_exits_end_by_a_condition_too(machine):
    one = machine()
    some = [exit.name for exit in one.exits(serial="RDTSC")]
    assert some and one.halt.why == "serial"
    assert next(one.exits()).instructions > 0
    one.watch("gpa 0x0 0x1000", on="access").remove()
    with pytest.raises(ValueError, match="write"):
        one.watch("gpa 0x0 8", on="reading")


def test_the_screen_and_the_keyboard(machine):
    one = machine("-vga", "std")
    one.type("<wait 0.001>")
    one.run(screen="VMXOFF")
    assert (one.halt.why, one.halt.ending) == ("screen", "power-off") and any("VMXOFF" in row for row in one.screen)
    assert one.screen_png().startswith(b"\x89PNG")
