// Owns the emitted dispatcher's face: host code for decoded blocks, and how it is started, linked and
// dropped.
#pragma once

#include <memory>

#include "cpu/exec/core/block.h"

namespace ringside {

// What emitted code wants of whoever keeps the blocks.
class UnstableBlocks {
 public:
  virtual ~UnstableBlocks() = default;
  // An unstable block has run undisturbed for long: it may be decoded as others are.
  virtual void make_stable(Block& block) = 0;
};

// The same operations as the reference dispatcher's, run from host code made for each block: the commonest
// classes inline, a call of the operation's own handler for the rest. State is the same after every block.
// Code of a dropped block stays in memory until clear().
class Emitter {
 public:
  // nullptr: not an x86-64 host, or it gives no executable memory. `blocks` lives longer.
  static std::unique_ptr<Emitter> create(UnstableBlocks& blocks);
  ~Emitter();

  // Whether the largest block fits.
  bool room() const;
  void clear();

  // Makes the code of a block that is complete but for it: operations, end record, link slots.
  void emit(Block& block, const Cpu::Mode& mode);
  void connect(LinkSlots& links, unsigned number, const Block& target);
  void disconnect(LinkSlots& links, unsigned number);
  // Whoever still jumps to the code goes back to the run loop.
  void drop(Block& block);

  // The block has been charged.
  void run(Cpu& cpu, const Block& block) const;
  // Where code goes on after a handler that ended the chain.
  const void* exit_code() const;

 private:
  struct Impl;
  explicit Emitter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace ringside
