// What a stretch of work took of the machine besides time: its CPU, and how often the system took
// the CPU away. A measurement of rig C with many involuntary switches measured its neighbours.
#pragma once

#include <cstdint>

#include "base/time.hpp"

namespace troupe::bench::harness {

struct Usage {
  Duration user{};
  Duration system{};
  std::uint64_t switches_involuntary = 0;  // somebody else got the CPU while there was work to do
  std::uint64_t switches_voluntary = 0;    // it waited

  [[nodiscard]] Duration cpu() const noexcept { return user + system; }
};

// Since it began: of all threads of this process, or of the calling thread.
Usage process_usage() noexcept;
Usage thread_usage() noexcept;

// What came between: process_usage() afterwards minus process_usage() before.
Usage operator-(const Usage& after, const Usage& before) noexcept;

}  // namespace troupe::bench::harness
