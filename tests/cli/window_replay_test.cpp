// Owns the tests of recordings and the window: a session with keyboard, mouse, serial port, disk and screen
// is made again to the last bit, and a window of a replay hears nobody. They are skipped, in words, where
// Xvfb, xdotool or SeaBIOS is missing.
#include <doctest/doctest.h>

#include <filesystem>

#include "tests/cli/desktop.h"
#include "tests/cli/program.h"

namespace ringside::cli {
namespace {

// A boot sector. What comes from keyboard, mouse and COM1 it sends back by COM1 and writes on the screen;
// each sixteen bytes to the disk, and reads them again, with a '+' if they are the same. 'q' by COM1 ends the
// run.
constexpr unsigned char echoes_all[] = {
    0x31, 0xc0,              // xor ax, ax
    0x8e, 0xd8,              // mov ds, ax
    0x8e, 0xc0,              // mov es, ax
    0x89, 0xd5,              // mov bp, dx
    0xfc,                    // cld
    0xb0, 0xfe,              // mov al, 0xfe
    0xe6, 0x21,              // out 0x21, al
    0xb0, 0xff,              // mov al, 0xff
    0xe6, 0xa1,              // out 0xa1, al
    0xb0, 0xa8,              // mov al, 0xa8
    0xe6, 0x64,              // out 0x64, al
    0xb0, 0xd4,              // mov al, 0xd4
    0xe6, 0x64,              // out 0x64, al
    0xb0, 0xf4,              // mov al, 0xf4
    0xe6, 0x60,              // out 0x60, al
    0xbe, 0x02, 0x00,        // mov si, 2
    0xbf, 0x00, 0x80,        // mov di, 0x8000
    0xe4, 0x64,              // in al, 0x64
    0xa8, 0x01,              // test al, 1
    0x74, 0x04,              // jz serial
    0xe4, 0x60,              // in al, 0x60
    0xeb, 0x13,              // jmp got
    0xba, 0xfd, 0x03,        // mov dx, 0x3fd
    0xec,                    // in al, dx
    0xa8, 0x01,              // test al, 1
    0x75, 0x04,              // jnz typed
    0xfb,                    // sti
    0xf4,                    // hlt
    0xeb, 0xea,              // jmp next
    0xb2, 0xf8,              // mov dl, 0xf8
    0xec,                    // in al, dx
    0x3c, 0x71,              // cmp al, 'q'
    0x74, 0x4b,              // je over
    0xaa,                    // stosb
    0xba, 0xf8, 0x03,        // mov dx, 0x3f8
    0xee,                    // out dx, al
    0x24, 0x3f,              // and al, 0x3f
    0x04, 0x30,              // add al, 0x30
    0xb4, 0x0e,              // mov ah, 0x0e
    0xbb, 0x07, 0x00,        // mov bx, 7
    0xcd, 0x10,              // int 0x10
    0x81, 0xff, 0x10, 0x80,  // cmp di, 0x8010
    0x72, 0xcd,              // jb next
    0xb8, 0x01, 0x03,        // mov ax, 0x0301
    0xbb, 0x00, 0x80,        // mov bx, 0x8000
    0xe8, 0x30, 0x00,        // call disk
    0xb8, 0x01, 0x02,        // mov ax, 0x0201
    0xbb, 0x00, 0x82,        // mov bx, 0x8200
    0xe8, 0x27, 0x00,        // call disk
    0xbf, 0x00, 0x80,        // mov di, 0x8000
    0x56,                    // push si
    0xbe, 0x00, 0x82,        // mov si, 0x8200
    0xb9, 0x10, 0x00,        // mov cx, 16
    0xf3, 0xa6,              // repe cmpsb
    0x5e,                    // pop si
    0xb0, 0x2b,              // mov al, '+'
    0x74, 0x02,              // je told
    0xb0, 0x2d,              // mov al, '-'
    0xba, 0xf8, 0x03,        // mov dx, 0x3f8
    0xee,                    // out dx, al
    0xbf, 0x00, 0x80,        // mov di, 0x8000
    0x46,                    // inc si
    0x83, 0xe6, 0x0f,        // and si, 15
    0x83, 0xce, 0x02,        // or si, 2
    0xeb, 0x98,              // jmp next
    0xb0, 0x00,              // mov al, 0
    0xe6, 0xf4,              // out 0xf4, al
    0x89, 0xf1,              // mov cx, si
    0x89, 0xea,              // mov dx, bp
    0xb6, 0x00,              // mov dh, 0
    0xcd, 0x13,              // int 0x13
    0xc3,                    // ret
};

std::string disk() {
  std::string image(echoes_all, echoes_all + sizeof echoes_all);
  image.resize(510);
  image += "\x55\xaa";
  image.resize(1 << 20);
  return image;
}

// Machine, file and what the first run came to.
struct Recorded {
  Folder folder;
  std::string file = folder / "recording", picture, hash, output;

  std::string hash_in(const char* stats) const {
    const std::string text = read_file(folder / stats);
    const std::size_t at = text.find("\"state_hash\"");
    return at == text.npos ? text : text.substr(at, 60);
  }
  std::vector<std::string> results(const char* name) const {
    return {"--stats", folder / name, "--screenshot", folder / (name + std::string(".png"))};
  }
};

void append(std::vector<std::string>& words, const std::vector<std::string>& more) {
  words.insert(words.end(), more.begin(), more.end());
}

// The guest says of the disk what it finds between any two bytes.
bool heard_key(Running& program, const char* down, const char* up) {
  return program.wait_for(down) && program.wait_for(up);
}

// A person's session of some seconds, in a window.
bool record(Desktop& desktop, Recorded& session) {
  std::vector<std::string> words{"-m",       "16",
                                 "-hda",     session.folder.write("hda", disk()),
                                 "-device",  "isa-debug-exit",
                                 "-display", "sdl",
                                 "--record", session.file};
  append(words, session.results("first"));
  Running program(words, Running::With::pipes);
  REQUIRE(desktop.wait_for_window("Ringside"));
  program.type("one serial line");
  REQUIRE(program.wait_for("one serial"));
  desktop.press("h");
  REQUIRE(heard_key(program, "\x23", "\xa3"));
  desktop.click();
  REQUIRE(desktop.wait_for_window("Ctrl-Alt-G frees"));
  program.forget();
  for (int n = 0; n < 6; ++n) desktop.move(7 + n, 3 - n);
  desktop.press("i");
  REQUIRE(heard_key(program, "\x17", "\x97"));
  desktop.click_here();
  program.type("and another one");
  desktop.press("ctrl+alt+g");
  program.type("q");
  CHECK(program.finish() == 1);
  session.picture = read_file(session.folder / "first.png");
  session.hash = session.hash_in("first");
  CHECK(session.picture.size() > 1'000);
  return true;
}

}  // namespace

TEST_CASE("keyboard, mouse, serial port, disk and screen are made again to the last bit") {
  Desktop desktop;
  if (!desktop.there() || !has_sdl()) return;
  if (!std::filesystem::exists("/usr/share/seabios/bios-256k.bin")) {
    MESSAGE("skipped: SeaBIOS is not here; install seabios");
    return;
  }
  Recorded session;
  record(desktop, session);
  for (const char* accelerator : {"emitted", "reference"}) {
    CAPTURE(accelerator);
    std::vector<std::string> words{"--replay", session.file, "-accel", accelerator, "-display", "none"};
    append(words, session.results(accelerator));
    const Result again = run(words, "input that is not taken");
    CHECK(again.status == 1);
    CHECK(has(again.err, "always the same"));
    CHECK(session.hash_in(accelerator) == session.hash);
    CHECK(read_file(session.folder / (accelerator + std::string(".png"))) == session.picture);
    CHECK((has(again.out, "\x23") && has(again.out, "\xa3")));
    CHECK(has(again.out, "+"));
  }
  // In a window, whose keys and mouse are nobody's; it says why.
  std::vector<std::string> words{"--replay", session.file, "-display", "sdl"};
  append(words, session.results("window"));
  Running program(words, Running::With::pipes);
  REQUIRE(desktop.wait_for_window("replay, takes no input"));
  for (int n = 0; n < 5; ++n) desktop.press("x");
  desktop.click();
  desktop.move(30, 30);
  desktop.press("y");
  CHECK(program.finish() == 1);
  CHECK(has(program.output(), "always the same"));
  CHECK_FALSE(has(program.output(), "\x2d\xad"));
  CHECK(session.hash_in("window") == session.hash);
  CHECK(read_file(session.folder / "window.png") == session.picture);
}

}  // namespace ringside::cli
