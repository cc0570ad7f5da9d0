// Owns the tests of the protocol's framing.
#include <doctest/doctest.h>

#include <vector>

#include "frontend/gdb/packet.h"

using namespace ringside;

namespace {

std::vector<PacketReader::Item> read(PacketReader& reader, std::string_view bytes) {
  std::vector<PacketReader::Item> items;
  for (const char c : bytes) {
    if (auto item = reader.take(static_cast<u8>(c))) items.push_back(*item);
  }
  return items;
}
using Kind = PacketReader::Item::Kind;

}  // namespace

TEST_CASE("a packet comes through as it was framed, whatever bytes it has") {
  std::string all;
  for (unsigned n = 0; n < 256; ++n) all += static_cast<char>(n);
  PacketReader reader;
  const auto items = read(reader, frame(all));
  REQUIRE(items.size() == 1);
  CHECK(items[0].kind == Kind::packet);
  CHECK(items[0].body == all);
  CHECK(frame("OK") == "$OK#9a");
  CHECK(frame("") == "$#00");
}

TEST_CASE("what is damaged is told apart from what is whole") {
  PacketReader reader;
  const auto one = [&](std::string_view bytes) {
    const auto items = read(reader, bytes);
    REQUIRE(items.size() == 1);
    return items[0].kind;
  };
  CHECK(one("$OK#9b") == Kind::damaged);
  CHECK(one("$OK#zz") == Kind::damaged);
  CHECK(one("$OK#9A") == Kind::packet);
  CHECK(one("noise\n$OK#9a") == Kind::packet);
  CHECK(one("$lost half$OK#9a") == Kind::packet);
  CHECK(one("$a}#de") == Kind::packet);
  CHECK(one("\x03") == Kind::interrupt);
  CHECK(one("+") == Kind::good);
  CHECK(one("-") == Kind::again);
  CHECK(read(reader, "$unfinished").empty());
}

TEST_CASE("a packet that never ends takes no more memory than a long one, and the next is read") {
  PacketReader reader;
  CHECK(read(reader, "$" + std::string(5'000'000, 'a')).empty());
  const u8 sum = static_cast<u8>(5'000'000u * 'a');
  const auto items = read(reader, "#" + to_hex(std::string(1, static_cast<char>(sum))) + "$OK#9a");
  REQUIRE(items.size() == 2);
  CHECK(items[0].kind == Kind::too_long);
  CHECK(items[1].body == "OK");
  CHECK(read(reader, frame(std::string(longest_packet, 'b'))).at(0).kind == Kind::packet);
  CHECK(read(reader, frame(std::string(longest_packet + 1, 'b'))).at(0).kind == Kind::too_long);
}

TEST_CASE("numbers have 1 to 16 digits") {
  const auto number = [](std::string_view text) { return Words(text).number(); };
  CHECK(number("ffffffffffffffff") == ~u64{0});
  CHECK(number("00000000000000001") == std::nullopt);
  CHECK(number("") == std::nullopt);
  CHECK(number("-1") == std::nullopt);
  CHECK(number("1F,") == 0x1f);
  CHECK(from_hex("0aF") == std::nullopt);
  CHECK(from_hex("0g") == std::nullopt);
  CHECK(from_hex("00ff") == std::string("\0\xff", 2));
  CHECK(little_endian_hex(0x1234, 4) == "34120000");
}
