// Owns the nameless file behind bytes that are kept.
#include "devices/block/kept_bytes.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>

namespace ringside {

KeptBytes::~KeptBytes() { clear(); }

// /tmp may be memory, which is what is to be spared.
bool KeptBytes::open() {
  if (file_ >= 0) return true;
  const char* const wanted = std::getenv("TMPDIR");
  for (const std::string& folder :
       {std::string(wanted ? wanted : ""), std::string("/var/tmp"), std::string("/tmp")}) {
    std::string name = folder + "/ringside-XXXXXX";
    if (!folder.empty()) file_ = ::mkostemp(name.data(), O_CLOEXEC);
    if (file_ < 0) continue;
    ::unlink(name.c_str());
    return true;
  }
  return false;
}

std::optional<u64> KeptBytes::add(std::span<const u8> bytes) {
  if (file_bytes_ == 0 && memory_.size() + bytes.size() <= in_memory_) {
    memory_.insert(memory_.end(), bytes.begin(), bytes.end());
    return memory_.size() - bytes.size();
  }
  if (!open()) return std::nullopt;
  for (u64 done = 0; done < bytes.size();) {
    const ssize_t went =
        ::pwrite(file_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(file_bytes_ + done));
    if (went <= 0) return std::nullopt;
    done += static_cast<u64>(went);
  }
  file_bytes_ += bytes.size();
  return in_memory_ + file_bytes_ - bytes.size();
}

bool KeptBytes::read(u64 at, std::span<u8> to) const {
  if (at < in_memory_) {
    if (at + to.size() > memory_.size()) return false;
    std::copy_n(memory_.begin() + static_cast<std::ptrdiff_t>(at), to.size(), to.begin());
    return true;
  }
  for (u64 done = 0; done < to.size();) {
    const ssize_t came =
        ::pread(file_, to.data() + done, to.size() - done, static_cast<off_t>(at - in_memory_ + done));
    if (came <= 0) return false;
    done += static_cast<u64>(came);
  }
  return true;
}

void KeptBytes::clear() {
  if (file_ >= 0) ::close(file_);
  file_ = -1;
  file_bytes_ = 0;
  memory_ = {};
}

}  // namespace ringside
