// Owns port 0x80, where firmware leaves its progress codes and everybody waits a microsecond.
#pragma once

#include "cpu/arch/fields.h"
#include "devices/port_window.h"

namespace ringside {

class PostPort final : public Device, public PortDevice {
 public:
  static constexpr PortSpan ports{0x80, 1};

  u32 io_read(u16, unsigned) override { return code_; }
  void io_write(u16, unsigned, u32 value) override { code_ = static_cast<u8>(value); }
  u8 code() const { return code_; }

  Description describe() const override { return {"POST", "progress codes"}; }
  void places(Places& at) override { at.ports(ports, *this, "post"); }
  void reset(ResetKind) override { code_ = 0; }
  void fields(Fields& fields) override {
    fields.group("post");
    fields("code", code_);
    fields.end();
  }

 private:
  u8 code_ = 0;
};

}  // namespace ringside
