// File descriptors: every connection is one, and most systems give a process 1024 unless it asks.
#pragma once

#include <cstdint>

namespace troupe::gateway {

// Asks for `wanted` at least, where the system lets it. Returns how many the process may have now.
std::uint64_t raise_descriptors(std::uint64_t wanted) noexcept;

}  // namespace troupe::gateway
