#include "actors/devices.hpp"

#include "actors/cuda_probe.hpp"
#include "kernels/cpu/cpu_device.hpp"
#include "kernels/cpu/encoder_cache.hpp"

namespace troupe::actors {
namespace {

bool is_cuda(const std::string& name) {
  return name.rfind("cuda:", 0) == 0;
}

}  // namespace

Result<std::vector<std::shared_ptr<kernels::Device>>> open_devices(
    const std::vector<std::string>& names,
    const std::vector<std::shared_ptr<const kernels::BertModel>>& models,
    const std::shared_ptr<const kernels::MemoryStore>& memory, Log& log) {
  if (names.empty())
    return Error{ErrorCode::config, "a node needs at least one device", "set devices = [\"cpu\"]"};
  std::vector<std::shared_ptr<kernels::Device>> devices;
  const auto encoders = std::make_shared<kernels::cpu::EncoderCache>();  // weights once for all
  for (const auto& name : names) {
    if (is_cuda(name))
      return Error{ErrorCode::unsupported,
                   "device '" + name + "' cannot be opened: " + why_no_cuda(),
                   "use \"cpu\" or \"auto\""};
    if (name != "cpu" && name != "auto")
      return Error{ErrorCode::config, "'" + name + "' is not a device",
                   "use \"cpu\", \"auto\" or \"cuda:0\""};
    if (name == "auto") log.info("using the CPU: " + why_no_cuda());

    kernels::CpuDeviceOptions options;
    options.name = "cpu:" + std::to_string(devices.size());
    options.models = models;
    options.encoders = encoders;
    options.memory = memory;
    auto device = kernels::open_cpu_device(std::move(options));
    if (!device) return device.error();
    log.info("a device is ready",
             {{"device", (*device)->info().name}, {"description", (*device)->info().description}});
    devices.push_back(std::move(*device));
  }
  return devices;
}

}  // namespace troupe::actors
