// Owns the tests of injection into guests that are not in 64-bit mode, and of debug exceptions that wait
// while an entry injects.
#include "tests/vmx/fixture.h"

using namespace ringside;

namespace {

constexpr u64 handlers = 0x25000, stack = 0x38000;
constexpr u16 code_selector = 0x1800, stack_selector = 0x3000, handler_selector = 0x2500;
constexpr u32 page_directory = 0x400000;

void segments_8086(VmxMachine& m, u32 code, u32 data) {
  for (unsigned s = ES; s <= GS; ++s) {
    const u16 selector = static_cast<u16>(s == CS ? code_selector : s == SS ? stack_selector : 0x2000 + s);
    m.set(segment_field(Field::GUEST_ES_SELECTOR, s), selector);
    m.set(segment_field(Field::GUEST_ES_BASE, s), u64{selector} << 4);
    m.set(segment_field(Field::GUEST_ES_LIMIT, s), 0xffff);
    m.set(segment_field(Field::GUEST_ES_ACCESS_RIGHTS, s), s == CS ? code : data);
  }
  m.set(Field::GUEST_RIP, 0);
  m.set(Field::GUEST_RSP, 0x8000);
}

// Its vectors are at GUEST_IDTR_BASE; each handler is a CPUID, which exits.
void real_guest(VmxMachine& m) {
  m.off(VmxControl::ia32e_mode_guest);
  m.use_ept();
  m.on(VmxControl::unrestricted_guest);
  m.set(Field::GUEST_CR0, Cr0::NE | Cr0::ET);
  m.set(Field::GUEST_CR4, Cr4::VMXE);
  m.set(Field::GUEST_IA32_EFER, 0);
  m.set(Field::GUEST_IDTR_LIMIT, 0x3ff);
  segments_8086(m, 0x9b, 0x93);
  for (unsigned n = 0; n < 256; ++n) {
    m.put(vmx_at::guest_idt + 4 * n, u64{handler_selector} << 16 | 16 * n, 4);
    m.code(handlers + 16 * n, {0x0f, 0xa2});
  }
}

// 32-bit paging, identity; gates to guest_handler(n), which exits.
void protected_guest(VmxMachine& m) {
  m.off(VmxControl::ia32e_mode_guest);
  m.set(Field::GUEST_CR4, Cr4::VMXE | Cr4::PSE);
  m.set(Field::GUEST_IA32_EFER, 0);
  m.set(Field::GUEST_CR3, page_directory);
  for (unsigned n = 0; n < 4; ++n) m.put(page_directory + 4 * n, (u64{n} << 22) | 0x87, 4);
  m.set(Field::GUEST_CS_SELECTOR, sel::code0);
  m.set(Field::GUEST_CS_ACCESS_RIGHTS, 0xc09b);
  for (unsigned n = 0; n < 256; ++n) {
    m.put(vmx_at::guest_idt + 8 * n, gate(sel::code0, static_cast<u32>(vmx_at::guest_handler(n)), 14, 3));
    m.code(vmx_at::guest_handler(n), {0x0f, 0xa2});
  }
  m.put(at::tss + 4, at::stack0, 4);
  m.put(at::tss + 8, sel::data0, 4);
  m.put(at::tss + 0x66, 0x88, 2);  // the I/O bitmap; the redirection bitmap before it begins at 68h
}

void virtual_8086_guest(VmxMachine& m) {
  protected_guest(m);
  segments_8086(m, 0xf3, 0xf3);
  m.set(Field::GUEST_RFLAGS, Eflags::reserved_one | Eflags::VM | Eflags::IF);
}

}  // namespace

TEST_CASE("injection in real-address mode goes through the vector table, without an error code") {
  struct Case {
    u8 vector;
    EventType type;
    u32 length;
  };
  for (const Case& c :
       {Case{0x30, EventType::external_interrupt, 0}, Case{2, EventType::nmi, 0},
        Case{13, EventType::hardware_exception, 0}, Case{0x21, EventType::software_interrupt, 2},
        Case{3, EventType::software_exception, 1}}) {
    CAPTURE(c.vector);
    VmxMachine m;
    real_guest(m);
    m.set(Field::GUEST_RFLAGS, Eflags::reserved_one | Eflags::IF);
    m.inject(c.vector, c.type, false, 0, c.length);
    CHECK(m.broken_rules() == "");
    CHECK(m.exit_of() == m.number(ExitReason::cpuid));
    CHECK(m[Field::GUEST_CS_SELECTOR] == handler_selector);
    CHECK(m[Field::GUEST_RIP] == 16 * c.vector);
    CHECK(m[Field::GUEST_RFLAGS] == Eflags::reserved_one);
    CHECK(m[Field::GUEST_RSP] == 0x8000 - 6);
    CHECK(m.get(stack - 6, 2) == c.length);
    CHECK(m.get(stack - 4, 2) == code_selector);
    CHECK(m.get(stack - 2, 2) == (Eflags::reserved_one | Eflags::IF));
  }
}

TEST_CASE("a fault of an injection in real-address mode exits without an error code") {
  VmxMachine m;
  real_guest(m);
  m.set(Field::GUEST_IDTR_LIMIT, 4 * 0x30 + 2);
  m.set(Field::EXCEPTION_BITMAP, 1 << 13);
  m.inject(0x30, EventType::software_interrupt, false, 0, 2);
  CHECK(m.broken_rules() == "");
  CHECK(m.exit_of() == m.number(ExitReason::exception_or_nmi));
  CHECK(m[Field::VM_EXIT_INTERRUPTION_INFORMATION] == 0x8000030d);
  CHECK(m[Field::IDT_VECTORING_INFORMATION] == 0x80000430);
  CHECK(m[Field::VM_EXIT_INSTRUCTION_LENGTH] == 2);
  CHECK(m[Field::GUEST_RIP] == 0);
}

TEST_CASE("injection in virtual-8086 mode leaves it by the task's stack, whatever IOPL is") {
  for (const EventType type : {EventType::external_interrupt, EventType::software_interrupt}) {
    VmxMachine m;
    virtual_8086_guest(m);
    const u32 length = type == EventType::software_interrupt ? 2 : 0;
    m.inject(0x40, type, false, 0, length);
    CHECK(m.broken_rules() == "");
    CHECK(m.exit_of() == m.number(ExitReason::cpuid));
    CHECK(m[Field::GUEST_RIP] == vmx_at::guest_handler(0x40));
    CHECK(m[Field::GUEST_RFLAGS] == Eflags::reserved_one);
    CHECK(m[Field::GUEST_SS_SELECTOR] == sel::data0);
    CHECK((m[Field::GUEST_DS_ACCESS_RIGHTS] & Rights::unusable) != 0);
    const u64 frame = at::stack0 - 36;
    CHECK(m[Field::GUEST_RSP] == frame);
    const u64 expected[] = {length,      code_selector,  Eflags::reserved_one | Eflags::VM | Eflags::IF,
                            0x8000,      stack_selector, 0x2000 + ES,
                            0x2000 + DS, 0x2000 + FS,    0x2000 + GS};
    for (unsigned n = 0; n < std::size(expected); ++n) CHECK(m.get(frame + 4 * n, 4) == expected[n]);
  }
}

TEST_CASE("an injected software interrupt is redirected with virtual-8086 mode extensions") {
  for (const bool redirected : {true, false}) {
    VmxMachine m;
    virtual_8086_guest(m);
    m.set(Field::GUEST_CR4, m[Field::GUEST_CR4] | Cr4::VME);
    m.put(at::tss + 0x68 + 0x40 / 8, redirected ? 0 : 1, 1);
    m.put(4 * 0x40, u64{handler_selector} << 16 | 0x400, 4);
    m.code(handlers + 0x400, {0x0f, 0xa2});
    m.inject(0x40, EventType::software_interrupt, false, 0, 2);
    CHECK(m.exit_of() == m.number(ExitReason::cpuid));
    if (redirected) {
      CHECK(m[Field::GUEST_CS_SELECTOR] == handler_selector);
      CHECK(m[Field::GUEST_RIP] == 0x400);
      CHECK(m[Field::GUEST_RFLAGS] == (Eflags::reserved_one | Eflags::VM | Eflags::IF));
      CHECK(m.get(stack - 6, 2) == 2);
      CHECK(m.get(stack - 4, 2) == code_selector);
      CHECK(m.get(stack - 2, 2) == (Eflags::reserved_one | Eflags::IOPL));  // IF is what VIF was
    } else {
      CHECK(m[Field::GUEST_CS_SELECTOR] == sel::code0);
      CHECK(m[Field::GUEST_RIP] == vmx_at::guest_handler(0x40));
    }
  }
}

TEST_CASE("a debug exception that MOV SS held back comes behind an injected INT3 or INTO, and is lost else") {
  struct Case {
    u8 vector;
    EventType type;
    bool blocked, comes;
  };
  for (const Case& c : {Case{3, EventType::software_exception, true, true},
                        Case{4, EventType::software_exception, true, true},
                        Case{0x40, EventType::software_interrupt, true, true},
                        Case{3, EventType::software_exception, false, false},
                        Case{6, EventType::hardware_exception, true, false},
                        Case{1, EventType::privileged_software_exception, true, false}}) {
    CAPTURE(c.vector);
    CAPTURE(c.blocked);
    VmxMachine m;
    protected_guest(m);
    m.set(Field::GUEST_INTERRUPTIBILITY_STATE, c.blocked ? 2 : 0);
    m.set(Field::GUEST_PENDING_DEBUG_EXCEPTIONS, bit(12) | Dr6::B0);
    m.set(Field::EXCEPTION_BITMAP, 2);
    m.inject(c.vector, c.type, false, 0, c.type == EventType::hardware_exception ? 0 : 1);
    CHECK(m.broken_rules() == "");
    const u32 reason = m.exit_of();
    CHECK(m[Field::GUEST_RIP] == vmx_at::guest_handler(c.vector));
    CHECK(m[Field::GUEST_INTERRUPTIBILITY_STATE] == 0);
    if (!c.comes) {
      CHECK(reason == m.number(ExitReason::cpuid));
      continue;
    }
    CHECK(reason == m.number(ExitReason::exception_or_nmi));
    CHECK(m[Field::VM_EXIT_INTERRUPTION_INFORMATION] == 0x80000301);
    CHECK(m[Field::EXIT_QUALIFICATION] == Dr6::B0);
    CHECK(m[Field::GUEST_PENDING_DEBUG_EXCEPTIONS] == 0);
    CHECK(m[Field::IDT_VECTORING_INFORMATION] == 0);
  }
}
