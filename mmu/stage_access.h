// Owns the one description of a data or code access under paging to the second stage, for both ways to walk.
#pragma once

#include "mmu/walk.h"

namespace ringside {

// The access to what a linear address translates to under paging, as the second stage sees it.
inline StageAccess translation_access(AccessKind kind, const PageRights& rights) {
  return {.kind = kind,
          .user_address = rights.user,
          .writable_page = rights.writable,
          .execute_disable_page = !rights.executable};
}

}  // namespace ringside
