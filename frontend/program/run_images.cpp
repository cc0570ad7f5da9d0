// Owns the files that a run's machine is made of.
#include "frontend/program/run_images.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>

#include "frontend/machine/load_modules.h"
#include "frontend/program/bundle.h"
#include "frontend/program/embedded.h"
#include "roms/visor.h"

namespace ringside {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view built_in = "built-in guest";

class Hash {
 public:
  Hash() : state_(XXH3_createState(), &XXH3_freeState) { XXH3_128bits_reset(state_.get()); }
  void add(const void* bytes, std::size_t size) {
    XXH3_128bits_update(state_.get(), bytes, size);
    bytes_ += size;
  }
  // False: it cannot be read.
  bool add_file(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::vector<char> buffer(1u << 20);
    while (file) {
      file.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
      add(buffer.data(), static_cast<std::size_t>(file.gcount()));
    }
    return file.eof();
  }
  u64 bytes() const { return bytes_; }
  std::string text() const {
    const XXH128_hash_t hash = XXH3_128bits_digest(state_.get());
    return fmt::format("{:016x}{:016x}", hash.high64, hash.low64);
  }

 private:
  std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state_;
  u64 bytes_ = 0;
};

// Names and contents, in the order of the names.
bool add_folder(const fs::path& folder, Hash& hash) {
  std::error_code trouble;
  std::vector<fs::path> files;
  fs::recursive_directory_iterator walk(folder, trouble);
  for (; !trouble && walk != fs::recursive_directory_iterator(); walk.increment(trouble))
    files.push_back(walk->path());
  std::sort(files.begin(), files.end());
  return !trouble && std::all_of(files.begin(), files.end(), [&](const fs::path& file) {
    const std::string name = fs::relative(file, folder, trouble).generic_string();
    hash.add(name.c_str(), name.size() + 1);
    return !fs::is_regular_file(file, trouble) || hash.add_file(file);
  });
}

// False: it cannot be read; errno says why, if it is not 0.
bool look_at(const std::string& path, RecordedImage& image) {
  Hash hash;
  std::error_code none;
  errno = 0;
  if (image.role == built_in) {
    const auto rom = roms::visor();
    hash.add(rom.data(), rom.size());
  } else if (!(fs::is_directory(path, none) ? add_folder(path, hash) : hash.add_file(path))) {
    return false;
  }
  image.bytes = hash.bytes();
  image.hash = hash.text();
  return true;
}

// Each module is a file of its own; the words behind its name stay.
void add_modules(const std::string& initrd, std::vector<ImagePlace>& places) {
  bool whole = false;
  const std::vector<std::string> items = module_items(initrd, whole);
  for (std::size_t n = 0; n < items.size(); ++n) {
    const std::string file = whole ? initrd : items[n].substr(0, items[n].find(' '));
    places.push_back({"-initrd", file, [n, file, whole](RunOptions& run, const std::string& found) {
                        std::string& list = run.machine.boot.initrd;
                        bool again = false;
                        std::vector<std::string> now = module_items(list, again);
                        if (whole || again || n >= now.size()) {
                          list = found;
                          return;
                        }
                        now[n].replace(0, file.size(), found);
                        list.clear();
                        for (const std::string& item : now) {
                          if (!list.empty()) list += ',';
                          for (const char c : item) list += c == ',' ? ",," : std::string(1, c);
                        }
                      }});
  }
}

}  // namespace

std::vector<ImagePlace> image_places(const RunOptions& options) {
  std::vector<ImagePlace> places;
  const BootRequest& boot = options.machine.boot;
  const auto add = [&](std::string role, const std::string& path, auto member) {
    if (path.empty()) return;
    places.push_back({std::move(role), path,
                      [member](RunOptions& run, const std::string& found) { member(run) = found; }});
  };
  if (boots_embedded(options.machine)) places.push_back({std::string(built_in), "", {}});
  add("-kernel", boot.kernel, [](RunOptions& run) -> std::string& { return run.machine.boot.kernel; });
  add_modules(boot.initrd, places);
  add("-bios", boot.bios, [](RunOptions& run) -> std::string& { return run.machine.boot.bios; });
  add("option ROM", boot.option_rom,
      [](RunOptions& run) -> std::string& { return run.machine.boot.option_rom; });
  std::error_code none;
  if (options.machine.vga && !boot.bios.empty() && fs::exists(options.video_bios, none))
    add("video BIOS", options.video_bios, [](RunOptions& run) -> std::string& { return run.video_bios; });
  for (std::size_t n = 0; n < options.loads.size(); ++n)
    add("-device loader", options.loads[n].path,
        [n](RunOptions& run) -> std::string& { return run.loads[n].path; });
  for (std::size_t n = 0; n < options.machine.fw_cfg.size(); ++n)
    add("-fw_cfg", options.machine.fw_cfg[n].path,
        [n](RunOptions& run) -> std::string& { return run.machine.fw_cfg[n].path; });
  for (std::size_t n = 0; n < options.machine.drives.size(); ++n)
    add(options.machine.drives[n].cdrom ? "-cdrom" : "-drive", options.machine.drives[n].path,
        [n](RunOptions& run) -> std::string& { return run.machine.drives[n].path; });
  return places;
}

bool look_at_images(const RunOptions& options, std::vector<RecordedImage>& images, std::string& error) {
  for (const ImagePlace& place : image_places(options)) {
    RecordedImage image{place.role, place.path, 0, {}};
    if (!look_at(place.path, image)) {
      error = fmt::format("{} {}: cannot be read ({}); --record keeps its hash", place.role, place.path,
                          std::strerror(errno));
      return false;
    }
    images.push_back(std::move(image));
  }
  return true;
}

bool find_images(const std::vector<RecordedImage>& images, const std::string& beside,
                 const std::vector<std::string>& folders, RunOptions& options, std::string& error,
                 std::vector<std::string>* all_found) {
  std::vector<ImagePlace> places = image_places(options);
  // Whether there was a video BIOS is the recording's to say.
  std::erase_if(places, [](const ImagePlace& place) {
    return place.role == "video BIOS" || place.role == "option ROM";
  });
  options.video_bios.clear();
  options.machine.boot.option_rom.clear();
  std::size_t next = 0;
  for (const RecordedImage& image : images) {
    const bool extra = image.role == "video BIOS" || image.role == "option ROM";
    if (!extra && (next == places.size() || places[next].role != image.role)) {
      error =
          fmt::format("{} {}: the recording's flags name no such file; record again", image.role, image.path);
      return false;
    }
    const fs::path name = fs::path(image.path).filename();
    std::vector<std::string> candidates = {image.path, (fs::path(beside).parent_path() / name).string()};
    if (options.bundle && !options.bundle->image(image.hash).empty())
      candidates.insert(candidates.begin(), options.bundle->image(image.hash));
    for (const std::string& folder : folders) candidates.push_back((fs::path(folder) / name).string());
    std::string found, other;
    std::error_code none;
    for (const std::string& candidate : candidates) {
      RecordedImage now{image.role, image.path, 0, {}};
      if (!found.empty() || (image.role != built_in && !fs::exists(candidate, none)) ||
          !look_at(candidate, now))
        continue;
      if (now == image) found = image.role == built_in ? std::string(built_in) : candidate;
      if (other.empty()) other = candidate;
    }
    if (found.empty()) {
      if (image.role == built_in)
        error =
            "the built-in guest is not that of the recording; replay it with the Ringside that recorded it";
      else if (other.empty())
        error = fmt::format("{} {}: is not there; name the folder where it is now by --images FOLDER",
                            image.role, image.path);
      else
        error = fmt::format(
            "{} {}: is not what was recorded, or was written to since; name the folder with the file of hash "
            "{} by "
            "--images FOLDER",
            image.role, other, image.hash);
      return false;
    }
    if (image.role == "video BIOS")
      options.video_bios = found;
    else if (image.role == "option ROM")
      options.machine.boot.option_rom = found;
    else if (image.role != built_in)
      places[next].set(options, found);
    if (!extra) ++next;
    if (all_found) all_found->push_back(found);
  }
  if (next == places.size()) return true;
  error = fmt::format("{} {}: the recording has no hash of it; record again", places[next].role,
                      places[next].path);
  return false;
}

}  // namespace ringside
