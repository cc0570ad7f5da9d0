// Owns the face of a foreign emulator that runs the same guest, and of the bytes that go to it and come back.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cpu/arch/types.h"

namespace ringside {

// How long a peer may be silent, in seconds of the processor's time that it has had, or of the host's if it
// sleeps or dozes.
constexpr double peer_patience = 60;

// What a peer says of a register that both have.
struct PeerRegister {
  std::string name;  // the debugger's: "rax", "fs.base", "xmm0.h", "st0.e"
  u64 value = 0;
};

// One CPU, which never runs but inside these calls. What fails leaves one line in error().
class Peer {
 public:
  enum class Went : u8 {
    there,  // where it was asked to go
    ended,  // the guest ended the peer before
    lost,   // the peer is gone, hangs, or says what nobody understands
  };
  virtual ~Peer() = default;

  // From the beginning, also again: it stands before the first instruction.
  virtual bool start() = 0;
  // An instruction, a round of a repeated one, or the delivery of an exception that it raises.
  virtual Went step() = 0;
  // To where the code at this linear address is about to run for the `hits`-th time, not counting where the
  // peer stands now. It is neither the very next instruction nor one that ever runs twice in a row.
  // `asleep`: it is halted, and an interrupt comes before.
  virtual Went run_to(u64 linear, u64 hits, bool asleep = false) = 0;
  virtual bool registers(std::vector<PeerRegister>& out) = 0;
  virtual bool memory(u64 physical, std::span<u8> out) = 0;

  const std::string& error() const { return error_; }
  // How long the peer may be silent from now on, in seconds as peer_patience has them. Who is not sure that
  // it ever comes to a place does not wait for it as long as for an answer.
  void let_patience(double seconds) { patience_ = seconds; }
  // Asked again and again while the peer is silent; false: enough, it is lost.
  void ask_while_waiting(std::function<bool()> goes_on) { goes_on_ = std::move(goes_on); }

 protected:
  std::string error_;
  double patience_ = peer_patience;
  std::function<bool()> goes_on_;
};

// The bytes of a conversation with a peer.
class Wire {
 public:
  virtual ~Wire() = default;
  virtual bool send(std::string_view bytes) = 0;  // false: nobody is there
  // What has come, as soon as something has; empty: nothing did in this time, or `goes_on`, which is asked
  // while nothing comes, said that it is enough. nullopt: nobody is there.
  virtual std::optional<std::string> receive(double seconds, const std::function<bool()>& goes_on = {}) = 0;
  // The last line of what the peer complained of; may be empty.
  virtual std::string complaint() const { return {}; }
};
// nullptr: one line in `error`.
using OpenWire = std::function<std::unique_ptr<Wire>(std::string& error)>;

// A process that is talked to by its standard input and output, and killed with all that it has started when
// the wire goes away. `words` are the program, which is sought as execvp does, and its arguments.
OpenWire process_wire(std::vector<std::string> words);

}  // namespace ringside
