// From the names in a config to open devices.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.hpp"
#include "base/result.hpp"
#include "kernels/bert.hpp"
#include "kernels/device.hpp"
#include "kernels/memory.hpp"
#include "kernels/policy.hpp"

namespace troupe::actors {

struct ModelToRun {
  std::string name;                                // for messages
  std::shared_ptr<const kernels::BertModel> bert;  // null: it is loaded on demand
  kernels::Precision precision = kernels::Precision::f32;
};

// N of "cuda:N".
std::optional<int> cuda_number(std::string_view device);

// By ModelId the models. "cpu", "auto" (the CPU and one log line saying why it is no GPU) or
// "cuda:N": an error when it is not there, or when a model wants what only the CPU does: bf16
// (a GPU has a half precision of its own), or to be loaded on demand.
Result<std::vector<std::shared_ptr<kernels::Device>>> open_devices(
    const std::vector<std::string>& names, const std::vector<ModelToRun>& models,
    const std::vector<kernels::ServedPolicy>& policies,
    const std::shared_ptr<const kernels::MemoryStore>& memory, Log& log);

}  // namespace troupe::actors
