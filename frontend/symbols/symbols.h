// Owns the symbols and source lines of the programs that run in the machine: several images at once, each at
// its load offset, from ELF with DWARF or from lists of symbols (System.map, Xen's xen-syms.map).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cpu/arch/types.h"
#include "frontend/symbols/orc.h"

struct Dwarf_CFI_s;

namespace ringside {

struct UnwindRegisters;

// Whose addresses an image explains: a hypervisor and its guest often use the same ones.
enum class World : u8 { any, root, non_root };

class Symbols {
 public:
  // Where a section of a kernel module lies in the machine.
  struct Section {
    std::string name;
    u64 address = 0;
  };
  struct Options {
    std::string
        name;        // to call the image by; empty: the file's name, without folders and ".elf" and the like
    u64 offset = 0;  // the address in the machine minus the address in the file
    World world = World::any;
    // Of an object file, which is linked where it is loaded; those that are missing are not there. None: a
    // Linux module (NAME.ko) is laid out as Linux does it, with the code at 0, so that `offset` is the
    // address of .text; other object files are refused.
    std::vector<Section> sections;
  };
  // Of a structure, in bytes.
  struct Member {
    u64 offset = 0, structure_size = 0;
  };
  struct Image {
    std::string name, path;
    std::string debug_file;   // a separate file of debugging information; empty: none
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
    std::string text() const;        // "start+0x12"; C++'s names as they are written
  };
  struct Line {
    std::string file;  // as the compiler was told it
    unsigned line = 0;
    u64 start = 0;             // where the code of the line begins
    bool statement = false;    // recommended for a breakpoint
    std::string text() const;  // "file:line" with the last two parts of the path
  };

  // A function whose code was put into its caller's.
  struct Inlined {
    std::string function;
    Line call;  // where it was called, in the next one of the list or in the function around all; line 0: not
                // known
  };

  Symbols();
  ~Symbols();
  Symbols(const Symbols&) = delete;
  Symbols& operator=(const Symbols&) = delete;

  // False and one line in `error` that names the file and the cure: it is missing, or neither form.
  // A file with the name of a loaded image replaces it; unless it was named by its file, and is for another
  // world: then that is added to its name.
  // `name`, if given: what the image is called.
  bool load(const std::string& path, const Options& options, std::string& error, std::string* name = nullptr);
  bool load(const std::string& path, std::string& error) { return load(path, Options(), error); }
  // The same for an ELF file's bytes; `path` is what to call it to people.
  bool load_bytes(std::span<const u8> bytes, const std::string& path, const Options& options,
                  std::string& error);
  // Folders in which to look for separate files of debugging information, besides the file's own, its .debug,
  // and /usr/lib/debug.
  void search(const std::vector<std::string>& folders) { folders_ = folders; }
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
  // Which inlined functions an address is in, the innermost first. The symbol is that of the function around.
  std::vector<Inlined> inlined(u64 address, World world = World::any) const;
  // "start+0x12", or "" without a symbol; with " (folder/file:line)" if `with_line` and it is known, and
  // where that was inlined into the symbol's own code.
  std::string text(u64 address, World world = World::any, bool with_line = false) const;

  // The address of "name" or "image!name"; images that were loaded first win. Upper and lower case differ.
  // "space::function" is C++'s, without parameters.
  std::optional<u64> address(std::string_view name, World world = World::any) const;
  // Where the code of "file:line" or "image!file:line" begins; the file is given by the end of its path. If
  // no code is there, the next line that has some. Several: inlined or repeated code. Sorted.
  std::vector<u64> addresses_of_line(std::string_view place, World world = World::any) const;
  // Every source line of an image of that world that has code, once for each piece of it: from line.start to
  // `end`, which is excluded.
  void each_line(World world, const std::function<void(const Line& line, u64 end)>& visit) const;
  // The source file, as the compiler was told it, whose path ends with "name" or "image!name"'s; nullopt:
  // no code is of one.
  std::optional<std::string> source_file(std::string_view name, World world = World::any) const;
  // Names of symbols that begin with `prefix`, sorted, without repetition, at most `limit`.
  std::vector<std::string> complete(std::string_view prefix, std::size_t limit = 100) const;
  // Names near to one that is not there, for "did you mean"; nullopt: none is near.
  std::optional<std::string> nearest(std::string_view name) const;

  // A variable, a parameter or a structure's member, in words.
  struct Variable {
    std::string name, type, value;  // value: "<optimized out>" where there is none, or it cannot be read
    u64 offset = 0;                 // of a member
  };
  using Read = std::function<std::optional<u64>(u64 address, unsigned size)>;
  // What the function at `rip` can name there, the innermost block first; `cfa` is DWARF's canonical frame
  // address, if known.
  std::vector<Variable> locals(u64 rip, World world, const UnwindRegisters& registers, std::optional<u64> cfa,
                               const Read& read) const;
  // The members of a structure or union; the values of the one at `address`, if given. Empty: no such type.
  std::vector<Variable> members(std::string_view type, std::optional<u64> address, World world,
                                const Read& read) const;

  // From an image's DWARF; nullopt: it has no such structure, or that no such member.
  std::optional<Member> member(std::string_view image, std::string_view structure,
                               std::string_view name) const;

  // Call-frame information for an address in the machine, for back traces: .eh_frame and .debug_frame. The
  // offset is that of the image. Empty: none.
  struct Frames {
    std::vector<Dwarf_CFI_s*> tables;  // valid as long as the image is loaded
    u64 offset = 0;
  };
  Frames frames(u64 address, World world = World::any) const;
  // What Linux's own unwinder knows of an address; it has words for code in assembly language, too.
  std::optional<OrcEntry> orc(u64 address, World world = World::any) const;

 private:
  friend class CValues;  // values with their types
  struct Loaded;
  const std::string& add(std::unique_ptr<Loaded> loaded, const std::string& path, const Options& options);
  const Loaded* of(u64 address, World world) const;
  std::vector<std::unique_ptr<Loaded>> loaded_;
  std::vector<std::string> folders_;
};

// A C++ symbol's name as it is written in the source; other names as they are.
std::string demangled(std::string_view symbol);

}  // namespace ringside
