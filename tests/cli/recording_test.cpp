// Owns the tests of --record and --replay: the run is made again, from its file alone, and what is not as it
// was is told.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <thread>

#include "frontend/replay/recording.h"
#include "tests/cli/program.h"

namespace ringside::cli {
namespace {

// Waits for a byte, sends it back; 'q' ends the run by port F4H with status 1.
const std::string echo_until_q =
    firmware({0xba, 0xfd, 0x03, 0xec, 0xa8, 0x01, 0x74, 0xfb,  // until data is ready
              0xba, 0xf8, 0x03, 0xec, 0xee,                    // IN, OUT
              0x3c, 'q',  0x75, 0xef, 0xb0, 0x00, 0xe6, 0xf4});
// The same, and each byte is added to the one that was sent back before.
const std::string sum =
    firmware({0xba, 0xfd, 0x03, 0xec, 0xa8, 0x01, 0x74, 0xfb, 0xba, 0xf8, 0x03, 0xec, 0x3c, 'q',
              0x74, 0x08, 0x00, 0xc3, 0x88, 0xd8, 0xee, 0xeb, 0xe9, 0x90, 0xb0, 0x00, 0xe6, 0xf4});
// Sleeps; COM1's interrupt sends each byte back, and 'q' ends the run as above.
const std::string sleeper = firmware({0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xd0, 0xbc, 0x00, 0x70,  // DS, SS, SP
                                      0xc7, 0x06, 0x30, 0x00, 0x46, 0xf0,                    // vector 0CH
                                      0xc7, 0x06, 0x32, 0x00, 0x00, 0xf0,                    //
                                      0x66, 0xb9, 0x1b, 0x00, 0x00, 0x00, 0x0f, 0x32,        // no local APIC
                                      0x80, 0xe4, 0xf7, 0x0f, 0x30,                          //
                                      0xb0, 0x11, 0xe6, 0x20, 0xb0, 0x08, 0xe6, 0x21,        // the 8259
                                      0xb0, 0x04, 0xe6, 0x21, 0xb0, 0x01, 0xe6, 0x21,        //
                                      0xb0, 0xef, 0xe6, 0x21,                                // lets IRQ 4 in
                                      0xba, 0xfc, 0x03, 0xb0, 0x08, 0xee,                    // OUT2
                                      0xba, 0xf9, 0x03, 0xb0, 0x01, 0xee,       // received data interrupts
                                      0xfb, 0xf4, 0xeb, 0xfc,                   // STI, HLT, again
                                      0xba, 0xf8, 0x03, 0xec, 0xee, 0x3c, 'q',  // the handler
                                      0x75, 0x04, 0xb0, 0x00, 0xe6, 0xf4,       //
                                      0xb0, 0x20, 0xe6, 0x20, 0xcf});
// Asks for a reset by port CF9H until that was done three times, which a byte of the CMOS RAM counts.
const std::string resets =
    firmware({0xb0, 0x40, 0xe6, 0x70, 0xe4, 0x71, 0xfe, 0xc0, 0xe6, 0x71, 0x3c, 0x04, 0x73,
              0x08, 0xba, 0xf9, 0x0c, 0xb0, 0x06, 0xee, 0xeb, 0xfe, 0xb0, 0x00, 0xe6, 0xf4});

struct Session {
  Folder folder;
  std::string file = folder / "recording";
  std::string rom(const std::string& code) const { return folder.write("rom", code); }
};

Result replay(const Session& session, std::vector<std::string> more = {}) {
  more.insert(more.begin(), {"--replay", session.file});
  return run(more, "input that is not taken");
}

bool one_line(const std::string& text) { return std::count(text.begin(), text.end(), '\n') == 1; }

}  // namespace

TEST_CASE("a recorded run is made again from its file: output, status, state, in either dispatcher") {
  const Session session;
  const Result first = run({"-bios", session.rom(echo_until_q), "-device", "isa-debug-exit", "-m", "16",
                            "--record", session.file, "--stats", session.folder / "first"},
                           "hello there q");
  CHECK(first.out == "hello there q");
  CHECK(first.status == 1);
  CHECK(first.err == "");
  for (const char* accelerator : {"emitted", "reference"}) {
    const Result again = replay(session, {"-accel", accelerator, "--stats", session.folder / accelerator});
    CHECK(again.out == first.out);
    CHECK(again.status == first.status);
    CHECK(has(again.err, "with 13 records"));
    CHECK(has(again.err, "always the same"));
    CHECK(one_line(again.err));
    const auto hash = [&](const char* name) {
      const std::string stats = read_file(session.folder / name);
      return stats.substr(stats.find("\"state_hash\""), 60);
    };
    CHECK(hash(accelerator) == hash("first"));
  }
}

TEST_CASE("resets, sleeps and the built-in guest are made again") {
  const Session session;
  CHECK(run({"-bios", session.rom(resets), "-device", "isa-debug-exit", "--record", session.file}).status ==
        1);
  CHECK(replay(session).status == 1);
  const Result visor = run({"-smp", "2", "--record", session.file + ",every=1000"});
  const Result again = replay(session);
  CHECK(visor.status == 0);
  CHECK(again.out == visor.out);
  CHECK(again.status == 0);
}

TEST_CASE("a run that was ended from outside ends there again, with its status") {
  const Session session;
  const std::string rom = session.rom(echo_until_q);
  const Result limit = run({"-bios", rom, "--record", session.file, "--max-instructions", "1234567"}, "abc");
  CHECK(limit.status == 124);
  CHECK(limit.out == "abc");
  Result again = replay(session);
  CHECK(again.status == 124);
  CHECK(again.out == "abc");
  CHECK(has(again.err, "--max-instructions 1234567: reached"));
  CHECK(run({"-bios", rom, "--record", session.file, "--expect", "abc"}, "abc").status == 0);
  again = replay(session);
  CHECK(again.status == 0);
  CHECK(again.out == "abc");
}

TEST_CASE("a run that was killed is recorded up to there") {
  const Session session;
  {
    Running program({"-bios", session.rom(echo_until_q), "--record", session.file}, Running::With::pipes);
    program.type("abc");
    REQUIRE(program.wait_for("abc"));
    for (unsigned n = 0; n < 1000 && std::filesystem::file_size(session.file) < 900; ++n)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    program.signal(SIGKILL);
    program.finish();
  }
  const Result again = replay(session);
  CHECK(has(again.err, "the recording is cut short here"));
  // The last that is known is that this byte came, not what the guest did with it.
  CHECK((again.out == "ab" || again.out == "abc"));
  CHECK(again.status == 1);
}

TEST_CASE("a recording that was changed, or is none, is refused in one line") {
  const Session session;
  run({"-bios", session.rom(echo_until_q), "-device", "isa-debug-exit", "--record", session.file}, "abcq");
  const std::string good = read_file(session.file);
  const auto refused = [&](const std::string& bytes, const char* why) {
    session.folder.write("recording", bytes);
    const Result result = replay(session);
    CAPTURE(result.err);
    CHECK(result.status == 2);
    CHECK(one_line(result.err));
    CHECK(has(result.err, why));
  };
  std::string changed = good;
  changed[changed.size() / 2] ^= 4;
  refused(changed, "is damaged");
  refused(good.substr(0, 100), "is cut short");
  refused("no recording at all", "is no recording");
  changed = good;
  changed[19] = '7';
  refused(changed, "another version");
  CHECK(run({"--replay", session.folder / "nothing"}).status == 2);
}

// What a Ringside would have recorded whose instruction `count` does something else to RBX.
std::string with_another_rbx(const std::string& file, u64 count) {
  std::string error;
  const auto what = parse_recording({reinterpret_cast<const u8*>(file.data()), file.size()}, error);
  REQUIRE_MESSAGE(what, error);
  const std::vector<std::string>& names = what->head.registers;
  const auto rbx =
      static_cast<std::size_t>(std::find(names.begin(), names.end(), "rbx of CPU 0") - names.begin());
  REQUIRE(rbx < names.size());
  const Folder folder;
  const std::string path = folder / "changed";
  {
    const auto writer = RecordingWriter::create(path, what->head, error);
    REQUIRE_MESSAGE(writer, error);
    auto mark = what->marks.begin();
    const auto put_marks = [&] {
      for (; mark != what->marks.end() && mark->records == writer->records(); ++mark) {
        StateMark other = *mark;
        if (other.at.retired >= count) other.registers[rbx] ^= 0x40;
        writer->mark(other);
      }
    };
    for (const HistoryRecord& record : what->history) {
      put_marks();
      writer->add(record);
    }
    put_marks();
    writer->end(*what->end);
  }
  return read_file(path);
}

TEST_CASE("a run that is not as it was recorded says where, and the first instruction that differs") {
  const Session session;
  constexpr u64 culprit = 20'124;
  run({"-bios", session.rom(sum), "-device", "isa-debug-exit", "--record", session.file + ",every=5000",
       "--max-instructions", "100000"},
      "abc");
  const std::string good = read_file(session.file);
  session.folder.write("recording", with_another_rbx(good, culprit));
  Result result = replay(session);
  CAPTURE(result.err);
  CHECK(result.status == 1);
  CHECK(has(result.err, "the run parts from the recording after 20000 instructions and before 25000: "));
  CHECK(has(result.err, "rbx of CPU 0: 0x66 when it was recorded, 0x26 now"));
  CHECK(has(result.err, "looking for the first instruction that differs"));
  // No dispatcher is to blame.
  CHECK(has(result.err, " did the same for 5000 instructions"));
  CHECK(has(result.err, "both do the same there, and not what was recorded"));
  CHECK(has(result.err, "--record CLOSER,every=5,from=20000,to=25000, and replay"));

  // A machine that is another before its first instruction is not searched for one.
  session.folder.write("recording", with_another_rbx(good, 0));
  const Result another = replay(session);
  CHECK(another.status == 1);
  CHECK(has(another.err, "no instruction has run yet: the machine itself is another"));
  CHECK(!has(another.err, "looking for"));

  // The one who recorded looks closer, and finds the very instruction.
  session.folder.write("recording", good);
  const std::string closer = session.folder / "closer";
  const Result same = replay(session, {"--record", closer + ",every=1,from=20000,to=25000"});
  CHECK(same.out == "a\xc3&");
  CHECK(has(same.err, "always the same"));
  session.folder.write("recording", with_another_rbx(read_file(closer), culprit));
  result = replay(session);
  CHECK(result.status == 1);
  CHECK(has(result.err, "after 20123 instructions and before 20124: "));
  CHECK(has(result.err, "  CPU 0, VMX off, ring 0, real mode, f000:"));
  CHECK(has(result.err, "  instruction: "));
  CHECK(!has(result.err, "CLOSER"));
}

TEST_CASE("a saved state is compared with a count of a recording, and two counts with each other") {
  const Session session;
  const std::string saved = session.folder / "saved";
  run({"-bios", session.rom(sum), "-device", "isa-debug-exit", "--record", session.file, "--max-instructions",
       "60000", "--save", saved + ",at=30000"},
      "abc");
  const auto diff = [&](const std::string& one, const std::string& other) {
    return run({"diff", one, other});
  };
  Result result = diff(saved, session.file + ",at=30000");
  CAPTURE(result.err);
  CHECK(result.out == saved + " and " + session.file + ",at=30000 are the same\n");
  CHECK(result.status == 0);
  result = diff(saved, session.file);
  CHECK(result.status == 1);
  CHECK(has(result.out, "clock"));
  CHECK(diff(session.file + ",at=0", session.file + ",at=60000").status == 1);
  CHECK(has(diff(session.file + ",at=1", session.file + ",at=60000").out, "rbx"));
  CHECK(has(diff(saved, session.file + ",at=60001").err, "what was recorded ends after 60000 instructions"));
  CHECK(has(diff(saved + ",at=5", saved).err, "is no recording, of which there are many counts"));
}

TEST_CASE("flags that do not go with a replay are refused") {
  const Session session;
  const std::string rom = session.rom(echo_until_q);
  run({"-bios", rom, "-device", "isa-debug-exit", "--record", session.file}, "q");
  CHECK(has(replay(session, {"-m", "64"}).err, "--m: with --replay the machine is that of the recording"));
  CHECK(has(replay(session, {"--type", "x"}).err, "--type: with --replay all input is"));
  CHECK(has(replay(session, {"--record", session.file}).err, "is the file that --replay reads"));
  CHECK(has(replay(session, {"-serial", "null", "-serial", "null"}).err,
            "-serial: the recorded machine has 1"));
  CHECK(has(run({"--record", session.file + ",every=0", "-bios", rom}).err, "every= is a number"));
  CHECK(has(run({"--record", session.file + ",from=5", "-bios", rom}).err, "say where every=COUNT holds"));
  CHECK(has(run({"--record", session.file + ",every=1,from=5,to=5", "-bios", rom}).err, "say where every="));
  CHECK(has(run({"--record", "/nowhere/r", "-bios", rom}).err, "--record /nowhere/r: cannot be written"));
  CHECK(has(run({"--record", rom, "-bios", rom}).err, "is the file that -bios reads"));
}

TEST_CASE("images are known by what they hold: one that is missing or another is named") {
  const Session session;
  const std::string rom = session.rom(echo_until_q);
  run({"-bios", rom, "-device", "isa-debug-exit", "--record", session.file}, "abcq");
  // It is found beside the recording, and in folders that are named, whatever else is at its place.
  std::filesystem::create_directory(session.folder / "old");
  std::filesystem::rename(rom, session.folder / "old/rom");
  Result result = replay(session);
  CHECK(has(result.err, "-bios " + rom + ": is not there; name the folder where it is now by --images"));
  CHECK(result.status == 1);
  CHECK(replay(session, {"--images", session.folder / "old"}).out == "abcq");
  session.folder.write("rom", sum);
  result = replay(session);
  CHECK(has(result.err, "-bios " + rom + ": is not what was recorded"));
  CHECK(one_line(result.err));
  CHECK(replay(session, {"--images", session.folder / "old"}).out == "abcq");
  std::filesystem::rename(session.folder / "old/rom", session.folder / "rom");
  std::filesystem::create_directory(session.folder / "new");
  std::filesystem::rename(session.file, session.folder / "new/recording");
  std::filesystem::rename(rom, session.folder / "new/rom");
  CHECK(run({"--replay", session.folder / "new/recording"}).out == "abcq");
}

TEST_CASE("the drives of a recorded run keep what they held, but where it is asked otherwise") {
  const Session session;
  const std::string rom = session.rom(firmware({0xb0, 0x00, 0xe6, 0xf4, 0xeb, 0xfe})),
                    disk = session.folder.write("disk", std::string(4096, 'x'));
  Result result = run({"-bios", rom, "-device", "isa-debug-exit", "-hda", disk, "--record", session.file});
  CHECK(has(result.err, "--record: what the guest writes to " + disk + " is forgotten in the end"));
  CHECK(one_line(result.err));
  result =
      run({"-bios", rom, "-device", "isa-debug-exit", "-hda", disk, "--record", session.file + ",writes"});
  CHECK(result.err == "");
  CHECK(replay(session).status == 1);
  session.folder.write("disk", std::string(4096, 'y'));
  CHECK(has(replay(session).err, "-drive " + disk + ": is not what was recorded, or was written to since"));
}

TEST_CASE("the debugger goes through a recording and stops at its end") {
  const Session session;
  run({"-bios", session.rom(sum), "-device", "isa-debug-exit", "--record", session.file}, "abcq");
  const Result result = run({"debug", "--replay", session.file, "--batch", "-ex", "continue"});
  CHECK(has(result.out, "isa-debug-exit"));
  CHECK(result.status == 0);
  run({"-bios", session.rom(sum), "--record", session.file, "--max-instructions", "20000"}, "abc");
  const Result ends =
      run({"debug", "--replay", session.file, "--batch", "-ex", "continue", "-ex", "print $count"});
  CHECK(has(ends.err, "the recording ends here: --max-instructions 20000: reached"));
  CHECK(has(ends.out, "20000"));
}

TEST_CASE("the debugger lets a machine that slept until something was typed go on as it was recorded") {
  const Session session;
  const Result first =
      run({"-bios", session.rom(sleeper), "-device", "isa-debug-exit", "--record", session.file}, "abq");
  CHECK(first.out == "abq");
  CHECK(first.status == 1);
  const Result result = run({"debug", "--replay", session.file, "--batch", "-ex", "continue", "-ex",
                             "reverse-stepi", "-ex", "continue"});
  CHECK(has(result.out, "abq"));
  CHECK(!has(result.out, "every CPU waits"));
  const std::size_t end = result.out.find("isa-debug-exit");
  CHECK(end != std::string::npos);
  CHECK(result.out.find("isa-debug-exit", end + 1) != std::string::npos);
  // Without input that is recorded it stays asleep, and the debugger says so.
  const Result asleep = run({"debug", "-bios", session.rom(sleeper), "--batch", "-ex", "continue"});
  CHECK(has(asleep.out, "every CPU waits for an interrupt"));
}

}  // namespace ringside::cli
