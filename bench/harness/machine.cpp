#include "bench/harness/machine.hpp"

#include <sched.h>
#include <sys/utsname.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace troupe::bench::harness {
namespace {

std::string content_of(const char* path) {
  std::ifstream file(path);
  std::ostringstream content;
  content << file.rdbuf();
  return file ? content.str() : "";
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view space = " \t\r\n";
  const std::size_t first = text.find_first_not_of(space);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(space) - first + 1);
}

// "Intel(R) Xeon(R) CPU @ 2.20GHz" has runs of blanks on some machines.
std::string single_spaced(std::string_view text) {
  std::string single;
  for (const char c : text)
    if (c != ' ' || (!single.empty() && single.back() != ' ')) single += c;
  return single;
}

}  // namespace

void read_cpuinfo(std::string_view cpuinfo, Machine& machine) {
  while (!cpuinfo.empty()) {
    const std::size_t end = std::min(cpuinfo.find('\n'), cpuinfo.size() - 1);
    const std::string_view line = cpuinfo.substr(0, end + 1);
    cpuinfo.remove_prefix(end + 1);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view key = trimmed(line.substr(0, colon));
    const std::string_view value = trimmed(line.substr(colon + 1));
    if (key == "processor") ++machine.cores_all;
    if (key == "model name" && machine.cpu.empty()) machine.cpu = single_spaced(value);
    if (key == "flags" &&
        (" " + std::string(value) + " ").find(" hypervisor ") != std::string::npos)
      machine.is_virtual = true;
  }
}

Machine this_machine() {
  Machine machine;
  read_cpuinfo(content_of("/proc/cpuinfo"), machine);
  machine.cores = machine.cores_all;
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (::sched_getaffinity(0, sizeof allowed, &allowed) == 0)
    machine.cores = static_cast<std::size_t>(CPU_COUNT(&allowed));
  machine.cores_all = std::max(machine.cores_all, machine.cores);
  machine.governor = trimmed(content_of("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"));
  utsname name{};
  if (::uname(&name) == 0)
    machine.system = std::string(name.sysname) + " " + name.release + " " + name.machine;
  return machine;
}

std::string describe(const Machine& machine) {
  std::string text = machine.cpu.empty() ? "unknown CPU" : machine.cpu;
  if (machine.cores == machine.cores_all)
    text += ", " + std::to_string(machine.cores) + (machine.cores == 1 ? " core" : " cores");
  else
    text += ", " + std::to_string(machine.cores) + " of " + std::to_string(machine.cores_all) +
            " cores";
  if (machine.is_virtual) text += ", virtual";
  if (!machine.governor.empty()) text += ", governor " + machine.governor;
  if (!machine.system.empty()) text += ", " + machine.system;
  return text;
}

}  // namespace troupe::bench::harness
