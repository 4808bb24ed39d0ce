// The CPU device: one thread that runs batches, urgent work let in between tiles.
//
// The thread lowers its own priority (nice) so that the short-lived threads which bring urgent work
// to it are not kept waiting by it. Work is never split over threads: a node with more cores runs
// more CPU devices.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "kernels/bert.hpp"
#include "kernels/device.hpp"
#include "kernels/memory.hpp"

namespace troupe::kernels {

struct CpuDeviceOptions {
  std::string name = "cpu:0";
  std::vector<std::shared_ptr<const BertModel>> models;  // by ModelId
  std::shared_ptr<const MemoryStore> memory;             // for Recall
  int nice = 5;                                          // 0 to 19, added to the thread's priority
  std::string instructions;  // "avx512", "avx2" or "generic"; empty: the fastest there is
};

// Packs the weights, measures a first guess of their cost and starts the thread; returns when the
// device can work. Beside its copy of the weights a device holds, for each model and lane, the
// activations of 512 tokens (or of the model's longest text), allocated here and never grown:
// larger batches run in slices. Errors: model_damaged, unsupported (instructions),
// invalid_argument.
Result<std::unique_ptr<Device>> open_cpu_device(CpuDeviceOptions options);

}  // namespace troupe::kernels
