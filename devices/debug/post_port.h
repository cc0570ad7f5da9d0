// Owns port 0x80, where firmware leaves its progress codes and everybody waits a microsecond.
#pragma once

#include "cpu/arch/fields.h"
#include "devices/ports_of.h"

namespace ringside {

class PostPort final : public PortDevice {
 public:
  static constexpr PortSpan ports{0x80, 1};

  u32 io_read(u16, unsigned) override { return code_; }
  void io_write(u16, unsigned, u32 value) override { code_ = static_cast<u8>(value); }
  u8 code() const { return code_; }

  void reset() { code_ = 0; }
  void fields(Fields& fields) {
    fields.group("post");
    fields("code", code_);
    fields.end();
  }
  void restored() {}

 private:
  u8 code_ = 0;
};

}  // namespace ringside
