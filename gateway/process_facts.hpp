// What the operating system says of this process: time on processors, memory, open files. For
// /metrics, under the names that Prometheus' own clients give them.
#pragma once

#include <cstdint>

#include "base/time.hpp"

namespace troupe::gateway {

struct ProcessFacts {
  Duration cpu{};  // of all threads, in the program and in the kernel, since the start
  std::uint64_t resident_bytes = 0;
  std::uint64_t files = 0;  // open now, connections among them
  std::uint64_t files_max = 0;
};

// Reads /proc/self, which takes some microseconds and one more for each open file. What cannot be
// read is 0. Thread-safe.
ProcessFacts read_process_facts();

}  // namespace troupe::gateway
