// The CUDA device: one thread that owns a GPU's streams and feeds them.
//
// Ordinary batches go out in slices, at most two of them under way, on a stream of low priority.
// Urgent batches are launched at once on a stream of high priority, beside the slices that are
// under way and before those that are not; on request the slices give way to them, too. Recalls
// scan what agents remember in device memory, where it is kept up to date
// (kernels/cuda/resident_memories.hpp); an urgent recall waits for the scan that is under way.
//
// A call that fails fails the batch with `unreachable` and retires the device: batches that wait
// and all later ones are refused with the same error, to be sent elsewhere.
#pragma once

#include <cstdint>
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

// How urgent batches get into an ordinary one that is being encoded.
enum class BulkMethod : std::uint8_t {
  slices,     // between its slices, or beside them where the GPU has room
  resumable,  // its kernels stop between two tiles and go on afterwards, bitwise unchanged
};

// Who multiplies the large matrices of encoders.
enum class Products : std::uint8_t {
  own,  // a text's vector is bitwise the same in every batch
  // From 256 tokens on, in one go. Vectors of larger and of smaller batches may differ in their
  // last bits. Where cuBLAS cannot be opened it is as `own`, and the device's description says why.
  cublas,
};

struct CudaDeviceOptions {
  std::string name = "cuda:0";
  std::string description;                               // "NVIDIA H200"
  std::vector<std::shared_ptr<const BertModel>> models;  // by ModelId
  cuda::Number number = cuda::Number::f16;
  BulkMethod bulk = BulkMethod::slices;       // until a GPU has shown which is better
  Products products = Products::own;          // likewise
  std::vector<ServedPolicy> policies;         // by ModelId
  std::shared_ptr<const MemoryStore> memory;  // for Recall
  // Of device memory, for what agents remember, taken when the device opens. Zero: as much as the
  // store may ever hold, at most half of what is free when models and policies are there.
  std::uint64_t recall_bytes = 0;
  // Makes the GPU, on the device's thread; whoever it returns is let go there too.
  std::function<Result<std::shared_ptr<cuda::Gpu>>()> open;
};

// Brings the weights over and captures the graphs; returns when the device can work. Errors:
// model_damaged, invalid_argument, unsupported, too_large (device memory), unreachable.
Result<std::unique_ptr<Device>> open_cuda_device(CudaDeviceOptions options);

}  // namespace troupe::kernels
