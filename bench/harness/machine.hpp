// The machine behind a figure, in one line. A figure of rig C is worth nothing without it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace troupe::bench::harness {

struct Machine {
  std::string cpu;        // "AMD EPYC 7B13"; empty: unknown
  std::size_t cores = 0;  // that this process may use
  std::size_t cores_all = 0;
  std::string governor;     // of the clock: "performance"; empty: not told
  bool is_virtual = false;  // a guest, with neighbours that it cannot see
  std::string system;       // "Linux 6.1.0 x86_64"
};

Machine this_machine();

// "AMD EPYC 7B13, 2 of 8 cores, virtual, governor performance, Linux 6.1.0 x86_64"
std::string describe(const Machine& machine);

// From /proc/cpuinfo: how many processors, the first one's name, and whether a hypervisor shows.
void read_cpuinfo(std::string_view cpuinfo, Machine& machine);

}  // namespace troupe::bench::harness
