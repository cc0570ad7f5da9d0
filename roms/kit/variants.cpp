// Owns the names of the variants.
#include "roms/kit/variants.h"

#include "roms/kit/print.h"

namespace kit {

Variants variants = {};

namespace {

struct Name {
  const char* word;
  bool* chosen;
  const char* what;
};
constexpr Name names[] = {
    {"no-vpid", &variants.no_vpid, "VM entries and exits empty the TLB"},
    {"lazy-fpu", &variants.lazy_fpu, "a guest gets its x87 and SSE registers when it uses them"},
    {"no-unrestricted-guest", &variants.no_unrestricted_guest,
     "guests without paging run on identity tables"},
    {"no-ept", &variants.no_ept, "the processor walks shadows of the guests' page tables"},
    {"inside", &variants.inside, "a device that could be elsewhere is in the hypervisor"},
};

// Whether the word stands at the text's begin.
bool is_first_word(const char* text, const char* word) {
  if (!starts_with(text, word)) return false;
  const char end = text[length_of(word)];
  return end == 0 || end == ' ' || end == ';';
}

const Name* name_at(const char* text) {
  for (const Name& name : names)
    if (is_first_word(text, name.word)) return &name;
  return nullptr;
}

// The word that stands at the text's begin, as far as it is short enough to be meant.
struct FirstWord {
  explicit FirstWord(const char* text) {
    for (u64 n = 0; n < sizeof letters - 1 && text[n] && text[n] != ' ' && text[n] != ';'; ++n)
      letters[n] = text[n];
  }
  char letters[32] = {};
};

bool is_among(const char* word, const char* known) {
  for (bool at_begin = true; *known; at_begin = *known++ == ' ')
    if (at_begin && is_first_word(known, word)) return true;
  return false;
}

}  // namespace

bool names_variant(const char* text) { return name_at(text); }

void choose_variants(const char* text, u64 letters, const char* known) {
  for (const char* end = text + letters; text < end;) {
    if (*text == ' ') {
      ++text;
      continue;
    }
    const Name* name = name_at(text);
    if (!name || !is_among(name->word, known))
      stop("this hypervisor has no variant \"", FirstWord(text).letters, "\"; it has: ", known);
    *name->chosen = true;
    print("variant ", name->word, ": ", name->what, "\n");
    text += length_of(name->word);
  }
}

}  // namespace kit
