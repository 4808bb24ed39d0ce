// What agents remember: for each agent a memory of unit vectors with document numbers, kept where
// the device can scan it (task Recall). One store per node, shared by its workers; saved to and
// loaded from a file by kernels/memory_file.hpp.
//
// Thread-safe: agents append while devices scan. Memory is accounted and bounded: what the vectors
// reserve counts, used or not, and an append over the bound is refused and changes nothing. While a
// memory grows its old and new rows exist for a moment side by side; that moment is not counted.
// The room of a single document that is forgotten stays with its memory, for the next one; a memory
// gives its room back when its last document is forgotten.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <shared_mutex>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/agent_id.hpp"
#include "base/result.hpp"
#include "kernels/agent_memory.hpp"

namespace troupe::kernels {

// Which document of a full memory makes room for a new one.
enum class Eviction : std::uint8_t {
  oldest,                   // the one whose vector was set first
  least_recently_recalled,  // the one neither set nor among a recall's hits for the longest time
};

struct MemoryOptions {
  RowFormat rows = RowFormat::f32;
  std::size_t documents_max = AgentMemory::documents_max;  // of one memory; at least 1
  Eviction eviction = Eviction::oldest;
};

class MemoryStore {
 public:
  using Memory = AgentMemory;

  explicit MemoryStore(std::uint64_t bytes_max, MemoryOptions options = {});

  // Adds one document; the vector is normalised on the way in. All vectors of one memory have the
  // same width. Remembering the same document number again replaces its vector. A memory that is
  // full by the options forgets another document for a new one.
  // Errors: invalid_argument (width, a vector that is zero or not finite, an agent id that does not
  // follow base/agent_id.hpp), queue_full (bytes_max).
  Status append(const AgentId& agent, std::uint64_t document, std::span<const float> vector);

  // Drops everything that agent remembers. Unknown agents are no error.
  void forget(const AgentId& agent);

  // Drops one document and says whether it was there. A running scan may still answer with it.
  bool forget(const AgentId& agent, std::uint64_t document);

  // A memory as a file holds it: rows [documents, width] of unit length, in the order in which they
  // make room, all numbers different.
  struct Image {
    AgentId agent;
    std::size_t width = 0;
    std::vector<std::uint64_t> documents;
    std::vector<float> rows;
  };

  // A memory that was not there, all of it or nothing; rows that the store's format can hold are
  // kept bit by bit. Where the options allow fewer documents, the last ones stay.
  // Errors: invalid_argument (as append(), rows that are not of unit length, a number twice, a
  // memory that is there already), queue_full.
  Status restore(const Image& image);

  // The memories that a Recall's scope names: one agent's, or "type/*" for all of a type, sorted by
  // name. Unknown agents give an empty list, a malformed scope invalid_argument.
  Result<std::vector<std::shared_ptr<const Memory>>> find(std::string_view scope) const;

  // Every memory, sorted by name.
  [[nodiscard]] std::vector<std::shared_ptr<const Memory>> all() const;

  [[nodiscard]] const MemoryOptions& options() const noexcept { return options_; }
  [[nodiscard]] std::uint64_t bytes_max() const noexcept { return bytes_max_; }
  [[nodiscard]] std::uint64_t bytes() const noexcept;
  [[nodiscard]] std::uint64_t documents() const noexcept;

  // Grows with each change of what is remembered, once it is made.
  [[nodiscard]] std::uint64_t changes() const noexcept;

 private:
  bool reserve(std::uint64_t bytes);
  void release(std::uint64_t bytes);
  Result<std::shared_ptr<Memory>> find_or_make(const AgentId& agent, std::size_t width);
  std::shared_ptr<Memory> find_memory(const AgentId& agent) const;
  Status make_room(Memory& memory);
  void close(Memory& memory);
  void changed() noexcept;

  const std::uint64_t bytes_max_;
  const MemoryOptions options_;
  mutable std::shared_mutex mutex_;  // taken before a Memory's, never after
  std::unordered_map<AgentId, std::shared_ptr<Memory>> memories_;  // guarded by mutex_
  std::atomic<std::uint64_t> bytes_ = 0;
  std::atomic<std::uint64_t> documents_ = 0;
  std::atomic<std::uint64_t> changes_ = 0;
};

}  // namespace troupe::kernels
