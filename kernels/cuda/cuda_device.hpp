// The CUDA device: one thread that owns a GPU's streams and feeds them.
//
// Ordinary batches go out in slices, at most two of them under way, on a stream of low priority.
// Urgent batches are launched at once on a stream of high priority, beside the slices that are
// under way and before those that are not. Texts are encoded on the GPU; everything else a batch
// may ask for is done by the device's thread, on the CPU.
//
// A call that fails fails the batch with `unreachable` and retires the device: batches that wait
// and all later ones are refused with the same error, to be sent elsewhere.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "kernels/bert.hpp"
#include "kernels/cuda/gpu.hpp"
#include "kernels/device.hpp"
#include "kernels/memory.hpp"
#include "kernels/policy.hpp"

namespace troupe::kernels {

struct CudaDeviceOptions {
  std::string name = "cuda:0";
  std::string description;                               // "NVIDIA H200"
  std::vector<std::shared_ptr<const BertModel>> models;  // by ModelId
  cuda::Number number = cuda::Number::f16;
  std::vector<ServedPolicy> policies;         // by ModelId
  std::shared_ptr<const MemoryStore> memory;  // for Recall
  // Makes the GPU, on the device's thread; whoever it returns is let go there too.
  std::function<Result<std::shared_ptr<cuda::Gpu>>()> open;
};

// Brings the weights over and captures the graphs; returns when the device can work. Errors:
// model_damaged, invalid_argument, unsupported, too_large (device memory), unreachable.
Result<std::unique_ptr<Device>> open_cuda_device(CudaDeviceOptions options);

}  // namespace troupe::kernels
