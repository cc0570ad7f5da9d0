// Owns the making of a FAT disk, and its way back into the folder: the partition, and mtools that fill it.
#include "devices/block/fat_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <vector>

#include "devices/block/file_block.h"

namespace ringside {
namespace {

namespace fs = std::filesystem;

constexpr u64 mib = u64{1} << 20;
constexpr u64 partition_start = mib;
constexpr u64 least_bytes = 64 * mib, least_fat32 = 512 * mib, most_bytes = u64{8} << 30;

// What goes into one folder of the disk.
struct Folder {
  fs::path path;
  std::string on_disk;  // "" is the root
  std::vector<fs::path> files;
};

// In the order of names, whatever the host's order is. Links to files are files; links to folders, which
// may lead in circles, and what is neither are left out.
void list(const fs::path& path, const std::string& on_disk, std::vector<Folder>& folders, u64& bytes) {
  constexpr u64 cluster = 32 * 1024;
  std::vector<fs::directory_entry> entries{fs::directory_iterator(path), fs::directory_iterator()};
  std::sort(entries.begin(), entries.end());
  const std::size_t own = folders.size();
  folders.push_back({path, on_disk, {}});
  for (const fs::directory_entry& entry : entries) {
    bytes += cluster;
    if (entry.is_regular_file()) {
      bytes += entry.file_size();
      folders[own].files.push_back(entry.path());
    } else if (entry.is_directory() && !entry.is_symlink()) {
      list(entry.path(), on_disk + "/" + entry.path().filename().string(), folders, bytes);
    }
  }
}

// A file without a name, in memory, which programs that run meanwhile reach by the descriptor.
class MemoryFile {
 public:
  MemoryFile() : file_(::memfd_create("ringside", MFD_CLOEXEC)) {}
  ~MemoryFile() {
    if (file_ >= 0) ::close(file_);
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  bool resize(u64 bytes) { return file_ >= 0 && ::ftruncate(file_, static_cast<off_t>(bytes)) == 0; }
  bool write(u64 at, const void* data, std::size_t size) {
    return ::pwrite(file_, data, size, static_cast<off_t>(at)) == static_cast<ssize_t>(size);
  }
  std::string path() const { return fmt::format("/proc/{}/fd/{}", ::getpid(), file_); }

 private:
  int file_;
};

// Runs a program with nothing to read and nobody to hear it. Its exit status; 127: it is not there.
int run(std::vector<std::string> words) {
  // The same disk in every run: mtools' own settings, time zone and clock stay out of it.
  std::vector<std::string> settings{"MTOOLSRC=/dev/null", "MTOOLS_SKIP_CHECK=1",
                                    "SOURCE_DATE_EPOCH=1700000000", "TZ=UTC", "LC_ALL=C.UTF-8"};
  if (const char* const path = std::getenv("PATH")) settings.push_back(std::string("PATH=") + path);
  std::vector<char*> arguments, environment;
  for (std::string& word : words) arguments.push_back(word.data());
  for (std::string& setting : settings) environment.push_back(setting.data());
  arguments.push_back(nullptr), environment.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    posix_spawn_file_actions_addopen(&files, stream, "/dev/null", O_RDWR, 0);
  pid_t child = 0;
  const int failure =
      ::posix_spawnp(&child, arguments[0], &files, nullptr, arguments.data(), environment.data());
  posix_spawn_file_actions_destroy(&files);
  int status = 0;
  if (failure != 0) return 127;
  while (::waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return 1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

// A partition table of one partition, in front of it code that tells the firmware to try another drive.
std::array<u8, sector_bytes> boot_record(u64 bytes, bool fat32) {
  std::array<u8, sector_bytes> record{0xcd, 0x18, 0xf4, 0xeb, 0xfd};  // int 18h; hlt; jmp back
  const u32 start = partition_start / sector_bytes;
  const u32 sectors = static_cast<u32>((bytes - partition_start) / sector_bytes);
  u8* const entry = record.data() + 446;
  const std::array<u8, 8> head{0, 0xfe, 0xff, 0xff, static_cast<u8>(fat32 ? 0x0c : 0x0e), 0xfe, 0xff, 0xff};
  std::copy(head.begin(), head.end(), entry);
  std::memcpy(entry + 8, &start, sizeof start);
  std::memcpy(entry + 12, &sectors, sizeof sectors);
  record[510] = 0x55, record[511] = 0xaa;
  return record;
}

bool format(const std::string& image, u64 bytes, bool fat32, const std::string& folder, std::string& error) {
  std::vector<std::string> words{"mformat", "-i", image, "-T",
                                 std::to_string((bytes - partition_start) / sector_bytes)};
  for (const char* word : {"-h", "16", "-s", "63", "-N", "52494e47", "-v", "RINGSIDE"})
    words.emplace_back(word);
  words.insert(words.end(), {"-H", std::to_string(partition_start / sector_bytes)});
  if (fat32) words.emplace_back("-F");
  words.emplace_back("::");
  const int status = run(std::move(words));
  if (status == 0) return true;
  error = status == 127
              ? fmt::format("fat:{}: needs mtools; install them: apt-get install mtools", folder)
              : fmt::format("fat:{}: mformat cannot make a disk for it; make an image yourself", folder);
  return false;
}

bool fill(const std::string& image, const std::vector<Folder>& folders, std::string& error) {
  constexpr std::size_t most_files = 200;  // at once, for the sake of the command line's length
  for (const Folder& folder : folders) {
    if (!folder.on_disk.empty() && run({"mmd", "-i", image, "::" + folder.on_disk}) != 0) {
      error =
          fmt::format("{}: a FAT disk cannot hold a folder of this name; rename it", folder.path.string());
      return false;
    }
    for (std::size_t first = 0; first < folder.files.size(); first += most_files) {
      std::vector<std::string> words{"mcopy", "-i", image, "-Q"};
      for (std::size_t n = first; n < std::min(first + most_files, folder.files.size()); ++n)
        words.push_back(folder.files[n].string());
      words.push_back("::" + folder.on_disk + "/");
      if (run(std::move(words)) == 0) continue;
      error = fmt::format(
          "{}: some file in it cannot be read, or not be named so on a FAT disk; look at its files",
          folder.path.string());
      return false;
    }
  }
  return true;
}

// --- Back into the folder ---

// Names that come back from a FAT disk as they went there; others may have become others.
bool comes_back(const std::string& on_disk) {
  return std::all_of(on_disk.begin(), on_disk.end(),
                     [](unsigned char letter) {
                       return std::isalnum(letter) || std::strchr("/-_.", letter) != nullptr;
                     }) &&
         !on_disk.ends_with('.');
}

bool same_contents(const fs::path& a, const fs::path& b) {
  if (!fs::is_regular_file(b) || fs::file_size(a) != fs::file_size(b)) return false;
  std::ifstream first(a, std::ios::binary), second(b, std::ios::binary);
  return std::equal(std::istreambuf_iterator<char>(first), std::istreambuf_iterator<char>(),
                    std::istreambuf_iterator<char>(second));
}

// A file is whole at every moment: the new one takes the old one's place when it is complete.
void replace_file(const fs::path& from, const fs::path& to) {
  const fs::path target = fs::is_symlink(to) ? fs::canonical(to) : to;
  fs::path fresh = target;
  fresh += ".ringside-new";
  fs::copy_file(from, fresh, fs::copy_options::overwrite_existing);
  fs::rename(fresh, target);
}

// What the disk has now, unpacked in `now`, goes into `folder`, which had `before` when the disk was made.
void put_back(const fs::path& now, const fs::path& folder, const std::vector<Folder>& before) {
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(now)) {
    const fs::path to = folder / entry.path().lexically_relative(now);
    if (entry.is_directory()) {
      fs::create_directories(to);
    } else if (!same_contents(entry.path(), to)) {
      replace_file(entry.path(), to);
    }
  }
  for (auto gone = before.rbegin(); gone != before.rend(); ++gone) {
    for (const fs::path& file : gone->files) {
      const std::string on_disk = gone->on_disk + "/" + file.filename().string();
      if (comes_back(on_disk) && !fs::exists(now.string() + on_disk)) fs::remove(file);
    }
    std::error_code not_empty;  // then it stays
    if (comes_back(gone->on_disk) && !fs::exists(now.string() + gone->on_disk))
      fs::remove(gone->path, not_empty);
  }
}

// The image with the memory that it lies in.
class FolderBlock final : public BlockDevice {
 public:
  FolderBlock(std::unique_ptr<MemoryFile> memory, std::unique_ptr<BlockDevice> image,
              std::vector<Folder> folders)
      : memory_(std::move(memory)), image_(std::move(image)), folders_(std::move(folders)) {}
  ~FolderBlock() override {
    if (writes_back_ && written_) write_back();
  }
  FolderBlock(const FolderBlock&) = delete;
  FolderBlock& operator=(const FolderBlock&) = delete;
  void set_writes_back() { writes_back_ = true; }

  u64 sectors() const override { return image_->sectors(); }
  bool read_only() const override { return false; }
  bool read(u64 sector, std::span<u8> to) override { return image_->read(sector, to); }
  bool write(u64 sector, std::span<const u8> from) override {
    written_ = true;
    return image_->write(sector, from);
  }
  bool flush() override { return true; }

 private:
  void write_back() const noexcept {
    const fs::path folder = folders_.front().path;
    std::error_code failure;
    std::string unpacked = (fs::temp_directory_path(failure) / "ringside-XXXXXX").string();
    try {
      if (::mkdtemp(unpacked.data()) == nullptr)
        throw fs::filesystem_error("", std::error_code(errno, std::generic_category()));
      const std::string image = fmt::format("{}@@{}", memory_->path(), partition_start);
      if (run({"mcopy", "-i", image, "-s", "-n", "-Q", "::/", unpacked + "/"}) == 0) {
        put_back(unpacked, folder, folders_);
      } else {
        std::fprintf(stderr,
                     "ringside: fat:rw:%s: the guest has left no file system in it that mtools can read; the "
                     "folder stays as it was\n",
                     folder.c_str());
      }
    } catch (const fs::filesystem_error& problem) {
      std::fprintf(stderr, "ringside: fat:rw:%s: what the guest wrote could not all be put back: %s\n",
                   folder.c_str(), problem.code().message().c_str());
    }
    fs::remove_all(unpacked, failure);
  }

  std::unique_ptr<MemoryFile> memory_;
  std::unique_ptr<BlockDevice> image_;
  std::vector<Folder> folders_;
  bool writes_back_ = false, written_ = false;
};

}  // namespace

std::unique_ptr<BlockDevice> open_fat_folder(const std::string& folder, bool writes_back,
                                             std::string& error) {
  std::error_code failure;
  if (!fs::is_directory(folder, failure)) {
    error = fmt::format("fat:{}: is no directory; give the folder that is to be the disk", folder);
    return nullptr;
  }
  std::vector<Folder> folders;
  u64 bytes = 0;
  try {
    list(folder, "", folders, bytes);
  } catch (const fs::filesystem_error& problem) {
    error =
        fmt::format("fat:{}: cannot be read: {}; give yourself the right", folder, problem.code().message());
    return nullptr;
  }
  bytes = (std::max(least_bytes, bytes + bytes / 8 + 32 * mib) + mib - 1) / mib * mib;
  if (bytes > most_bytes) {
    error = fmt::format("fat:{}: holds {} MiB; give a folder of less than {} MiB", folder, bytes / mib,
                        most_bytes / mib);
    return nullptr;
  }
  const bool fat32 = bytes >= least_fat32;
  auto memory = std::make_unique<MemoryFile>();
  const auto record = boot_record(bytes, fat32);
  if (!memory->resize(bytes) || !memory->write(0, record.data(), record.size())) {
    error = fmt::format("fat:{}: the host has no memory for a disk of {} MiB; give a smaller folder", folder,
                        bytes / mib);
    return nullptr;
  }
  const std::string image = fmt::format("{}@@{}", memory->path(), partition_start);
  if (!format(image, bytes, fat32, folder, error) || !fill(image, folders, error)) return nullptr;
  std::unique_ptr<BlockDevice> block = FileBlock::open(memory->path(), Media::disk, false, error);
  if (!block) return nullptr;
  auto made = std::make_unique<FolderBlock>(std::move(memory), std::move(block), std::move(folders));
  if (writes_back) made->set_writes_back();
  return made;
}

}  // namespace ringside
