#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>

#include "actors/cuda_probe.hpp"
#include "actors/devices.hpp"
#include "apps/doctor/examine.hpp"
#include "apps/doctor/gpus.hpp"
#include "apps/doctor/product.hpp"
#include "kernels/cpu/select.hpp"

namespace troupe::apps::doctor {
namespace {

constexpr int capability_major_min = 8;  // what the plug-in's kernels are compiled for

std::string scientific(double number) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1e", number);
  return text.data();
}

// A product's part of a finding; false when it is too far off.
bool add_product(Finding& finding, std::string_view format, const std::string& size, double error) {
  const bool good = error <= product_error_max;
  finding.facts["products"].push_back(
      {{"format", format}, {"size", size}, {"error", error}, {"good", good}});
  finding.says += "; a product of " + size + " in " + std::string(format) +
                  (good ? " is right within " : " is OFF by ") + scientific(error);
  if (good) return true;
  finding.verdict = Verdict::wrong;
  finding.next_step = "do not use this device: it miscalculates; report it with `troupe version`";
  return false;
}

Finding examine_cpu() {
  namespace cpu = kernels::cpu;
  const auto chosen = cpu::find_tiles("");
  if (!chosen) return wrong("device cpu", chosen.error());
  const cpu::Tiles& tiles = **chosen;
  Finding finding{.about = "device cpu"};
  finding.says = std::string(tiles.description) + " kernels";
  auto instructions = nlohmann::json::array();
  for (const cpu::Tiles* each : cpu::supported_tiles()) instructions.push_back(each->name);
  finding.facts = {{"device", "cpu"},
                   {"instructions", tiles.name},
                   {"instructions_supported", instructions},
                   {"products", nlohmann::json::array()}};
  add_product(finding, "f32", cpu_product_size(),
              cpu_product_error(tiles, kernels::Precision::f32));
  add_product(finding, "bf16", cpu_product_size(),
              cpu_product_error(tiles, kernels::Precision::bf16));
  return finding;
}

Finding examine_gpu(const GpuFacts& gpu, bool asked_for) {
  const std::string name = "cuda:" + std::to_string(gpu.number);
  const std::string capability = std::to_string(gpu.major) + "." + std::to_string(gpu.minor);
  Finding finding{.about = "device " + name};
  finding.facts = {{"device", name},
                   {"name", gpu.name},
                   {"memory_bytes", gpu.memory_bytes},
                   {"compute_capability", capability},
                   {"products", nlohmann::json::array()}};
  finding.says =
      gpu.name + ", compute capability " + capability + ", " + gibibytes(gpu.memory_bytes);
  const auto bad = [&](const Error& why) {
    finding.verdict = asked_for ? Verdict::wrong : Verdict::note;
    finding.says += "; it cannot be used: " + why.what;
    finding.next_step = why.next_step;
    finding.facts["why_not"] = why.what;
    return finding;
  };
  if (gpu.major < capability_major_min)
    return bad({ErrorCode::unsupported, "the kernels need compute capability 8.0 or later",
                "use \"cpu\", or another GPU"});
  const auto opened = actors::open_gpu(gpu.number);
  if (!opened) return bad(opened.error());
  for (const auto& [number, format] :
       {std::pair(cuda::Number::f16, "f16"), std::pair(cuda::Number::f32, "f32")}) {
    const auto error = gpu_product_error(**opened, number);
    if (!error) return bad(error.error());
    if (!add_product(finding, format, gpu_product_size(), *error)) return finding;
  }
  return finding;
}

Finding examine_cuda(const DriverFacts& driver, bool asked_for) {
  const std::string plugin = actors::cuda_plugin_path();
  std::error_code failed;
  const bool plugin_found = std::filesystem::exists(plugin, failed);
  Finding finding{.about = "CUDA"};
  finding.facts = {
      {"driver_found", driver.found},
      {"driver_version", driver.version},
      {"cuda_version",
       driver.cuda_version == 0 ? std::string() : cuda_version_text(driver.cuda_version)},
      {"plugin", plugin},
      {"plugin_found", plugin_found}};
  const auto off = [&](const std::string& why, const char* next_step) {
    finding.verdict = asked_for ? Verdict::wrong : Verdict::note;
    finding.says = "off: " + why;
    finding.next_step = next_step;
    finding.facts["why_not"] = why;
    return finding;
  };
  if (!driver.why.empty())
    return off(driver.why, "for a GPU, install its driver, and in a container let it in");
  if (!plugin_found)
    return off("there is a driver, but no CUDA plug-in beside the program (" + plugin + ")",
               "build where nvcc is, with -DTROUPE_CUDA=ON, or use \"cpu\"");
  finding.says = "driver " + (driver.version.empty() ? "of unknown version" : driver.version) +
                 ", for CUDA up to " + cuda_version_text(driver.cuda_version) + "; plug-in " +
                 plugin;
  if (!asked_for) {
    finding.verdict = Verdict::note;
    finding.says += "; unused: " + actors::why_no_cuda();
    finding.next_step = "name a GPU in `devices` of a node, as in [\"cuda:0\"]";
  }
  return finding;
}

}  // namespace

void examine_devices(const std::vector<std::string>& devices, Findings& findings) {
  findings.push_back(examine_cpu());
  std::vector<int> wanted;
  for (const auto& device : devices)
    if (const auto number = actors::cuda_number(device)) wanted.push_back(*number);
  const DriverFacts driver = ask_driver();
  findings.push_back(examine_cuda(driver, !wanted.empty()));
  const auto is_wanted = [&](int number) {
    return std::find(wanted.begin(), wanted.end(), number) != wanted.end();
  };
  for (const GpuFacts& gpu : driver.gpus) {
    findings.push_back(examine_gpu(gpu, is_wanted(gpu.number)));
    std::erase(wanted, gpu.number);
  }
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  for (const int number : wanted)
    findings.push_back(
        wrong("device cuda:" + std::to_string(number),
              {ErrorCode::unsupported,
               "a node asks for this GPU, and " +
                   (driver.gpus.empty() ? "there is none: " + driver.why
                                        : "there are only " + std::to_string(driver.gpus.size())),
               "use \"cpu\" or \"auto\", or a GPU that is there"}));
}

}  // namespace troupe::apps::doctor
