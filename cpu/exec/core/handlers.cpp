// Owns the placing of a row's handlers.
#include "cpu/exec/core/handlers.h"

namespace ringside::expansion {

void install(std::span<const Variant> variants, Handlers& handlers) {
  for (const Variant& variant : variants) {
    handlers.fast[variant.number] = variant.fast;
    handlers.checked[variant.number] = variant.checked;
  }
}

void install_all(Handler fast, Handler checked, Handlers& handlers) {
  handlers.fast.fill(fast);
  handlers.checked.fill(checked);
}

}  // namespace ringside::expansion
