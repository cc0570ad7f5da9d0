// Owns the test of the real-time clock: calendar, formats, the three interrupts, the CMOS RAM.
#include "devices/rtc/cmos_rtc.h"

#include <doctest/doctest.h>

#include "tests/devices/fakes.h"

using namespace ringside;

namespace {
struct Bench {
  FakeClock clock;
  FakeLine irq;
  CmosRtc rtc;
  explicit Bench(s64 start = CmosRtc::default_start) : rtc(clock, irq, start) {}

  u8 in(u8 index) {
    rtc.io_write(0, 1, index);
    return static_cast<u8>(rtc.io_read(1, 1));
  }
  void out(u8 index, u8 value) {
    rtc.io_write(0, 1, index);
    rtc.io_write(1, 1, value);
  }
  void advance_seconds(u64 n) { clock.advance(n * clock.frequency()); }
  std::string date() {
    char text[32];
    std::snprintf(text, sizeof text, "%02x%02x-%02x-%02x %02x:%02x:%02x (%d)", in(0x32), in(9), in(8), in(7),
                  in(4), in(2), in(0), in(6));
    return text;
  }
  void set_date(u8 year, u8 month, u8 day, u8 hour, u8 minute, u8 second) {
    out(0x0b, in(0x0b) | 0x80);
    out(9, year), out(8, month), out(7, day), out(4, hour), out(2, minute), out(0, second);
    out(0x0b, in(0x0b) & 0x7f);
  }
};
constexpr Ticks second = 1'000'000'000;
}  // namespace

TEST_CASE("rtc: starts at the given date, in BCD and 24 hours, and goes on in virtual time") {
  Bench b;
  CHECK(b.date() == "2026-01-01 00:00:00 (5)");  // a Thursday
  CHECK(b.in(0x0d) == 0x80);
  CHECK((b.in(0x0b) & 0x06) == 0x02);
  b.advance_seconds(86400 + 3600 + 61);
  CHECK(b.date() == "2026-01-02 01:01:01 (6)");
  Bench old(951782399);  // 2000-02-28 23:59:59
  CHECK(old.date() == "2000-02-28 23:59:59 (2)");
  old.advance_seconds(1);
  CHECK(old.date() == "2000-02-29 00:00:00 (3)");
  Bench extreme(-5);
  CHECK(extreme.date() == "1970-01-01 00:00:00 (5)");
}

TEST_CASE("rtc: leap years, year and century roll over") {
  Bench b;
  b.set_date(0x27, 0x02, 0x28, 0x23, 0x59, 0x59);
  b.advance_seconds(1);
  CHECK(b.date().substr(0, 19) == "2027-03-01 00:00:00");
  b.set_date(0x99, 0x12, 0x31, 0x23, 0x59, 0x59);
  b.advance_seconds(1);
  CHECK(b.date().substr(0, 19) == "2100-01-01 00:00:00");
}

TEST_CASE("rtc: a leap of years gives the date that second by second would give") {
  Bench slow, fast;
  for (int i = 0; i < 40 * 24; ++i) {
    slow.advance_seconds(3600);
    slow.in(0);
  }
  fast.advance_seconds(40 * 86400);
  CHECK(slow.date() == fast.date());
  fast.advance_seconds(1000ull * 86400);
  CHECK(fast.date() == "2028-11-06 00:00:00 (2)");
}

TEST_CASE("rtc: binary and 12-hour formats are how the bytes are counted, not converted") {
  Bench b;
  b.out(0x0b, 0x84);  // SET, binary, 12 hours
  b.out(4, 11), b.out(2, 59), b.out(0, 59);
  b.out(0x0b, 0x04);
  b.advance_seconds(1);
  CHECK(b.in(4) == (12 | 0x80));
  CHECK(b.in(2) == 0);
  b.advance_seconds(3600);
  CHECK(b.in(4) == (1 | 0x80));
  b.advance_seconds(11 * 3600);
  CHECK(b.in(4) == 12);
  CHECK(b.in(7) == 2);
}

TEST_CASE("rtc: SET stops the updates; the divider's reset starts the next second half a second later") {
  Bench b;
  b.out(0x0b, 0x82);
  b.advance_seconds(10);
  CHECK(b.in(0) == 0);
  CHECK((b.in(0x0c) & 0x10) == 0);
  b.out(0x0a, 0x76);
  b.clock.advance(second / 3);
  b.out(0x0b, 0x02);
  b.out(0x0a, 0x26);
  b.clock.advance(second / 2 - 1'000'000);
  CHECK(b.in(0) == 0);
  b.clock.advance(2'000'000);
  CHECK(b.in(0) == 1);
  b.clock.advance(second);
  CHECK(b.in(0) == 2);
}

TEST_CASE("rtc: UIP warns at least 244 microseconds before the date changes") {
  Bench b;
  b.clock.advance(second / 2);
  CHECK((b.in(0x0a) & 0x80) == 0);
  Ticks risen = 0;
  while (b.in(0) == 0) {
    if (!risen && (b.in(0x0a) & 0x80)) risen = b.clock.now();
    b.clock.advance(10'000);
  }
  CHECK((b.in(0x0a) & 0x80) == 0);
  CHECK(risen != 0);
  CHECK(b.clock.now() - risen >= 2'200'000);
  CHECK(b.clock.now() - risen < 2'300'000);
}

TEST_CASE("rtc: the periodic interrupt comes at its rate and waits for register C") {
  Bench b;
  b.out(0x0a, 0x2f);  // 2 Hz
  b.out(0x0b, 0x42);
  b.clock.advance(second / 2 - 1);
  CHECK_FALSE(b.irq.level);
  b.clock.advance(1);
  CHECK(b.irq.level);
  b.clock.advance(10 * second);
  CHECK(b.irq.rises == 1);
  CHECK((b.in(0x0c) & 0xc0) == 0xc0);
  CHECK_FALSE(b.irq.level);
  CHECK(b.in(0x0c) == 0);
  b.clock.advance(second / 2);
  CHECK(b.irq.rises == 2);
  b.in(0x0c);
  b.out(0x0a, 0x26);
  for (int i = 0; i < 1024; ++i) {
    b.clock.advance(second / 1024 + 1);
    b.in(0x0c);
  }
  CHECK(b.irq.rises == 2 + 1024);
}

TEST_CASE("rtc: update-ended and alarm interrupts, with bytes that match anything") {
  Bench b;
  b.out(0x0b, 0x12);
  b.advance_seconds(1);
  CHECK(b.irq.level);
  CHECK((b.in(0x0c) & 0x90) == 0x90);
  b.out(1, 0x05), b.out(3, 0x00), b.out(5, 0x00);
  b.out(0x0b, 0x22);
  b.advance_seconds(3);
  CHECK_FALSE(b.irq.level);
  b.advance_seconds(1);
  CHECK(b.irq.level);
  CHECK((b.in(0x0c) & 0xa0) == 0xa0);
  b.advance_seconds(120);
  CHECK_FALSE(b.irq.level);
  b.out(3, 0xff), b.out(5, 0xc0);
  b.advance_seconds(60);
  CHECK(b.irq.level);
}

TEST_CASE("rtc: flags rise without their enables, and no timer runs for them") {
  Bench b;
  b.out(1, 0x02), b.out(3, 0x00), b.out(5, 0x00);
  b.advance_seconds(3);
  CHECK(b.clock.fired_ == 0);
  CHECK(b.in(0x0c) == 0x70);
  CHECK_FALSE(b.irq.level);
}

TEST_CASE("rtc: CMOS RAM, memory sizes, the NMI mask") {
  Bench b;
  b.out(0x7f, 0xa5);
  CHECK(b.in(0xff) == 0xa5);
  CHECK(b.rtc.nmi_masked());
  b.in(0x7f);
  CHECK_FALSE(b.rtc.nmi_masked());
  b.rtc.set_memory_size(u64{3} << 30, u64{5} << 30);
  CHECK((b.in(0x15) | b.in(0x16) << 8) == 640);
  CHECK((b.in(0x17) | b.in(0x18) << 8) == 0xfc00);
  CHECK((b.in(0x34) | b.in(0x35) << 8) == ((3 << 14) - 256));
  CHECK((b.in(0x5b) | b.in(0x5c) << 8 | b.in(0x5d) << 16) == (5 << 14));
  b.rtc.set_ram(0, 0x55);
  CHECK(b.in(0) == 0);
  b.out(0x0d, 0);
  CHECK(b.in(0x0d) == 0x80);
}

TEST_CASE("rtc: restored, it goes on") {
  Bench a, b(0);
  a.out(0x0b, 0x12);
  a.advance_seconds(5);
  a.in(0x0c);
  auto saved = Snapshot::of(a.rtc);
  b.clock.now_ = a.clock.now_;
  CHECK(saved.into(b.rtc));
  b.advance_seconds(1);
  CHECK(b.irq.level);
  CHECK(b.date() == "2026-01-01 00:00:06 (5)");
}
