// Owns bundles: what is in them, under which names.
#include "frontend/program/bundle.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "frontend/program/listings.h"
#include "frontend/program/run_images.h"
#include "frontend/replay/archive.h"

namespace ringside {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr unsigned form = 1;
constexpr std::string_view head_name = "bundle.json", recording_name = "recording";
constexpr u64 longest_head = 4u << 20;  // bytes of bundle.json

// A name that goes into an archive, of any file's.
std::string plain_name(const char* folder, std::size_t number, const std::string& path) {
  constexpr std::size_t longest = 70;
  std::string name = fs::path(path).filename().string();
  if (name.size() > longest) name.erase(0, name.size() - longest);
  for (char& c : name)
    if (!good_member_name(std::string_view(&c, 1)) && c != '.') c = '_';
  return fmt::format("{}/{}-{}", folder, number, name);
}

std::string world_name(World world) {
  return world == World::root ? "root" : world == World::non_root ? "guest" : "any";
}

World world_of(const std::string& name) {
  return name == "root" ? World::root : name == "guest" ? World::non_root : World::any;
}

// What is to be packed: name in the bundle, file here.
struct Packed {
  std::string name, path;
  u64 bytes = 0;
};

json image_rows(const RunOptions& run, const std::vector<std::string>& places, bool wanted,
                std::vector<Packed>& packed, std::vector<std::string>& summary) {
  json rows = json::array();
  std::map<std::string, std::string> known;  // an image that is named twice is packed once
  std::error_code none;
  for (std::size_t n = 0; n < run.recording->head.images.size(); ++n) {
    const RecordedImage& image = run.recording->head.images[n];
    std::string& name = known[image.hash];
    const bool file = !image.path.empty() && fs::is_regular_file(places[n], none);
    const char* const why_not = !wanted && file                     ? "its hash alone was asked for"
                                : image.path.empty()                ? "it is a part of Ringside"
                                : fs::is_directory(places[n], none) ? "it is a folder"
                                : image.bytes > longest_member      ? "it is too large"
                                                                    : nullptr;
    if (why_not == nullptr && name.empty()) {
      name = plain_name("images", n, image.path);
      packed.push_back({name, places[n], image.bytes});
    }
    rows.push_back({{"role", image.role},
                    {"path", image.path},
                    {"bytes", image.bytes},
                    {"hash", image.hash},
                    {"file", name}});
    summary.push_back(fmt::format("{}{}{}: {} bytes, {}", image.role, image.path.empty() ? "" : " ",
                                  image.path, image.bytes,
                                  why_not ? fmt::format("not in it: {}", why_not) : "in it as " + name));
  }
  return rows;
}

json symbol_rows(const RunOptions& run, std::vector<Packed>& packed, std::vector<std::string>& summary) {
  json rows = json::array();
  std::error_code trouble;
  for (std::size_t n = 0; n < run.symbols.size(); ++n) {
    const SymbolFile& file = run.symbols[n];
    const u64 bytes = fs::file_size(file.path, trouble);
    if (trouble || bytes > longest_member) continue;
    packed.push_back({plain_name("symbols", n, file.path), file.path, bytes});
    rows.push_back(
        {{"file", packed.back().name}, {"offset", file.offset}, {"world", world_name(file.world)}});
    summary.push_back(
        fmt::format("--symbols {}: {} bytes, in it as {}", file.path, bytes, packed.back().name));
  }
  return rows;
}

std::string readme(const std::string& name, const RunOptions& run, const BundleWords& words,
                   const std::vector<std::string>& summary) {
  const RecordingHead& head = run.recording->head;
  std::string text = fmt::format(
      "A run of Ringside {}, to be looked at again.\n\n"
      "  ringside replay {}           makes the run again\n"
      "  ringside debug --replay {}   the same in the debugger, forwards and back\n\n",
      head.version, name, name);
  if (!words.note.empty()) text += fmt::format("{}\n\n", words.note);
  text += fmt::format("It ended so: {}\n\nIts flags:\n", words.ending);
  for (const std::string& flag : head.flags) text += fmt::format("  {}\n", flag);
  text += "\nIts files:\n";
  for (const std::string& line : summary) text += fmt::format("  {}\n", line);
  text +=
      "\nA file that is not in it is looked for where it was, and in folders that --images FOLDER names.\n"
      "end.txt is what the debugger says of the end, console.txt what the guest printed.\n";
  return text;
}

}  // namespace

bool pack_bundle(const std::string& path, const RunOptions& run, const BundleWords& words,
                 std::vector<std::string>& summary, std::string& error) {
  RunOptions here = run;
  std::vector<std::string> places;
  if (!find_images(run.recording->head.images, run.replay, run.image_folders, here, error, &places))
    return false;
  std::vector<Packed> packed;
  const json images = image_rows(run, places, words.images, packed, summary);
  const json symbols = symbol_rows(run, packed, summary);
  const json head = {
      {"ringside_bundle", form}, {"version", version_number()},        {"ending", words.ending},
      {"note", words.note},      {"flags", run.recording->head.flags}, {"images", images},
      {"symbols", symbols}};
  const std::string recording = run.bundle ? run.bundle->recording() : run.replay;
  std::error_code trouble;
  const u64 bytes = fs::file_size(recording, trouble);
  auto archive = ArchiveWriter::create(path, error);
  if (!archive) return false;
  archive->add(head_name, head.dump(1, ' ', false, json::error_handler_t::replace) + "\n");
  archive->add("README.txt", readme(fs::path(path).filename().string(), run, words, summary));
  if (!archive->add_file(recording_name, recording, bytes, error)) return false;
  archive->add("end.txt", words.looked);
  archive->add("console.txt", words.console);
  for (const Packed& file : packed)
    if (!archive->add_file(file.name, file.path, file.bytes, error)) return false;
  return archive->finish(error);
}

// --- Opening ---

namespace {

// Puts what a bundle holds into a folder, as far as its head speaks of it.
class Extract final : public ArchiveSink {
 public:
  explicit Extract(const ScratchFolder& folder) : folder_(folder) {}
  ~Extract() override {
    if (file_ >= 0) ::close(file_);
  }
  Extract(const Extract&) = delete;
  Extract& operator=(const Extract&) = delete;

  bool begin(std::string_view name, u64 bytes, std::string& error) override {
    name_ = name;
    const bool is_head = name == head_name;
    if (is_head != head.is_null())
      return fail(error, "is an archive, but no bundle; name one of ringside bundle");
    if (is_head) return bytes <= longest_head || fail(error, damaged);
    const bool recording = name == recording_name && bytes <= longest_recording;
    if (!recording && !speaks_of(name, bytes)) return true;
    std::error_code trouble;
    const std::string path = folder_ / name_;
    fs::create_directories(fs::path(path).parent_path(), trouble);
    if (fs::exists(path, trouble)) return fail(error, damaged);
    if (fs::space(folder_.path(), trouble).available < bytes)
      return fail(error, fmt::format("needs {} bytes in {} for {}; make room, or set TMPDIR to another place",
                                     bytes, fs::path(folder_.path()).parent_path().string(), name));
    file_ = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    return file_ >= 0 || cannot_write(error);
  }
  bool data(std::span<const u8> bytes, std::string& error) override {
    if (name_ == head_name) {
      text_.append(bytes.begin(), bytes.end());
      return true;
    }
    while (file_ >= 0 && !bytes.empty()) {
      const ssize_t put = ::write(file_, bytes.data(), bytes.size());
      if (put < 0 && errno == EINTR) continue;
      if (put <= 0) return cannot_write(error);
      bytes = bytes.subspan(static_cast<std::size_t>(put));
    }
    return true;
  }
  bool end(std::string& error) override {
    if (file_ >= 0 && ::close(std::exchange(file_, -1)) != 0) return cannot_write(error);
    if (name_ != head_name) return true;
    head = json::parse(text_, nullptr, false);
    if (!head.is_object() || !head.contains("ringside_bundle"))
      return fail(error, "is an archive, but no bundle; name one of ringside bundle");
    if (head["ringside_bundle"] != form)
      return fail(error, "is a bundle in the form of another version of Ringside; open it with that one");
    return true;
  }

  json head;

 private:
  static constexpr const char* damaged = "is no bundle as ringside bundle makes them; fetch it again";

  // Whether a row of the head names such a file.
  bool speaks_of(std::string_view name, u64 bytes) const {
    for (const char* list : {"images", "symbols"}) {
      if (!head.contains(list) || !head[list].is_array()) continue;
      for (const json& row : head[list])
        if (row.is_object() && row.value("file", json()) == name &&
            (!row.contains("bytes") || row["bytes"] == bytes))
          return true;
    }
    return false;
  }
  static bool fail(std::string& error, std::string why) {
    error = std::move(why);
    return false;
  }
  bool cannot_write(std::string& error) const {
    return fail(error,
                fmt::format("cannot be unpacked into {} ({}); make room, or set TMPDIR to another place",
                            folder_.path(), std::strerror(errno)));
  }

  const ScratchFolder& folder_;
  std::string name_, text_;
  int file_ = -1;
};

template <class T>
T value_of(const json& row, const char* key, T otherwise) {
  if (!row.is_object() || !row.contains(key)) return otherwise;
  const json& value = row[key];
  if constexpr (std::is_same_v<T, std::string>)
    return value.is_string() ? value.get<std::string>() : otherwise;
  else
    return value.is_number_unsigned() ? value.get<T>() : otherwise;
}

}  // namespace

bool OpenBundle::is_one(const std::string& path) {
  std::array<u8, 4> first{};
  struct stat about {};
  if (::stat(path.c_str(), &about) != 0 || !S_ISREG(about.st_mode)) return false;
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  const ssize_t got = ::read(file, first.data(), first.size());
  ::close(file);
  return got == static_cast<ssize_t>(first.size()) && begins_as_archive(first);
}

std::shared_ptr<const OpenBundle> OpenBundle::open(const std::string& path, std::string& error) {
  const std::shared_ptr<OpenBundle> bundle(new OpenBundle);
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0 || !bundle->folder_.there()) {
    error = file < 0 ? fmt::format("{}: cannot be read ({}); name a bundle", path, std::strerror(errno))
                     : fmt::format("{}: there is no place to unpack it; set TMPDIR to a folder", path);
    if (file >= 0) ::close(file);
    return nullptr;
  }
  const ByteSource source = [file](std::span<u8> to) -> std::size_t {
    ssize_t got = 0;
    do got = ::read(file, to.data(), to.size());
    while (got < 0 && errno == EINTR);
    return got > 0 ? static_cast<std::size_t>(got) : 0;
  };
  Extract sink(bundle->folder_);
  bool good = read_archive(source, sink, error);
  ::close(file);
  std::error_code none;
  if (good && !fs::exists(bundle->recording(), none)) {
    error = "holds no recording; fetch it again";
    good = false;
  }
  if (!good) {
    error = fmt::format("{}: {}", path, error);
    return nullptr;
  }
  const auto rows = [&](const char* list) { return sink.head.value(list, json::array()); };
  for (const json& row : rows("images")) {
    const auto name = value_of<std::string>(row, "file", "");
    if (good_member_name(name))
      bundle->images_[value_of<std::string>(row, "hash", "")] = bundle->folder_ / name;
  }
  for (const json& row : rows("symbols")) {
    const auto name = value_of<std::string>(row, "file", "");
    if (good_member_name(name) && fs::exists(bundle->folder_ / name, none))
      bundle->symbols_.push_back({bundle->folder_ / name, value_of<u64>(row, "offset", 0),
                                  world_of(value_of<std::string>(row, "world", ""))});
  }
  return bundle;
}

std::string OpenBundle::image(const std::string& hash) const {
  const auto found = images_.find(hash);
  return found == images_.end() ? std::string() : found->second;
}

}  // namespace ringside
