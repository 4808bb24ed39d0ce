// Exact nearest neighbours on the CPU: a query against every row of the memories in its scope.
//
// Memories are read block by block under their own lock, which is let go at every yield point, so
// that agents can append meanwhile and an urgent recall may read the same memory inside the yield.
// A scan covers the documents that were there when it came to their memory.
#pragma once

#include <vector>

#include "base/result.hpp"
#include "base/task.hpp"
#include "base/tensor.hpp"
#include "kernels/cpu/linear.hpp"
#include "kernels/cpu/tiles.hpp"
#include "kernels/memory.hpp"

namespace troupe::kernels::cpu {

// Makes the answers; owns its buffers. One thread at a time.
class Recaller {
 public:
  explicit Recaller(const Tiles& tiles);

  // The k best by cosine; equal scores by document number, then by the memory's name. Fewer than k
  // where the scope holds fewer; none where nobody remembers anything.
  // Errors: invalid_argument (k, the scope, a query that is zero, not finite or of another width
  // than a memory in scope).
  Result<Hits> recall(const MemoryStore& store, const Recall& task, const YieldHook& yield);

 private:
  struct Candidate {
    float score;
    std::uint64_t document;
    const MemoryStore::Memory* memory;
  };

  Status prepare(const Recall& task);
  void scan(const MemoryStore::Memory& memory, std::size_t k, const YieldHook& yield);
  void offer(const Candidate& candidate, std::size_t k);
  static bool better(const Candidate& a, const Candidate& b) noexcept;

  const Tiles& tiles_;
  FloatBuffer query_;                 // of unit length
  FloatBuffer scores_;                // of one block
  std::vector<Candidate> best_;       // a heap, the worst on top
  std::size_t floats_unyielded_ = 0;  // read since the last yield
};

}  // namespace troupe::kernels::cpu
