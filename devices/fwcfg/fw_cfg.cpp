// Owns the behaviour of the firmware configuration device.
#include "devices/fwcfg/fw_cfg.h"

#include <algorithm>

namespace ringside {

namespace {
constexpr u16 write_channel = 0x4000;  // of the selector; we have nothing that can be written
constexpr std::size_t most_files = 0x1000;
constexpr std::string_view dma_signature = "QEMU CFG";

void put_big_endian(std::vector<u8>& bytes, u64 value, unsigned size) {
  for (unsigned i = size; i-- > 0;) bytes.push_back(static_cast<u8>(value >> (8 * i)));
}
u64 big_endian(std::span<const u8> bytes) {
  u64 value = 0;
  for (const u8 byte : bytes) value = value << 8 | byte;
  return value;
}
u32 swapped(u32 value) { return __builtin_bswap32(value); }
}  // namespace

FwCfg::FwCfg(DmaMemory& memory)
    : memory_(memory),
      register_window_(*this, &FwCfg::read_register, &FwCfg::write_register),
      dma_window_(*this, &FwCfg::read_dma, &FwCfg::write_dma) {
  set_bytes(signature, {'Q', 'E', 'M', 'U'});
  set_u32(id, 3);  // the registers, and DMA
  rebuild_directory();
}

void FwCfg::places(Places& at) {
  at.ports(register_ports, register_window_, "fw_cfg");
  at.ports(dma_ports, dma_window_, "fw_cfg dma");
}

// --- What the machine puts in ---

void FwCfg::set_bytes(u16 key, std::vector<u8> bytes) {
  items_[key & static_cast<u16>(~write_channel)] = std::move(bytes);
}

void FwCfg::set_number(u16 key, u64 value, unsigned size) {
  std::vector<u8> bytes;
  for (unsigned i = 0; i < size; ++i) bytes.push_back(static_cast<u8>(value >> (8 * i)));
  set_bytes(key, std::move(bytes));
}

void FwCfg::set_text(u16 key, std::string_view text) {
  std::vector<u8> bytes(text.begin(), text.end());
  bytes.push_back(0);
  set_bytes(key, std::move(bytes));
}

u16 FwCfg::add_file(std::string_view name, std::vector<u8> bytes) {
  const bool taken = std::find(files_.begin(), files_.end(), name) != files_.end();
  if (name.empty() || name.size() > longest_file_name || taken || files_.size() == most_files) return 0;
  const u16 key = static_cast<u16>(first_file + files_.size());
  files_.emplace_back(name);
  set_bytes(key, std::move(bytes));
  rebuild_directory();
  return key;
}

void FwCfg::rebuild_directory() {
  std::vector<u8> directory;
  put_big_endian(directory, files_.size(), 4);
  for (std::size_t i = 0; i < files_.size(); ++i) {
    const u16 key = static_cast<u16>(first_file + i);
    put_big_endian(directory, items_[key].size(), 4);
    put_big_endian(directory, key, 2);
    put_big_endian(directory, 0, 2);
    directory.insert(directory.end(), files_[i].begin(), files_[i].end());
    directory.resize(directory.size() + longest_file_name + 1 - files_[i].size());
  }
  set_bytes(file_directory, std::move(directory));
}

void FwCfg::set_machine(u64 ram_bytes, unsigned cpus, unsigned most_cpus) {
  set_u64(ram_size, ram_bytes);
  set_u16(cpu_count, static_cast<u16>(cpus));
  set_u16(max_cpus, static_cast<u16>(most_cpus));
  set_u16(nographic, 0);
}

void FwCfg::set_kernel(Kernel k) {
  set_u32(kernel_address, k.kernel_at);
  set_u32(kernel_size, static_cast<u32>(k.kernel.size()));
  set_bytes(kernel_data, std::move(k.kernel));
  set_u32(initrd_address, k.initrd_at);
  set_u32(initrd_size, static_cast<u32>(k.initrd.size()));
  set_bytes(initrd_data, std::move(k.initrd));
  set_u32(command_line_address, k.command_line_at);
  set_u32(command_line_size, static_cast<u32>(k.command_line.size() + 1));
  set_text(command_line_data, k.command_line);
  set_u32(setup_address, k.setup_at);
  set_u32(setup_size, static_cast<u32>(k.setup.size()));
  set_bytes(setup_data, std::move(k.setup));
}

// --- What the guest takes out ---

void FwCfg::select(u16 key) {
  selected_ = key & static_cast<u16>(~write_channel);
  position_ = 0;
}

u8 FwCfg::next_byte() {
  const auto item = items_.find(selected_);
  if (item == items_.end() || position_ >= item->second.size()) return 0;
  return item->second[position_++];
}

u32 FwCfg::read_register(u16 offset, unsigned size) { return offset == 1 && size == 1 ? next_byte() : 0; }

void FwCfg::write_register(u16 offset, unsigned size, u32 value) {
  if (offset == 0 && size == 2) select(static_cast<u16>(value));
}

u32 FwCfg::read_dma(u16 offset, unsigned size) {
  u32 value = 0;
  for (unsigned i = 0; i < size && offset + i < dma_signature.size(); ++i) {
    value |= u32{static_cast<u8>(dma_signature[offset + i])} << (8 * i);
  }
  return value;
}

void FwCfg::write_dma(u16 offset, unsigned size, u32 value) {
  if (size != 4) return;
  // The register is big endian, high half first; its low half starts the transfer.
  if (offset == 0) dma_high_ = swapped(value);
  if (offset != 4) return;
  const HostPhys descriptor{u64{dma_high_} << 32 | swapped(value)};
  dma_high_ = 0;
  transfer(descriptor);
}

bool FwCfg::copy_out(HostPhys to, u32 length) {
  const auto found = items_.find(selected_);
  const std::span<const u8> item =
      found == items_.end() ? std::span<const u8>() : std::span<const u8>(found->second);
  const std::size_t have = position_ < item.size() ? item.size() - position_ : 0;
  const std::size_t take = std::min<std::size_t>(have, length);
  if (take != 0 && !memory_.dma_write(to, item.subspan(position_, take))) return false;
  position_ += take;
  // What lies beyond the item reads as zeros.
  static constexpr std::array<u8, page_bytes> zeros{};
  for (u64 done = take; done < length;) {
    const std::size_t chunk = std::min<u64>(zeros.size(), length - done);
    if (!memory_.dma_write(to + done, std::span(zeros).first(chunk))) return false;
    done += chunk;
  }
  return true;
}

void FwCfg::transfer(HostPhys descriptor) {
  std::array<u8, 16> raw{};
  if (!memory_.dma_read(descriptor, raw)) return;  // nobody to tell
  const std::span<const u8> bytes(raw);
  const u32 control = static_cast<u32>(big_endian(bytes.first(4)));
  const u32 length = static_cast<u32>(big_endian(bytes.subspan(4, 4)));
  const HostPhys address{big_endian(bytes.subspan(8, 8))};

  if (control & Control::select) select(static_cast<u16>(control >> 16));
  bool good = true;
  if (control & Control::read) {
    good = copy_out(address, length);
  } else if (control & Control::write) {
    good = false;  // no item can be written
  } else if (control & Control::skip) {
    position_ += length;
  }
  const std::array<u8, 4> result{0, 0, 0, good ? u8{0} : u8{Control::error}};
  memory_.dma_write(descriptor, result);
}

void FwCfg::reset(ResetKind) {
  select(0);
  dma_high_ = 0;
}

void FwCfg::fields(Fields& fields) {
  fields.group("fw_cfg");
  fields("selected", selected_);
  fields("position", position_);
  fields("dma_high", dma_high_);
  fields.end();
}

}  // namespace ringside
