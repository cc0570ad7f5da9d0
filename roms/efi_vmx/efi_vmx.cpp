// Owns a UEFI program that enters VMX operation and leaves it again, and says each step on the console.
//   mkdir -p disk/EFI/BOOT; cp build/roms/efi_vmx.efi disk/EFI/BOOT/BOOTX64.EFI
//   ringside -bios /usr/share/ovmf/OVMF.fd -drive file=fat:disk
// In the shell a word behind its name chooses a mistake: vmxe, revision, unaligned, twice. Read it from the
// end.
#include "roms/efi_vmx/uefi.h"

namespace {

enum class Mistake {
  none,
  vmxe,       // CR4.VMXE is not set before VMXON
  revision,   // the VMXON region does not begin with the revision identifier
  unaligned,  // the region begins in the middle of a page
  twice       // VMXON in VMX operation
};

constexpr u32 ia32_feature_control = 0x3a, ia32_vmx_basic = 0x480;
constexpr u32 ia32_vmx_cr0_fixed0 = 0x486, ia32_vmx_cr4_fixed0 = 0x488;  // the one behind each: fixed 1
constexpr u64 cr4_vmxe = 1 << 13;
constexpr u64 locked = 1 << 0, vmxon_outside_smx = 1 << 2;

// ---- Instructions.

u64 rdmsr(u32 number) {
  u32 low, high;
  asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
  return u64{high} << 32 | low;
}

void wrmsr(u32 number, u64 value) {
  asm volatile("wrmsr" : : "c"(number), "a"(static_cast<u32>(value)), "d"(static_cast<u32>(value >> 32)));
}

u64 read_cr0() {
  u64 value;
  asm volatile("mov %%cr0, %0" : "=r"(value));
  return value;
}

u64 read_cr4() {
  u64 value;
  asm volatile("mov %%cr4, %0" : "=r"(value));
  return value;
}

void write_cr0(u64 value) { asm volatile("mov %0, %%cr0" : : "r"(value) : "memory"); }
void write_cr4(u64 value) { asm volatile("mov %0, %%cr4" : : "r"(value) : "memory"); }

bool cpu_has_vmx() {
  u32 eax = 1, ebx, ecx, edx;
  asm volatile("cpuid" : "+a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx));
  return (ecx >> 5 & 1) != 0;
}

// True: it succeeded. CF is VMfailInvalid, ZF VMfailValid. A function by itself, so that one can stop there.
[[gnu::noinline]] bool vmxon(u64 region) {
  bool refused;
  asm volatile("vmxon %1" : "=@ccbe"(refused) : "m"(region) : "memory");
  return !refused;
}

void vmxoff() { asm volatile("vmxoff" : : : "memory", "cc"); }

u64 current_vmcs() {
  u64 address;
  asm volatile("vmptrst %0" : "=m"(address) : : "memory");
  return address;
}

// ---- The console.

class Console {
 public:
  explicit Console(efi::TextOutput* output) : output_(output) {}

  Console& text(const char* words) {
    while (*words != 0) put(static_cast<char16_t>(*words++));
    return *this;
  }
  Console& hex(u64 value) {
    text("0x");
    unsigned shift = 60;
    while (shift > 0 && value >> shift == 0) shift -= 4;
    for (;; shift -= 4) {
      const u64 digit = value >> shift & 15;
      put(static_cast<char16_t>(digit < 10 ? '0' + digit : 'a' + digit - 10));
      if (shift == 0) return *this;
    }
  }
  void end() {
    put(u'\r');
    put(u'\n');
    line_[length_] = 0;
    output_->output_string(output_, line_);
    length_ = 0;
  }

 private:
  void put(char16_t character) {
    if (length_ + 1 < sizeof line_ / sizeof line_[0]) line_[length_++] = character;
  }
  efi::TextOutput* output_;
  unsigned length_ = 0;
  char16_t line_[120];
};

// ---- VMX.

bool allowed_by_firmware(Console& console) {
  const u64 control = rdmsr(ia32_feature_control);
  console.text("IA32_FEATURE_CONTROL ").hex(control).end();
  if ((control & locked) == 0) wrmsr(ia32_feature_control, control | locked | vmxon_outside_smx);
  return (rdmsr(ia32_feature_control) & vmxon_outside_smx) != 0;
}

// VMX operation needs bits of CR0 and CR4 that are fixed to 1 or to 0.
void set_control_registers(Mistake mistake) {
  write_cr0((read_cr0() | rdmsr(ia32_vmx_cr0_fixed0)) & rdmsr(ia32_vmx_cr0_fixed0 + 1));
  u64 cr4 = (read_cr4() | rdmsr(ia32_vmx_cr4_fixed0)) & rdmsr(ia32_vmx_cr4_fixed0 + 1);
  cr4 = mistake == Mistake::vmxe ? cr4 & ~cr4_vmxe : cr4 | cr4_vmxe;
  write_cr4(cr4);
}

// The physical address of a VMXON region; 0: there is no memory. UEFI maps memory at its physical address.
u64 make_region(efi::BootServices& boot, Mistake mistake) {
  u64 address = 0xffffffff;
  if (boot.allocate_pages(efi::Allocate::max_address, efi::MemoryType::loader_data, 2, &address) !=
      efi::success)
    return 0;
  if (mistake == Mistake::unaligned) address += 0x800;
  const u32 revision = static_cast<u32>(rdmsr(ia32_vmx_basic)) & 0x7fffffff;
  *reinterpret_cast<u32*>(address) = mistake == Mistake::revision ? revision + 1 : revision;
  return address;
}

void enter_and_leave(Console& console, efi::BootServices& boot, Mistake mistake) {
  if (!cpu_has_vmx()) return console.text("this CPU has no VMX").end();
  if (!allowed_by_firmware(console)) return console.text("firmware has locked VMX off").end();
  const u64 region = make_region(boot, mistake);
  if (region == 0) return console.text("no memory for a VMXON region").end();
  set_control_registers(mistake);
  console.text("VMXON with the region at ").hex(region).end();
  if (!vmxon(region)) return console.text("VMXON is refused: VMfailInvalid").end();
  console.text("in VMX root operation, the current VMCS is ").hex(current_vmcs()).end();
  if (mistake == Mistake::twice && !vmxon(region)) console.text("the second VMXON is refused").end();
  vmxoff();
  write_cr4(read_cr4() & ~cr4_vmxe);
  console.text("VMXOFF").end();
}

// ---- The start.

// The word behind the program's name.
Mistake chosen_mistake(const efi::LoadedImage& image) {
  const char16_t* words = image.options;
  const u64 count = image.options_bytes / sizeof *words;
  u64 at = 0;
  while (words != nullptr && at < count && words[at] != 0 && words[at] != u' ') ++at;
  if (words == nullptr || at + 1 >= count) return Mistake::none;
  switch (words[at + 1]) {
    case u'v': return Mistake::vmxe;
    case u'r': return Mistake::revision;
    case u'u': return Mistake::unaligned;
    case u't': return Mistake::twice;
    default: return Mistake::none;
  }
}

}  // namespace

extern "C" __attribute__((ms_abi)) efi::Status start(efi::Handle self, efi::SystemTable* system) {
  Console console(system->output);
  void* found = nullptr;
  if (const efi::Status status = system->boot->handle_protocol(self, &efi::loaded_image, &found))
    return status;
  const auto& image = *static_cast<efi::LoadedImage*>(found);
  console.text("efi_vmx: a UEFI program that enters VMX operation, loaded at ")
      .hex(reinterpret_cast<u64>(image.base))
      .end();
  enter_and_leave(console, *system->boot, chosen_mistake(image));
  console.text("power off").end();
  system->runtime->reset_system(efi::Reset::shutdown, efi::success, 0, nullptr);
  return efi::success;
}
