// Owns the tests of pages that a CPU has used right before what they are changes: every kind of access sees
// the new state at once, in both dispatchers.
#include <functional>

#include "tests/vmx/fixture.h"

using namespace ringside;

namespace {

// The page lies at `page` in the guest's sight: in the frame `old_frame` before the change, in `new_frame`
// after.
constexpr u64 page = 0xa00000, old_frame = page, new_frame = 0xc00000, scratch = 0x70000, table_page = 0x1000,
              behind_table = u64{1} << 30, limit_at = 0x40, second_ept = 0x320000, list = 0x310000;
constexpr u32 old_value = 0x01111111, new_value = 0x02222222, old_limit = 0x1111, new_limit = 0x2222;
constexpr u64 first_written = 0x5151515151515151, then_written = 0x5252525252525252;

using Bytes = std::vector<u8>;
Bytes operator+(Bytes left, const Bytes& right) {
  left.insert(left.end(), right.begin(), right.end());
  return left;
}
Bytes number(u64 value, unsigned size) {
  Bytes bytes;
  for (unsigned n = 0; n < size; ++n) bytes.push_back(static_cast<u8>(value >> (8 * n)));
  return bytes;
}

// MOV EAX, value; RET; NOP; NOP: a page can be read and called.
u64 filling(u32 value) { return u64{0xb8} | u64{value} << 8 | u64{0xc3} << 40 | u64{0x9090} << 48; }

// With the page's address in RBX, and in RCX what to write. It reads into RAX.
struct Touch {
  const char* name;
  Bytes code;
  bool writes;
  unsigned offset;  // of what it accesses
  u64 read = 0;     // what it reads from the new frame; 0: it does not
};
std::vector<Touch> touches() {
  const Bytes from_scratch = Bytes{0x48, 0x8b, 0x04, 0x25} + number(scratch, 4);
  const u64 whole = filling(new_value);
  return {
      {"MOV from memory", {0x48, 0x8b, 0x03}, false, 0, whole},
      {"MOV to memory", {0x48, 0x89, 0x0b}, true, 0},
      {"XCHG", {0x48, 0x89, 0xc8, 0x48, 0x87, 0x03}, true, 0, whole},
      {"PUSH", {0x48, 0x89, 0xe2, 0x48, 0x8d, 0x63, 0x08, 0x51, 0x48, 0x89, 0xd4}, true, 0},
      {"POP", {0x48, 0x89, 0xe2, 0x48, 0x89, 0xdc, 0x58, 0x48, 0x89, 0xd4}, false, 0, whole},
      {"REP STOSQ", {0x48, 0x89, 0xdf, 0x48, 0x89, 0xc8, 0xb9, 2, 0, 0, 0, 0xf3, 0x48, 0xab}, true, 0},
      {"REP MOVSQ",
       Bytes{0x48, 0x89, 0xde, 0xbf} + number(scratch, 4) + Bytes{0xb9, 1, 0, 0, 0, 0xf3, 0x48, 0xa5} +
           from_scratch,
       false, 0, whole},
      {"MOVUPS from memory", {0x0f, 0x10, 0x03, 0x66, 0x48, 0x0f, 0x7e, 0xc0}, false, 0, whole},
      {"MOVUPS to memory", {0x66, 0x48, 0x0f, 0x6e, 0xc1, 0x0f, 0x11, 0x03}, true, 0},
      {"FXSAVE", {0x66, 0x48, 0x0f, 0x6e, 0xc1, 0x0f, 0xae, 0x83, 0, 4, 0, 0}, true, 0x400 + 160},
      {"FILD", Bytes{0xdb, 0xe3, 0xdf, 0x2b, 0xdf, 0x3c, 0x25} + number(scratch, 4) + from_scratch, false, 0,
       whole},
      {"CALL into the page", {0xff, 0xd3}, false, 0, new_value},
      {"LSL, a descriptor on the page", {0xba, limit_at, 0, 0, 0, 0x0f, 0x03, 0xc2}, false, 0, new_limit},
      {"MOV by a paging structure on the page",
       Bytes{0xba} + number(behind_table, 4) + Bytes{0x48, 0x8b, 0x02}, false, 0, new_value},
  };
}
Bytes touched(const Touch& touch, u64 written) {
  return Bytes{0x48, 0xbb} + number(page, 8) + Bytes{0x48, 0xb9} + number(written, 8) + touch.code;
}

struct WarmMachine : VmxMachine {
  explicit WarmMachine(Dispatcher dispatcher) {
    cache->set_dispatcher(dispatcher);
    cpu.cr4 |= Cr4::OSFXSR;
    cpu.update_translation();
    set(Field::HOST_CR4, cpu.cr4);
    set(Field::GUEST_CR4, cpu.cr4);
    set(Field::GUEST_GDTR_BASE, page);
    fill(old_frame, old_value, old_limit, 0x600000);
    fill(new_frame, new_value, new_limit, 0x800000);
    put(0x600000, old_value);
    put(0x800000, new_value);
    put(0x2008, (page + table_page) | 7);  // the GByte at `behind_table`
    use_ept();
    // A second map, in which the page is elsewhere.
    put(second_ept, (second_ept + 0x1000) | 7);
    put(second_ept + 0x1000, (second_ept + 0x2000) | 7);
    for (u64 n = 0; n < 8; ++n) {
      const u64 at = n == page >> 21 ? new_frame : n << 21;
      put(second_ept + 0x2000 + 8 * n, at | 7 | 6 << 3 | 0x80);
    }
  }
  void fill(u64 frame, u32 value, u32 limit, u64 behind) {
    put(frame, filling(value));
    for (unsigned n = 0; n < 8; ++n) set_page_descriptor(frame, n);
    put(frame + limit_at, descriptor(0, limit, present_data));
    put(frame + table_page, behind | 0x87);
  }
  // What the guest's selectors name, so that it can be entered with its GDT on the page.
  void set_page_descriptor(u64 frame, unsigned n) {
    if (n != 0) put(frame + 8 * n, get(at::gdt + 8 * n));
  }
  static u64 second_pointer() { return second_ept | 3 << 3 | 6; }
  void guest_code(const Bytes& bytes) {
    for (u64 n = 0; n < bytes.size(); ++n) put(vmx_at::guest_code + n, bytes[n], 1);
  }
  void host_code(const Bytes& bytes) {
    for (u64 n = 0; n < bytes.size(); ++n) put(vmx_at::host + n, bytes[n], 1);
  }
  // After the second touch, of the new frame.
  void check(const Touch& touch) {
    if (touch.read) CHECK(cpu.gpr[RAX] == touch.read);
    if (!touch.writes) return;
    CHECK(get(new_frame + touch.offset) == then_written);
    CHECK(get(old_frame + touch.offset) == first_written);
  }
};

void in_both(const std::function<void(Dispatcher)>& test) {
  SUBCASE("reference") { test(Dispatcher::reference); }
  SUBCASE("emitted") { test(Dispatcher::emitted); }
}

const Bytes vmfunc_to_second = {0x31, 0xc0, 0xb9, 1, 0, 0, 0, 0x0f, 0x01, 0xd4}, cpuid_code = {0x0f, 0xa2};

}  // namespace

TEST_CASE("EPTP switching: the next access of every kind goes through the new EPT") {
  in_both([](Dispatcher dispatcher) {
    for (const bool vpid : {false, true}) {
      for (const Touch& touch : touches()) {
        CAPTURE(std::string(touch.name));
        CAPTURE(vpid);
        WarmMachine m(dispatcher);
        if (vpid) {
          m.on(VmxControl::vpid);
          m.set(Field::VIRTUAL_PROCESSOR_ID, 5);
        }
        m.on(VmxControl::vm_functions);
        m.set(Field::VM_FUNCTION_CONTROLS, mask(VmxControl::eptp_switching));
        m.set(Field::EPTP_LIST_ADDRESS, list);
        m.put(list + 8, WarmMachine::second_pointer());
        m.guest_code(touched(touch, first_written) + vmfunc_to_second + touched(touch, then_written) +
                     Bytes{0x0f, 0x01, 0xc1});
        CHECK(m.broken_rules() == "");
        CHECK(m.exit_of() == m.number(ExitReason::vmcall));
        m.check(touch);
      }
    }
  });
}

TEST_CASE("VM entries and exits: each side's accesses go through its own translation") {
  in_both([](Dispatcher dispatcher) {
    for (const Touch& touch : touches()) {
      CAPTURE(std::string(touch.name));
      // The guest touches the page in the first EPT, then in the second after an exit; the host in between.
      WarmMachine m(dispatcher);
      const Bytes program =
          touched(touch, first_written) + cpuid_code + touched(touch, then_written) + cpuid_code;
      m.guest_code(program);
      CHECK(m.exit_of() == m.number(ExitReason::cpuid));
      m.set(Field::GUEST_RIP, m[Field::GUEST_RIP] + 2);
      m.set(Field::EPT_POINTER, WarmMachine::second_pointer());
      CHECK(m.exit_of() == m.number(ExitReason::cpuid));
      m.check(touch);
      // The exit leads into code that touches the page where the host has it.
      if (touch.read == new_limit) continue;  // the host's GDT is elsewhere
      m.put(new_frame + touch.offset, filling(old_value));
      m.put(old_frame, filling(new_value));
      m.put(old_frame + table_page, 0x800000 | 0x87);
      m.put(new_frame + table_page, 0x600000 | 0x87);
      m.host_code(touched(touch, first_written + 1) + Bytes{0xf4});
      m.set(Field::GUEST_RIP, m[Field::GUEST_RIP] + 2);
      m.guest_code(program + touched(touch, then_written + 1) + cpuid_code);
      m.enter(400);
      CHECK(!m.cpu.non_root);
      if (touch.read) CHECK(m.cpu.gpr[RAX] == touch.read);
      if (touch.writes) CHECK(m.get(old_frame + touch.offset) == first_written + 1);
    }
  });
}

TEST_CASE("A20M: once it is given, no access goes on past 1 MByte") {
  in_both([](Dispatcher dispatcher) {
    for (const Touch& touch : touches()) {
      CAPTURE(std::string(touch.name));
      WarmMachine m(dispatcher);
      if (touch.read == new_limit || touch.read == new_value)
        continue;  // what they need lies past 1 MByte, too
      // The page at 1 MByte and what it is with the wire low.
      constexpr u64 high = 0x100000, low = 0;
      m.put(high, filling(old_value));
      m.put(low, filling(new_value));
      const auto run = [&](u64 written) {
        Bytes code = touched(touch, written) + Bytes{0xf4};
        for (unsigned n = 0; n < 8; ++n) code[2 + n] = static_cast<u8>(high >> (8 * n));
        for (u64 n = 0; n < code.size(); ++n) m.put(at::code + n, code[n], 1);
        m.cpu.rip = m.cpu.next_rip = at::code;
        m.cpu.activity = Activity::active;
        m.cpu.attention &= ~Attention::activity;
        m.run();
      };
      run(first_written);
      m.memory.set_a20(false);
      run(then_written);
      m.memory.set_a20(true);
      if (touch.read) CHECK(m.cpu.gpr[RAX] == touch.read);
      if (touch.writes) CHECK(m.get(low + touch.offset) == then_written);
    }
  });
}

namespace {

// Rights that an instruction takes away from a page that is in use: the exception that the next access
// raises.
struct Loss {
  const char* name;
  u64 entry;           // of the page: its bits in the 4-KByte entry
  u64 cr0, cr4, efer;  // set at first, beside the usual
  Bytes change;
  bool reads, writes, fetches;  // accesses that are refused afterwards
};
const std::vector<Loss>& losses() {
  constexpr u64 rw = PageEntry::P | PageEntry::RW, user = rw | PageEntry::US;
  static const std::vector<Loss> all = {
      {"CR0.WP is set",
       PageEntry::P,
       0,
       0,
       0,
       {0x0f, 0x20, 0xc0, 0x0d, 0, 0, 1, 0, 0x0f, 0x22, 0xc0},
       false,
       true,
       false},
      {"CLAC under SMAP", user, 0, Cr4::SMAP, 0, {0x0f, 0x01, 0xca}, true, true, false},
      {"CR4.SMAP is set",
       user,
       0,
       0,
       0,
       {0x0f, 0x01, 0xca, 0x0f, 0x20, 0xe0, 0x0d, 0, 0, 0x20, 0, 0x0f, 0x22, 0xe0},
       true,
       true,
       false},
      {"CR4.SMEP is set",
       user,
       0,
       0,
       0,
       {0x0f, 0x20, 0xe0, 0x0d, 0, 0, 0x10, 0, 0x0f, 0x22, 0xe0},
       false,
       false,
       true},
      {"WRPKRU takes all",
       user | u64{3} << 59,
       0,
       Cr4::PKE,
       0,
       {0xb8, 0xc0, 0, 0, 0, 0x31, 0xc9, 0x31, 0xd2, 0x0f, 0x01, 0xef},
       true,
       true,
       false},
      {"WRPKRU takes writes",
       user | u64{3} << 59,
       Cr0::WP,
       Cr4::PKE,
       0,
       {0xb8, 0x80, 0, 0, 0, 0x31, 0xc9, 0x31, 0xd2, 0x0f, 0x01, 0xef},
       false,
       true,
       false},
  };
  return all;
}

}  // namespace

TEST_CASE("Rights that an instruction takes away are gone for the next access of every kind") {
  in_both([](Dispatcher dispatcher) {
    for (const Loss& loss : losses()) {
      for (const Touch& touch : touches()) {
        if (touch.read == new_limit || touch.offset || !touch.code.size()) continue;
        if (std::string_view(touch.name).find("paging") != std::string_view::npos) continue;
        CAPTURE(std::string(loss.name));
        CAPTURE(std::string(touch.name));
        WarmMachine m(dispatcher);
        const bool fetches = touch.code[0] == 0xff;
        const bool refused =
            fetches ? loss.fetches : (touch.writes && loss.writes) || (touch.read && loss.reads);
        // The page gets an entry of its own.
        constexpr u64 table = 0x330000;
        // All else is the supervisor's.
        for (u64 n = 0; n < 8; ++n) m.put(0x3000 + 8 * n, n << 21 | 0x83);
        for (u64 n = 0; n < 512; ++n) m.put(table + 8 * n, (page + (n << 12)) | loss.entry);
        m.put(0x3000 + 8 * (page >> 21), table | 7);
        m.cpu.cr0 = (m.cpu.cr0 & ~Cr0::WP) | loss.cr0;
        m.cpu.cr4 |= loss.cr4;
        m.cpu.efer |= loss.efer;
        m.cpu.pkru = 0;
        m.cpu.update_mode();
        m.cpu.update_translation();
        Bytes code = Bytes{0x0f, 0x01, 0xcb};  // STAC
        code =
            code + touched(touch, first_written) + loss.change + touched(touch, then_written) + Bytes{0xf4};
        for (u64 n = 0; n < code.size(); ++n) m.put(at::code + n, code[n], 1);
        m.code(at::handler(14), {0xf4});
        m.cpu.rip = m.cpu.next_rip = at::code;
        m.run(400);
        const bool faulted = m.cpu.rip == at::handler(14) + 1;
        CHECK(faulted == refused);
        if (!faulted) CHECK(m.cpu.rip == at::code + code.size());
        if (faulted && touch.writes) CHECK(m.get(old_frame) == first_written);
      }
    }
  });
}
