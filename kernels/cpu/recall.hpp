// Exact nearest neighbours on the CPU: queries against every row of the memories in their scopes.
//
// Queries with the same scope are answered together, in one pass over the rows. An answer is
// bitwise the same whichever queries share the call, for one instruction set.
//
// Memories are read block by block under their own lock, which is let go at every yield point, so
// that agents can append meanwhile and an urgent recall may read the same memory inside the yield.
// A scan covers the documents that were there when it came to their memory; one that is forgotten
// or replaced meanwhile counts as it was when its block was read, or is missing.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "base/task.hpp"
#include "kernels/cpu/linear.hpp"
#include "kernels/cpu/tiles.hpp"
#include "kernels/memory.hpp"

namespace troupe::kernels::cpu {

// Makes the answers; owns its buffers. One thread at a time.
class Recaller {
 public:
  explicit Recaller(const Tiles& tiles);

  // For each task, in order, the k best by cosine; equal scores by document number, then by the
  // memory's name. Fewer than k where the scope holds fewer; none where nobody remembers anything.
  // Where the store forgets what was least recently recalled, hits count as recalled.
  // Errors of single tasks: invalid_argument (k, the scope, a query that is zero, not finite or of
  // another width than a memory in scope).
  std::vector<Result<Hits>> recall(const MemoryStore& store, std::span<const Recall* const> tasks,
                                   const YieldHook& yield);

  Result<Hits> recall(const MemoryStore& store, const Recall& task, const YieldHook& yield);

 private:
  struct Candidate {
    float score;
    std::uint64_t document;
    const AgentMemory* memory;
  };
  // A task that is being answered.
  struct Query {
    const Recall* task = nullptr;
    std::size_t answer = 0;       // which of the results it is
    std::vector<Candidate> best;  // a heap, the worst on top
    // Whether a score of this size could still get in.
    [[nodiscard]] bool wants(float score) const noexcept;
    void offer(const Candidate& candidate);
  };

  void answer_group(const MemoryStore& store, std::span<Query> group,
                    std::vector<Result<Hits>>& answers, const YieldHook& yield);
  void pack(std::span<const Query> queries);
  void scan(const AgentMemory& memory, std::span<Query> queries, const YieldHook& yield);
  void offer_block(const AgentMemory& memory, std::size_t first, std::size_t rows,
                   std::uint64_t clock, std::span<Query> queries);
  float score_exactly(const AgentMemory& memory, std::size_t slot, std::size_t query);
  void score_block(const AgentMemory& memory, std::size_t first, std::size_t rows,
                   std::size_t queries);
  static bool better(const Candidate& a, const Candidate& b) noexcept;
  static Hits hits_of(Query& query);

  const Tiles& tiles_;
  std::vector<float> queries_;        // [queries of a group, width], of unit length
  std::vector<float> scores_;         // [queries, rows of one block]
  std::vector<float> row_;            // one, to be scored again
  std::size_t floats_unyielded_ = 0;  // read since the last yield
};

}  // namespace troupe::kernels::cpu
