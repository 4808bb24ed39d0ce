#include "actors/devices.hpp"

#include <charconv>
#include <optional>

#include "actors/cuda_probe.hpp"
#include "kernels/cpu/cpu_device.hpp"
#include "kernels/cpu/encoder_cache.hpp"
#include "kernels/cuda/cuda_device.hpp"

namespace troupe::actors {
namespace {

// Whether a GPU can do all that may be asked of the models.
Status check_for_gpu(const std::string& device, const std::vector<ModelToRun>& models) {
  for (const auto& model : models) {
    if (model.bert == nullptr)
      return Error{ErrorCode::unsupported,
                   "device '" + device + "' cannot take model '" + model.name +
                       "' on demand: a GPU takes its models when the node starts",
                   "leave the model at load = \"start\", or use \"cpu\""};
    if (model.precision != kernels::Precision::f32)
      return Error{ErrorCode::unsupported,
                   "device '" + device + "' cannot run model '" + model.name +
                       "' with precision = \"bf16\": a GPU has a half precision of its own",
                   "leave the model at \"f32\", or use \"cpu\""};
  }
  return {};
}

std::vector<std::shared_ptr<const kernels::BertModel>> weights_of(
    const std::vector<ModelToRun>& models) {
  std::vector<std::shared_ptr<const kernels::BertModel>> weights;
  weights.reserve(models.size());
  for (const auto& model : models) weights.push_back(model.bert);
  return weights;
}

}  // namespace

std::optional<int> cuda_number(std::string_view device) {
  constexpr std::string_view prefix = "cuda:";
  if (!device.starts_with(prefix)) return std::nullopt;
  int number = -1;
  const char* const end = device.data() + device.size();
  const auto read = std::from_chars(device.data() + prefix.size(), end, number);
  if (read.ec != std::errc() || read.ptr != end || number < 0) return std::nullopt;
  return number;
}

Result<std::vector<std::shared_ptr<kernels::Device>>> open_devices(
    const std::vector<std::string>& names, const std::vector<ModelToRun>& models,
    const std::vector<kernels::ServedPolicy>& policies,
    const std::shared_ptr<const kernels::MemoryStore>& memory, Log& log) {
  if (names.empty())
    return Error{ErrorCode::config, "a node needs at least one device", "set devices = [\"cpu\"]"};
  std::vector<std::shared_ptr<kernels::Device>> devices;
  const auto encoders = std::make_shared<kernels::cpu::EncoderCache>();  // weights once for all
  for (const auto& name : names) {
    if (const auto number = cuda_number(name)) {
      if (auto good = check_for_gpu(name, models); !good) return good.error();
      kernels::CudaDeviceOptions options;
      options.name = name;
      options.description = "a GPU through CUDA, half precision";
      options.models = weights_of(models);
      options.policies = policies;
      options.memory = memory;
      options.open = [number] { return open_gpu(*number); };
      auto device = kernels::open_cuda_device(std::move(options));
      if (!device)
        return Error{device.error().code,
                     "device '" + name + "' cannot be opened: " + device.error().what,
                     "use \"cpu\" or \"auto\""};
      log.info("a device is ready", {{"device", (*device)->info().name},
                                     {"description", (*device)->info().description}});
      devices.push_back(std::move(*device));
      continue;
    }
    if (name != "cpu" && name != "auto")
      return Error{ErrorCode::config, "'" + name + "' is not a device",
                   "use \"cpu\", \"auto\" or \"cuda:0\""};
    if (name == "auto") log.info("using the CPU: " + why_no_cuda());

    kernels::CpuDeviceOptions options;
    options.name = "cpu:" + std::to_string(devices.size());
    options.models = weights_of(models);
    for (const auto& model : models) options.precisions.push_back(model.precision);
    options.policies = policies;
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
