// Turns a Batch into its results on a GPU: checks each item, encodes the good ones in slices,
// answers recalls together, and decides together. What is wrong with one item becomes that item's
// Error and disturbs no other.
//
// Each lane has a runner of its own, with streams of its priority and buffers that never move, so
// that an urgent batch runs while an ordinary one waits for the GPU in the middle of another. One
// thread, the GPU's.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "kernels/cuda/encoder.hpp"
#include "kernels/cuda/policy.hpp"
#include "kernels/cuda/recaller.hpp"
#include "kernels/cuda/resident_memories.hpp"
#include "kernels/cuda/stream_end.hpp"
#include "kernels/device.hpp"
#include "kernels/memory.hpp"

namespace troupe::cuda {

// What the runners of a device share; it outlives them.
struct Shared {
  Gpu* gpu = nullptr;
  Bell* bell = nullptr;
  std::vector<std::shared_ptr<const Encoder>> encoders;  // by ModelId
  Policies policies;                                     // by ModelId
  std::shared_ptr<const kernels::MemoryStore> store;     // null: recalls fail
  std::shared_ptr<ResidentMemories> residents;           // null without a store
  // Pinned, not zero while urgent batches wait; none where ordinary ones run in one go.
  const std::uint32_t* yield_word = nullptr;
  bool blas = false;  // large products are cuBLAS's
};

class BatchRunner {
 public:
  // `slices` of a batch's texts may be under way at a time; each has a stream. Errors: too_large
  // (device memory), unreachable.
  static Result<std::unique_ptr<BatchRunner>> open(const Shared& shared, bool urgent,
                                                   std::size_t slices);
  ~BatchRunner();
  BatchRunner(const BatchRunner&) = delete;
  BatchRunner& operator=(const BatchRunner&) = delete;

  // One result for each item, in their order. The batch names a model that is there. Returned is
  // what is wrong with the GPU, after which it runs nothing any more.
  Status run(const kernels::Batch& batch, std::vector<kernels::ItemResult>& results,
             const Yield& yield);

 private:
  // Where one slice runs: the slots of all models on one stream.
  struct Place {
    explicit Place(Bell& bell) : end(bell) {}
    Stream stream = nullptr;
    std::vector<std::unique_ptr<EncoderSlot>> slots;  // by ModelId
    std::vector<std::size_t> items;                   // of the batch: what runs there
    StreamEnd end;
  };
  using Results = std::vector<kernels::ItemResult>;

  explicit BatchRunner(const Shared& shared) : shared_(shared) {}
  Status open_places(bool urgent, std::size_t slices);
  Status open_others();
  Status encode_all(const kernels::Batch& batch, Results& results, const Yield& yield);
  Status start(const kernels::Batch& batch, Place& place);
  Status finish(const kernels::Batch& batch, Place& place, Results& results, const Yield& yield);
  Status recall_all(const kernels::Batch& batch, Results& results, const Yield& yield);
  Status act_all(const kernels::Batch& batch, Results& results, const Yield& yield);

  const Shared& shared_;
  std::vector<std::unique_ptr<Place>> places_;
  std::unique_ptr<Recaller> recaller_;      // null without a store
  std::unique_ptr<PolicyRunner> policies_;  // null without policies
};

}  // namespace troupe::cuda
