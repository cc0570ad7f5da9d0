// Owns the free memory: small pages are cut from the beginning of the memory, large ones from its end, and
// each kind has a list of those that came back. A page in a list holds the address of the next one.
#include "roms/kit/pages.h"

#include "roms/kit/print.h"
#include "roms/kit/spinlock.h"

namespace kit {
namespace {

Spinlock pages_lock;
u64 first_free, last_free;
u64 small_list, large_list;
u64 listed_bytes;

u64 taken(u64& list, u64 bytes) {
  const u64 page = list;
  list = *at<u64>(page);
  listed_bytes -= bytes;
  return page;
}

void give_back(u64& list, u64 page, u64 bytes) {
  Guard guard(pages_lock);
  *at<u64>(page) = list;
  list = page;
  listed_bytes += bytes;
}

u64 take_page() {
  Guard guard(pages_lock);
  if (small_list) return taken(small_list, page_bytes);
  if (first_free + page_bytes > last_free) return 0;
  first_free += page_bytes;
  return first_free - page_bytes;
}

u64 take_large_page() {
  Guard guard(pages_lock);
  if (large_list) return taken(large_list, large_page_bytes);
  if (first_free + large_page_bytes > last_free) return 0;
  last_free -= large_page_bytes;
  return last_free;
}

}  // namespace

void add_memory(u64 first, u64 last) {
  first_free = (first + page_bytes - 1) & ~(page_bytes - 1);
  last_free = last & ~(large_page_bytes - 1);
}

u64 allocate_page() {
  const u64 page = take_page();
  if (!page) stop("out of memory: give the machine more with -m");
  memset(at<void>(page), 0, page_bytes);
  return page;
}

u64 allocate_large_page() {
  const u64 page = take_large_page();
  if (!page) stop("out of memory: give the machine more with -m");
  memset(at<void>(page), 0, large_page_bytes);
  return page;
}

void free_page(u64 page) { give_back(small_list, page, page_bytes); }
void free_large_page(u64 page) { give_back(large_list, page, large_page_bytes); }
u64 free_memory() { return last_free - first_free + listed_bytes; }

}  // namespace kit
