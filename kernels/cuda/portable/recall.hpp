// Exact nearest neighbours over memories of different sizes: each query against the rows of the
// memories in its scope, the best kept.
//
// Two kernels. The first scores up to recall_rows_per_tile rows for up to recall_queries_per_tile
// queries and keeps the best of them, in order, as a list. The second merges lists until one is
// left. All lists of a launch have `keep` places, unused ones at their end with a score below all
// others. A score is bitwise the same whoever shares the launch.
#pragma once

#include "kernels/cuda/portable/stage.hpp"

namespace troupe::cuda {

constexpr std::uint32_t recall_rows_per_tile = 1024;
constexpr std::uint32_t recall_queries_per_tile = 4;
constexpr std::uint32_t recall_keep_max = 1024;
constexpr std::uint32_t recall_merge_max = 2048;  // candidates in the lists that one tile merges
constexpr float recall_nothing = -2.0F;           // the score of an unused place

struct RecallSlot {
  std::uint64_t document;
  std::uint64_t live;  // 0: nothing there
};

struct Candidate {
  float score;  // -1 to 1
  std::uint32_t memory;
  std::uint64_t document;
};

struct ScoreTile {
  const float* rows;        // [count, stride]
  const RecallSlot* slots;  // [count]
  std::uint32_t count;      // at most recall_rows_per_tile
  std::uint32_t memory;     // its number: in the order of names
  std::uint32_t query;      // first of `queries` neighbouring ones
  std::uint32_t queries;    // at most recall_queries_per_tile
  std::uint32_t list;       // where the first query's best go; the next one's `list_step` later
  std::uint32_t list_step;
};

struct Score {
  std::uint32_t stride;  // of rows and queries: a multiple of 4, zeros at the end
  std::uint32_t keep;    // a power of two, at most recall_keep_max
  std::uint32_t tiles_count;
  const ScoreTile* tiles;
  const float* queries;  // [queries, stride], of unit length
  Candidate* lists;      // [lists, keep]
};
int launch_score(const Score& arguments, Stream stream);

struct MergeTile {
  std::uint32_t first;  // of `count` neighbouring lists
  std::uint32_t count;  // count * keep is at most recall_merge_max
  std::uint32_t into;
  std::uint32_t unused;
};

struct Merge {
  std::uint32_t keep;
  std::uint32_t tiles_count;
  const MergeTile* tiles;
  Candidate* lists;
};
int launch_merge(const Merge& arguments, Stream stream);

}  // namespace troupe::cuda
