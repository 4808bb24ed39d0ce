#include <sched.h>
#include <sys/resource.h>
#include <sys/utsname.h>

#include <algorithm>
#include <fstream>
#include <optional>

#include "apps/doctor/examine.hpp"

namespace troupe::apps::doctor {
namespace {

constexpr std::uint64_t other_files = 256;  // of a node, beside its connections
constexpr std::uint64_t files_min = 1024;   // what a node without HTTP is at ease with

unsigned processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof(set), &set) != 0) return 1;
  return static_cast<unsigned>(CPU_COUNT(&set));
}

// "200000 100000" is two processors' time; nothing where there is no limit, or no control group.
std::optional<double> processor_quota() {
  std::ifstream file("/sys/fs/cgroup/cpu.max");
  double quota = 0;
  double period = 0;
  if (!(file >> quota >> period) || period <= 0) return std::nullopt;
  return quota / period;
}

std::optional<std::uint64_t> memory_quota() {
  std::ifstream file("/sys/fs/cgroup/memory.max");
  std::uint64_t bytes = 0;
  if (!(file >> bytes)) return std::nullopt;
  return bytes;
}

// A line of /proc/meminfo, in bytes; 0 where it is missing.
std::uint64_t memory_line(const std::string& name) {
  std::ifstream file("/proc/meminfo");
  std::string word;
  std::uint64_t kibibytes = 0;
  while (file >> word)
    if (word == name + ":" && file >> kibibytes) return kibibytes << 10;
  return 0;
}

struct Wishes {
  std::uint64_t cpu_devices = 0;
  std::uint64_t memory_bytes = 0;   // of what agents remember
  std::uint64_t files = files_min;  // of the node that wants most
};

Wishes wishes_of(const config::Config& config, const std::vector<std::string>& nodes) {
  Wishes wishes;
  for (const auto& node : config.nodes) {
    if (std::find(nodes.begin(), nodes.end(), node.name) == nodes.end()) continue;
    wishes.cpu_devices += static_cast<std::uint64_t>(
        std::count_if(node.devices.begin(), node.devices.end(),
                      [](const auto& device) { return !device.starts_with("cuda:"); }));
    wishes.memory_bytes += config.memory.bytes_max;
    if (!http_of(config, node.name).empty())
      wishes.files = std::max(wishes.files, config.http.connections_max + other_files);
  }
  return wishes;
}

Finding system_facts() {
  Finding finding{.about = "system"};
  utsname names{};
  if (::uname(&names) != 0) return wrong("system", {ErrorCode::io, "uname() fails", ""});
  finding.says = std::string(names.nodename) + ", " + names.sysname + " " + names.release + ", " +
                 names.machine;
  finding.facts = {{"host", names.nodename},
                   {"kernel", std::string(names.sysname) + " " + names.release},
                   {"architecture", names.machine}};
  return finding;
}

Finding processor_facts(const Wishes& wishes) {
  Finding finding{.about = "processors"};
  const unsigned count = processors();
  const auto quota = processor_quota();
  finding.says = std::to_string(count) + " for this process";
  finding.facts = {{"processors", count}, {"cpu_devices", wishes.cpu_devices}};
  double usable = count;
  if (quota && *quota < usable) {
    usable = *quota;
    finding.facts["quota"] = *quota;
    finding.says += ", of which the control group lets it have " +
                    std::to_string(static_cast<int>(*quota * 100)) + " %";
  }
  if (wishes.cpu_devices == 0) return finding;
  finding.says += "; the nodes here run " + std::to_string(wishes.cpu_devices) + " CPU device" +
                  (wishes.cpu_devices == 1 ? "" : "s") + ", a thread each";
  if (static_cast<double>(wishes.cpu_devices) > usable) {
    finding.verdict = Verdict::note;
    finding.next_step = "devices that share a processor wait for each other: have fewer `devices`";
  }
  return finding;
}

Finding memory_facts(const Wishes& wishes) {
  Finding finding{.about = "memory"};
  std::uint64_t total = memory_line("MemTotal");
  if (const auto quota = memory_quota()) total = std::min(total, *quota);
  const std::uint64_t available = std::min(total, memory_line("MemAvailable"));
  finding.says = gibibytes(total) + ", " + gibibytes(available) + " to be had";
  finding.facts = {{"bytes", total}, {"available_bytes", available}};
  if (wishes.memory_bytes > total) {
    finding.verdict = Verdict::note;
    finding.says += "; agents may remember " + gibibytes(wishes.memory_bytes);
    finding.next_step = "lower bytes_max in [memory], or have fewer nodes on this machine";
  }
  return finding;
}

Finding file_facts(const Wishes& wishes) {
  Finding finding{.about = "open files"};
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return wrong("open files", {ErrorCode::io, "the limit cannot be read", ""});
  const auto text = [](rlim_t files) {
    return files == RLIM_INFINITY ? std::string("no limit") : std::to_string(files);
  };
  // The program raises the soft limit itself, as far as the hard one.
  finding.says = text(limit.rlim_cur) + ", raised where needed to " + text(limit.rlim_max) +
                 "; a node here may need " + std::to_string(wishes.files);
  finding.facts = {{"soft", std::uint64_t{limit.rlim_cur}},
                   {"hard", std::uint64_t{limit.rlim_max}},
                   {"needed", wishes.files}};
  if (limit.rlim_max < wishes.files) {
    finding.verdict = Verdict::note;
    finding.next_step = "raise the limit (ulimit -Hn, LimitNOFILE), or lower connections_max";
  }
  return finding;
}

}  // namespace

void examine_machine(const config::Config* config, const std::vector<std::string>& nodes,
                     Findings& findings) {
  const Wishes wishes = config == nullptr ? Wishes() : wishes_of(*config, nodes);
  findings.push_back(system_facts());
  findings.push_back(processor_facts(wishes));
  findings.push_back(memory_facts(wishes));
  findings.push_back(file_facts(wishes));
}

}  // namespace troupe::apps::doctor
