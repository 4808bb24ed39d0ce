// Exact nearest neighbours on the GPU: queries against every row of the memories in their scopes.
//
// Queries with the same scope share the scans. An answer is bitwise the same whoever shares them.
// Equal scores come by document number, then by the memory's name; what a recall sees of a memory
// that changes meanwhile is what kernels/cpu/recall.hpp says.
//
// Each lane has its own; all share the resident memories. A scan lets other kinds of urgent work in
// while it runs, and other scans when it has ended. One thread, the GPU's.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "base/task.hpp"
#include "kernels/cuda/buffer.hpp"
#include "kernels/cuda/gpu.hpp"
#include "kernels/cuda/recall_plan.hpp"
#include "kernels/cuda/resident_memories.hpp"
#include "kernels/cuda/stream_end.hpp"
#include "kernels/memory.hpp"

namespace troupe::cuda {

class Recaller {
 public:
  // Takes room for lists. Errors: too_large, unreachable.
  static Result<std::unique_ptr<Recaller>> open(Gpu& gpu, Stream stream, Bell& bell,
                                                std::shared_ptr<const kernels::MemoryStore> store,
                                                std::shared_ptr<ResidentMemories> residents);

  // One answer for each task, in their order. Errors of single tasks: invalid_argument, as on the
  // CPU; too_large where the device memory cannot hold what the scope remembers. Returned is what
  // is wrong with the GPU.
  Status recall(std::span<const Recall* const> tasks, std::vector<Result<Hits>>& answers,
                const Yield& yield);

 private:
  struct Query {
    const Recall* task;
    std::size_t answer;  // which of the answers it is
  };

  Recaller(Gpu& gpu, Stream stream, Bell& bell, std::shared_ptr<const kernels::MemoryStore> store,
           std::shared_ptr<ResidentMemories> residents)
      : gpu_(gpu),
        stream_(stream),
        store_(std::move(store)),
        residents_(std::move(residents)),
        end_(bell) {}
  Status answer_group(std::span<const Query> group, std::vector<Result<Hits>>& answers,
                      const Yield& yield);
  // Returns how many lists lie from one query's to the next one's. Errors: too_large when there is
  // no room for the plan; then nothing was launched.
  Result<std::size_t> scan(std::span<const Query> group,
                           std::span<const ResidentMemories::Piece> pieces, const Yield& yield);
  Status launch(const RecallPlan& plan);
  [[nodiscard]] Hits hits_of(const Query& query, std::size_t list,
                             kernels::Memories memories) const;

  Gpu& gpu_;
  Stream stream_;
  std::shared_ptr<const kernels::MemoryStore> store_;
  std::shared_ptr<ResidentMemories> residents_;
  StreamEnd end_;
  std::vector<float> queries_;  // [queries, stride]
  std::uint32_t stride_ = 0;
  std::uint32_t keep_ = 0;
  Buffer plan_;         // queries and tiles, in device memory
  Buffer plan_pinned_;  // the same, on their way
  Buffer lists_;        // candidates, in device memory
  Buffer results_;      // pinned: the queries' lists
};

}  // namespace troupe::cuda
