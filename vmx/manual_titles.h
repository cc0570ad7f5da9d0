// Owns where the manual's sections are that explanations name: the volume and the chapter of each title, in
// words, because numbers change with every edition.
#pragma once

#include <string>
#include <string_view>

namespace ringside {

// "Volume 3C, VM Entries"; empty: the table does not know the title.
std::string manual_place(std::string_view title);
// "Checks on Guest Segment Registers (Volume 3C, VM Entries)"; the title alone if nothing is known of it.
std::string titled_in_manual(std::string_view title);

}  // namespace ringside
