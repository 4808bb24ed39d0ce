// What agents remember: for each agent a growing list of unit vectors with document numbers, kept
// where the device can scan it (task Recall). One store per node, shared by its workers.
//
// Thread-safe: agents append while devices scan. Memory is accounted and bounded: what the vectors
// reserve counts, used or not, and an append over the bound is refused and changes nothing. While a
// memory grows its old and new rows exist for a moment side by side; that moment is not counted.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/agent_id.hpp"
#include "base/result.hpp"

namespace troupe::kernels {

class MemoryStore {
 public:
  explicit MemoryStore(std::uint64_t bytes_max);

  // Adds one document; the vector is normalised on the way in. All vectors of one memory have the
  // same width. Remembering the same document number again replaces its vector.
  // Errors: invalid_argument (width, a vector that is zero or not finite, an agent id that does not
  // follow base/agent_id.hpp), queue_full (bytes_max).
  Status append(const AgentId& agent, std::uint64_t document, std::span<const float> vector);

  // Drops everything that agent remembers. Unknown agents are no error.
  void forget(const AgentId& agent);

  struct Memory {
    std::string name;  // "librarian/017"
    mutable std::shared_mutex mutex;
    std::size_t width = 0;                                  // never changes
    bool forgotten = false;                                 // guarded by mutex; then it is empty
    std::size_t capacity = 0;                               // in documents, guarded by mutex
    std::vector<std::uint64_t> documents;                   // guarded by mutex
    std::vector<float> rows;                                // [documents, width], guarded by mutex
    std::unordered_map<std::uint64_t, std::size_t> row_of;  // guarded by mutex
  };

  // The memories that a Recall's scope names: one agent's, or "type/*" for all of a type, sorted by
  // name. Unknown agents give an empty list, a malformed scope invalid_argument.
  Result<std::vector<std::shared_ptr<const Memory>>> find(std::string_view scope) const;

  [[nodiscard]] std::uint64_t bytes() const noexcept;
  [[nodiscard]] std::uint64_t documents() const noexcept;

 private:
  bool reserve(std::uint64_t bytes);
  void release(std::uint64_t bytes);
  Result<std::shared_ptr<Memory>> find_or_make(const AgentId& agent, std::size_t width);
  Status grow(Memory& memory);

  mutable std::shared_mutex mutex_;  // taken before a Memory's, never after
  std::unordered_map<AgentId, std::shared_ptr<Memory>> memories_;  // guarded by mutex_
  const std::uint64_t bytes_max_;
  std::atomic<std::uint64_t> bytes_ = 0;
  std::atomic<std::uint64_t> documents_ = 0;
};

}  // namespace troupe::kernels
