// Ports for nodes that a benchmark starts: below those that the kernel gives out itself. Whoever
// finds one taken starts again with the next.
#pragma once

#include <unistd.h>

#include <atomic>
#include <cstdint>

namespace troupe::bench::scenarios {

inline constexpr int port_attempts = 50;

inline std::uint16_t next_port() {
  static std::atomic<std::uint32_t> next{static_cast<std::uint32_t>(::getpid())};
  return static_cast<std::uint16_t>(20'000 + next.fetch_add(1) % 10'000);
}

}  // namespace troupe::bench::scenarios
