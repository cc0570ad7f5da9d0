// Owns Ringside's own side of a comparison with a peer: a machine that is stepped, and goes back.
#pragma once

#include <bitset>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "frontend/debug/debugger.h"
#include "frontend/differ/may_differ.h"
#include "frontend/differ/peer.h"
#include "frontend/differ/lockstep.h"

namespace ringside {

class OwnSide {
 public:
  explicit OwnSide(Machine& machine);

  Cpu& cpu() { return debugger_.cpu(); }
  bool asleep() { return cpu().activity != Activity::active; }
  u64 address() { return linear_rip(cpu()); }
  Machine& machine() { return debugger_.machine(); }
  Debugger& debugger() { return debugger_; }

  // False: the machine has ended. All rounds of a repeated string instruction are one step; handlers of
  // interrupts are run through. One that does not come back to where it was called is not: then the step ends
  // behind its first instruction.
  bool step();
  bool entered_handler() const { return entered_handler_; }  // in the latest step
  u64 handler() const { return handler_; }                   // RIP of its first instruction, the latest one's
  bool interrupted() const;                                  // ever
  bool took_exception() const;                               // in the latest step

  // The peer's VMCS revision identifier, which the guest has read there and writes into its VMXON region and
  // its VMCSs. Before an instruction that is given such a region it becomes this machine's own, and the
  // region, whose contents are each processor's own, is compared no more.
  void let_revision(u32 revision) { peer_revision_ = revision; }

  // What is known to be the same goes with it.
  struct Place {
    std::vector<u8> state;
    std::map<u64, u64> pages;
    std::set<std::string> passed_over;
  };
  Place here();
  void go_to(const Place& place);

  // Those registers in which the peer is right to be asked and that differ: in the CPU's present mode.
  std::vector<DifferentValue> differing(const std::vector<PeerRegister>& peer);
  // The general registers, in an order of its own.
  std::vector<u64> general_registers();
  // The peer's word is taken for those that were others before, and for the arithmetic flags.
  void take_changed(const std::vector<PeerRegister>& peer, const std::vector<u64>& before);
  // The peer's word is taken for these registers.
  void take(const std::vector<PeerRegister>& peer, u64 flags, bool general);

  // Conventional memory, and that around what is loaded, become the peer's. False: the peer has failed.
  bool take_memory(Peer& peer);
  // In these bytes of a stack, where an image of the flags differs in RF alone, the peer's word is taken.
  // True: it was somewhere.
  bool take_resume_flag(u64 physical, std::vector<DifferentValue>& differ, Peer& peer, u64 bytes);
  // These bytes of RAM become the peer's; whether they were others. nullopt: the peer has failed.
  std::optional<bool> take_bytes(Peer& peer, u64 physical, u64 bytes);
  // Registers that differ now are not judged before they have been the same.
  void pass_over(const std::vector<PeerRegister>& peer);
  const std::set<std::string>& passed_over() const { return passed_over_; }

  // Whether RAM is where this physical address is, and not what a screen or firmware has there.
  bool is_ram(u64 physical, u64 bytes) const;
  // All of RAM that has changed here since it was the same for the last time. False: the peer has failed.
  // Where interrupts have come, at other times with each: what their handlers have written is not compared,
  // and in what is dead of the stack, where they were, the peer's word is taken.
  bool compare_pages(Peer& peer, std::vector<DifferentValue>& differ);
  // The same; what differs becomes the peer's, and is from now on as if handlers wrote it.
  bool take_pages(Peer& peer);
  u64 first_different() const { return first_different_; }  // the physical address, of the latest comparison
  bool compare_bytes(Peer& peer, u64 physical, u64 bytes, std::vector<DifferentValue>& differ);

 private:
  struct Interrupts;
  Debugger debugger_;
  std::shared_ptr<Interrupts> interrupts_;
  std::vector<std::pair<u64, u64>> ram_;  // from, to
  std::map<u64, u64> pages_;              // by their addresses: sums of what was the same
  std::set<std::string> passed_over_;
  void adapt_revision();
  bool run_handler_through(u64 back);
  using PageBytes = std::map<u64, std::vector<u8>>;
  PageBytes pages_now();
  void note_handlers_bytes(const PageBytes& before);
  void take_dead_stack(u64 page, std::vector<u8>& own, std::span<const u8> theirs);

  // By pages: the bytes that handlers of interrupts have written.
  std::map<u64, std::bitset<page_bytes>> of_handlers_;
  u64 first_different_ = 0;
  std::optional<u32> peer_revision_;
  std::set<u64> regions_;  // pages of VMXON regions and VMCSs
  bool entered_handler_ = false;
  u64 handler_ = 0;
};

}  // namespace ringside
