// Owns the names of what flags do, for their table: functions of Option::Apply's kind.
#pragma once

#include <string>
#include <string_view>

#include "frontend/program/options.h"

namespace ringside::flags {

// Always false, with the one line in `error`.
inline bool fail(std::string& error, std::string text) {
  error = std::move(text);
  return false;
}
// False: the name is empty.
bool file_name(std::string_view flag, std::string_view value, std::string& to, std::string& error);

// options_machine.cpp
bool memory(Parsed& parsed, std::string_view value, std::string& error);
bool processors(Parsed& parsed, std::string_view value, std::string& error);
bool cpu_model(Parsed& parsed, std::string_view value, std::string& error);
bool machine_type(Parsed& parsed, std::string_view value, std::string& error);
bool accelerator(Parsed& parsed, std::string_view value, std::string& error);
bool msrs(Parsed& parsed, std::string_view value, std::string& error);
bool real_time_clock(Parsed& parsed, std::string_view value, std::string& error);
bool feature_control(Parsed& parsed, std::string_view value, std::string& error);
bool device(Parsed& parsed, std::string_view value, std::string& error);
bool fw_cfg(Parsed& parsed, std::string_view value, std::string& error);
bool uuid(Parsed& parsed, std::string_view value, std::string& error);
bool action(Parsed& parsed, std::string_view value, std::string& error);

// options_drives.cpp
bool drive(Parsed& parsed, std::string_view value, std::string& error);
bool cdrom(Parsed& parsed, std::string_view value, std::string& error);
bool hda(Parsed& parsed, std::string_view value, std::string& error);
bool hdb(Parsed& parsed, std::string_view value, std::string& error);
bool hdc(Parsed& parsed, std::string_view value, std::string& error);
bool hdd(Parsed& parsed, std::string_view value, std::string& error);
bool fda(Parsed& parsed, std::string_view value, std::string& error);
bool snapshot(Parsed& parsed, std::string_view value, std::string& error);
// options_firmware.cpp
bool firmware_folder(Parsed& parsed, std::string_view value, std::string& error);
bool boot_order(Parsed& parsed, std::string_view value, std::string& error);

// options_run.cpp
bool serial(Parsed& parsed, std::string_view value, std::string& error);
bool debugcon(Parsed& parsed, std::string_view value, std::string& error);
bool chardev(Parsed& parsed, std::string_view value, std::string& error);
bool timeout(Parsed& parsed, std::string_view value, std::string& error);
bool past(Parsed& parsed, std::string_view value, std::string& error);
bool max_seconds(Parsed& parsed, std::string_view value, std::string& error);
bool max_instructions(Parsed& parsed, std::string_view value, std::string& error);
bool send(Parsed& parsed, std::string_view value, std::string& error);
bool expect(Parsed& parsed, std::string_view value, std::string& error);
bool fail_on(Parsed& parsed, std::string_view value, std::string& error);
bool output_limit(Parsed& parsed, std::string_view value, std::string& error);
bool log_words(Parsed& parsed, std::string_view value, std::string& error);
bool log_file(Parsed& parsed, std::string_view value, std::string& error);
bool log_ranges(Parsed& parsed, std::string_view value, std::string& error);
bool code_coverage(Parsed& parsed, std::string_view value, std::string& error);
bool code_coverage(Parsed& p, std::string_view v, std::string& e);
bool symbols(Parsed& parsed, std::string_view value, std::string& error);

// options_state.cpp
bool save(Parsed& parsed, std::string_view value, std::string& error);
bool load(Parsed& parsed, std::string_view value, std::string& error);

// options_recording.cpp
bool record(Parsed& parsed, std::string_view value, std::string& error);
bool replay(Parsed& parsed, std::string_view value, std::string& error);
bool images(Parsed& parsed, std::string_view value, std::string& error);

// options_screen.cpp
bool inspector(Parsed& parsed, std::string_view value, std::string& error);
bool vnc(Parsed& parsed, std::string_view value, std::string& error);
bool display(Parsed& parsed, std::string_view value, std::string& error);
bool vga(Parsed& parsed, std::string_view value, std::string& error);
bool screenshot(Parsed& parsed, std::string_view value, std::string& error);
bool screenshot_at(Parsed& parsed, std::string_view value, std::string& error);
bool type(Parsed& parsed, std::string_view value, std::string& error);
bool type_at(Parsed& parsed, std::string_view value, std::string& error);
bool expect_screen(Parsed& parsed, std::string_view value, std::string& error);

}  // namespace ringside::flags
