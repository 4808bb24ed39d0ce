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
#include "kernels/policy.hpp"

namespace troupe::kernels {

namespace cpu {
class EncoderCache;
}

struct CpuDeviceOptions {
  std::string name = "cpu:0";
  std::vector<std::shared_ptr<const BertModel>> models;  // by ModelId; null: load() may bring it
  std::vector<Precision> precisions;  // by ModelId; f32 for models beyond its end
  // Where the process's devices share their packed weights (kernels/cpu/encoder_cache.hpp); without
  // one, the device packs copies of its own.
  std::shared_ptr<cpu::EncoderCache> encoders;
  std::vector<ServedPolicy> policies;         // by ModelId; of these the device packs copies
  std::shared_ptr<const MemoryStore> memory;  // for Recall
  int nice = 5;                               // 0 to 19, added to the thread's priority
  std::string instructions;  // one of kernels/cpu/select.hpp; empty: the fastest there is
};

// Packs the weights if nobody has, measures a first guess of their cost and starts the thread;
// returns when the device can work. Beside the weights a device holds, for each model
// and lane, the activations of 512 tokens (or of the model's longest text) or 192 observations,
// allocated here and never grown: larger batches run in slices. Errors: model_damaged, unsupported
// (instructions), invalid_argument.
Result<std::unique_ptr<Device>> open_cpu_device(CpuDeviceOptions options);

}  // namespace troupe::kernels
