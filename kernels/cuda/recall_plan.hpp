// How a recall goes over the GPU: which pieces of memories are scored for which queries, and how
// the lists of the best are merged until each query has one.
//
// Where all lists do not fit the room that there is, the pieces are scored in rounds, and each
// round's best are merged with those of the rounds before. Only numbers: nothing here touches a
// GPU.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/cuda/portable/recall.hpp"
#include "kernels/cuda/resident_memories.hpp"

namespace troupe::cuda {

struct RecallPlan {
  struct Step {
    bool merges;          // else it scores
    std::uint32_t first;  // tile
    std::uint32_t count;
  };

  std::vector<ScoreTile> scores;
  std::vector<MergeTile> merges;
  std::vector<Step> steps;
  // Where query q's list is at the end: result + q * result_step.
  std::uint32_t result = 0;
  std::uint32_t result_step = 1;
};

// The fewest lists that a plan can do with.
constexpr std::uint32_t recall_lists_min(std::uint32_t queries) noexcept {
  return 4 * queries;
}

// At least one piece and one query; `keep` is a power of two up to recall_keep_max, `lists_max` at
// least recall_lists_min().
RecallPlan plan_recall(std::span<const ResidentMemories::Piece> pieces, std::uint32_t queries,
                       std::uint32_t keep, std::uint32_t lists_max);

}  // namespace troupe::cuda
