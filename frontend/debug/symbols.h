// Owns the symbols and source lines of the programs that run in the machine: several images at once, each at
// its load offset, from ELF with DWARF or from lists of symbols (System.map, Xen's xen-syms.map).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cpu/arch/types.h"

struct Dwarf_CFI_s;

namespace ringside {

// Whose addresses an image explains: a hypervisor and its guest often use the same ones.
enum class World : u8 { any, root, non_root };

class Symbols {
 public:
  struct Options {
    std::string name;  // to call the image by; empty: the file's name without folders and extension
    u64 offset = 0;    // the address in the machine minus the address in the file
    World world = World::any;
  };
  struct Image {
    std::string name, path;
    bool elf = false;         // else a list of symbols
    bool has_lines = false;   // DWARF line information
    bool has_frames = false;  // call-frame information
    u64 offset = 0;
    u64 low = 0, high = 0;  // of addresses in the machine that it explains, `high` excluded
    u64 entry = 0;          // ELF's entry point with the offset; 0: none
    std::size_t symbols = 0;
    World world = World::any;
  };
  // An address in words.
  struct Named {
    std::string_view symbol, image;  // valid as long as the image is loaded
    u64 start = 0, size = 0;         // of the symbol; size 0: not known
    u64 distance = 0;                // of the address from `start`
    std::string text() const;        // "start+0x12"
  };
  struct Line {
    std::string file;  // as the compiler was told it
    unsigned line = 0;
    u64 start = 0;             // where the code of the line begins
    bool statement = false;    // recommended for a breakpoint
    std::string text() const;  // "file:line" with the last two parts of the path
  };

  Symbols();
  ~Symbols();
  Symbols(const Symbols&) = delete;
  Symbols& operator=(const Symbols&) = delete;

  // False and one line in `error` that names the file and the cure: it is missing, or neither form.
  // A file with the name of a loaded image replaces it.
  bool load(const std::string& path, const Options& options, std::string& error);
  bool load(const std::string& path, std::string& error) { return load(path, Options(), error); }
  bool unload(std::string_view image);
  // False: no such image.
  bool set_offset(std::string_view image, u64 offset);
  // The offset with which `symbol` of `image` would be at `address`; nullopt: no such image or symbol.
  std::optional<u64> offset_for(std::string_view image, std::string_view symbol, u64 address) const;
  std::vector<Image> images() const;
  bool empty() const;

  // The symbol at or before a linear address, in an image of that world whose range holds it.
  std::optional<Named> find(u64 address, World world = World::any) const;
  std::optional<Line> line(u64 address, World world = World::any) const;
  // "start+0x12", or "" without a symbol; with " (folder/file:line)" if `with_line` and it is known.
  std::string text(u64 address, World world = World::any, bool with_line = false) const;

  // The address of "name" or "image!name"; images that were loaded first win. Upper and lower case differ.
  std::optional<u64> address(std::string_view name, World world = World::any) const;
  // Where the code of "file:line" or "image!file:line" begins; the file is given by the end of its path. If
  // no code is there, the next line that has some. Several: inlined or repeated code. Sorted.
  std::vector<u64> addresses_of_line(std::string_view place, World world = World::any) const;
  // Names of symbols that begin with `prefix`, sorted, without repetition, at most `limit`.
  std::vector<std::string> complete(std::string_view prefix, std::size_t limit = 100) const;
  // Names near to one that is not there, for "did you mean"; nullopt: none is near.
  std::optional<std::string> nearest(std::string_view name) const;

  // Call-frame information for an address in the machine, for back traces: .eh_frame and .debug_frame. The
  // offset is that of the image. Empty: none.
  struct Frames {
    std::vector<Dwarf_CFI_s*> tables;  // valid as long as the image is loaded
    u64 offset = 0;
  };
  Frames frames(u64 address, World world = World::any) const;

 private:
  struct Loaded;
  const Loaded* of(u64 address, World world) const;
  std::vector<std::unique_ptr<Loaded>> loaded_;
};

// A line of a source file, 1 is the first; empty if the file cannot be read. For showing code at stops.
std::string source_line(const std::string& file, unsigned line);

}  // namespace ringside
