// Owns the test of drives in a whole machine: what a guest writes is in the image, is a part of the state,
// and comes back with it.
#include "frontend/machine/checkpoints.h"
#include "tests/machine/disk_guest.h"

using namespace ringside;

TEST_CASE("what a guest writes is in the image at once, and is taken back by a restore") {
  const ImageFile image(64);
  Guest g(with_disk(image));
  fill(g, 'A');
  write_sector(g, 5);
  const u64 half = g.next;
  write_sector(g, 6);
  const u64 end = g.next;
  g.forever();
  const auto points = Checkpoints::create(*g.machine);
  REQUIRE(points);
  const unsigned before = points->take();
  CHECK(g.step_to(half));
  CHECK(image.at(5 * 512) == 'A');
  CHECK(image.at(6 * 512) == '.');
  const unsigned middle = points->take();
  CHECK(g.step_to(end));
  CHECK(image.at(6 * 512) == 'A');
  const std::string hash = g.machine->state_hash();

  CHECK(points->restore(before));
  CHECK(image.at(5 * 512) == '.');
  CHECK(image.at(6 * 512) == '.');
  CHECK(points->restore(middle));
  CHECK(image.at(5 * 512) == 'A');
  CHECK(image.at(6 * 512) == '.');
  CHECK(g.step_to(end));
  CHECK(g.machine->state_hash() == hash);
  CHECK(image.at(6 * 512 + 511) == 'A');
}

TEST_CASE("a saved state whose disk has other contents is refused, and one that fits is taken") {
  const ImageFile one(64), two(64);
  Guest first(with_disk(one)), second(with_disk(two));
  std::string error;
  const std::vector<u8> fresh = first.machine->save();
  CHECK(second.machine->restore(fresh, error));
  fill(first, 'B');
  write_sector(first, 1);
  CHECK(first.step_to(first.next));
  const std::vector<u8> written = first.machine->save();
  CHECK_FALSE(second.machine->restore(written, error));
  CHECK(error.find("contents of its disks") != error.npos);
  CHECK(first.machine->restore(fresh, error));
  CHECK(one.at(512) == '.');
}

TEST_CASE("with snapshot=on the image stays as it is, and the guest sees what it wrote") {
  const ImageFile image(64);
  Guest g(with_disk(image, true));
  fill(g, 'C');
  write_sector(g, 2);
  const u64 written = g.next;
  g.out(0x1f2, 1).out(0x1f3, 2).out(0x1f7, 0x20);
  g.bytes({0x66, 0xba}).number(0x1f7, 2).bytes({0xec, 0xa8, 0x80, 0x75, 0xfb});
  g.bytes({0x66, 0xba}).number(0x1f0, 2).bytes({0x66, 0xed});  // in ax, dx
  CHECK(g.step_to(written));
  CHECK(g.step_to(g.next));
  CHECK((g.cpu().gpr[RAX] & 0xffff) == 0x4343);
  CHECK(image.at(2 * 512) == '.');
}
