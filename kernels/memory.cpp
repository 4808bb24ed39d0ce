#include "kernels/memory.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/limits.hpp"
#include "base/units.hpp"

namespace troupe::kernels {
namespace {

// What the containers take besides the numbers themselves: an index entry's node and bucket, a
// memory's own record, its two names and its entry in the store.
constexpr std::uint64_t index_entry_bytes = 40;
constexpr std::uint64_t memory_bytes = sizeof(MemoryStore::Memory) + 256;
constexpr std::size_t capacity_first = 4;

std::uint64_t document_bytes(std::size_t width) {
  return width * sizeof(float) + sizeof(std::uint64_t) + index_entry_bytes;
}

Error refused(const std::string& what, std::uint64_t bytes_max) {
  return {ErrorCode::queue_full, what + " does not fit into " + format_bytes(bytes_max),
          "forget something or give the node more memory for recall"};
}

// The vector's length, or an error for one that has no direction.
Result<double> length_of(std::span<const float> vector) {
  double squares = 0;
  for (const float x : vector) squares += static_cast<double>(x) * static_cast<double>(x);
  if (!std::isfinite(squares))
    return Error{ErrorCode::invalid_argument, "a vector to remember that is not finite", ""};
  if (squares == 0)
    return Error{ErrorCode::invalid_argument, "a vector to remember that is all zeros", ""};
  return std::sqrt(squares);
}

void write_unit(std::span<const float> vector, double length, float* row) {
  for (std::size_t i = 0; i < vector.size(); ++i)
    row[i] = static_cast<float>(static_cast<double>(vector[i]) / length);
}

}  // namespace

MemoryStore::MemoryStore(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}

Status MemoryStore::append(const AgentId& agent, std::uint64_t document,
                           std::span<const float> vector) {
  if (vector.empty() || vector.size() > limits::embedding_width_max)
    return Error{ErrorCode::invalid_argument,
                 "a vector of " + std::to_string(vector.size()) + " numbers to remember",
                 "send 1 to " + std::to_string(limits::embedding_width_max)};
  const auto length = length_of(vector);
  if (!length) return length.error();
  for (;;) {
    auto found = find_or_make(agent, vector.size());
    if (!found) return found.error();
    Memory& memory = **found;
    if (memory.width != vector.size())
      return Error{ErrorCode::invalid_argument,
                   memory.name + " remembers vectors of width " + std::to_string(memory.width) +
                       ", not " + std::to_string(vector.size()),
                   "use one model for one agent's memory"};
    const std::unique_lock lock(memory.mutex);
    if (memory.forgotten) continue;  // between finding and locking it; the next look makes another
    if (const auto row = memory.row_of.find(document); row != memory.row_of.end()) {
      write_unit(vector, *length, memory.rows.data() + row->second * memory.width);
      return {};
    }
    if (memory.documents.size() == memory.capacity) {
      if (auto grown = grow(memory); !grown) return grown;
    }
    const std::size_t row = memory.documents.size();
    memory.row_of.emplace(document, row);
    memory.documents.push_back(document);
    memory.rows.resize((row + 1) * memory.width);
    write_unit(vector, *length, memory.rows.data() + row * memory.width);
    documents_.fetch_add(1, std::memory_order_relaxed);
    return {};
  }
}

void MemoryStore::forget(const AgentId& agent) {
  std::shared_ptr<Memory> memory;
  {
    const std::unique_lock lock(mutex_);
    const auto found = memories_.find(agent);
    if (found == memories_.end()) return;
    memory = std::move(found->second);
    memories_.erase(found);
  }
  // A scan may still hold the memory; it finds it empty at its next block.
  const std::unique_lock lock(memory->mutex);
  memory->forgotten = true;
  documents_.fetch_sub(memory->documents.size(), std::memory_order_relaxed);
  release(memory_bytes + memory->capacity * document_bytes(memory->width));
  memory->capacity = 0;
  std::vector<std::uint64_t>().swap(memory->documents);
  std::vector<float>().swap(memory->rows);
  std::unordered_map<std::uint64_t, std::size_t>().swap(memory->row_of);
}

Result<std::vector<std::shared_ptr<const MemoryStore::Memory>>> MemoryStore::find(
    std::string_view scope) const {
  const bool whole_type = scope.size() > 2 && scope.substr(scope.size() - 2) == "/*";
  // "type/*" is no agent id; the type alone is checked with a key that is fine.
  const auto id = parse_agent_id(whole_type ? std::string(scope.substr(0, scope.size() - 1)) + "x"
                                            : std::string(scope));
  if (!id)
    return Error{ErrorCode::invalid_argument,
                 "'" + std::string(scope.substr(0, 2 * limits::name_bytes_max)) +
                     "' is no scope to recall from",
                 "write an agent's id, like librarian/017, or librarian/* for all of a type"};
  std::vector<std::shared_ptr<const Memory>> memories;
  const std::shared_lock lock(mutex_);
  if (whole_type) {
    for (const auto& [agent, memory] : memories_) {
      if (agent.type == id->type) memories.push_back(memory);
    }
    std::sort(memories.begin(), memories.end(),
              [](const auto& a, const auto& b) { return a->name < b->name; });
  } else if (const auto found = memories_.find(*id); found != memories_.end()) {
    memories.push_back(found->second);
  }
  return memories;
}

std::uint64_t MemoryStore::bytes() const noexcept {
  return bytes_.load(std::memory_order_relaxed);
}

std::uint64_t MemoryStore::documents() const noexcept {
  return documents_.load(std::memory_order_relaxed);
}

bool MemoryStore::reserve(std::uint64_t bytes) {
  std::uint64_t current = bytes_.load(std::memory_order_relaxed);
  do {
    if (bytes > bytes_max_ || current > bytes_max_ - bytes) return false;
  } while (!bytes_.compare_exchange_weak(current, current + bytes, std::memory_order_relaxed));
  return true;
}

void MemoryStore::release(std::uint64_t bytes) {
  bytes_.fetch_sub(bytes, std::memory_order_relaxed);
}

// A memory is made together with the room for its first documents, so that a refusal leaves nothing
// behind.
Result<std::shared_ptr<MemoryStore::Memory>> MemoryStore::find_or_make(const AgentId& agent,
                                                                       std::size_t width) {
  {
    const std::shared_lock lock(mutex_);
    if (const auto found = memories_.find(agent); found != memories_.end()) return found->second;
  }
  if (auto valid = parse_agent_id(to_string(agent)); !valid) return valid.error();
  const std::unique_lock lock(mutex_);
  if (const auto found = memories_.find(agent); found != memories_.end()) return found->second;
  for (std::size_t capacity = capacity_first; capacity > 0; capacity /= 2) {
    if (!reserve(memory_bytes + capacity * document_bytes(width))) continue;
    auto memory = std::make_shared<Memory>();
    memory->name = to_string(agent);
    memory->width = width;
    memory->capacity = capacity;
    memory->rows.reserve(capacity * width);
    memory->documents.reserve(capacity);
    memories_.emplace(agent, memory);
    return memory;
  }
  return refused("a memory for " + to_string(agent), bytes_max_);
}

// By a quarter, so that little is reserved in vain; near the bound by less, halving, so that the
// rows are still not copied for every document.
Status MemoryStore::grow(Memory& memory) {
  const std::uint64_t each = document_bytes(memory.width);
  for (std::size_t more = std::max(capacity_first, memory.capacity / 4); more > 0; more /= 2) {
    if (!reserve(more * each)) continue;
    memory.capacity += more;
    memory.rows.reserve(memory.capacity * memory.width);
    memory.documents.reserve(memory.capacity);
    return {};
  }
  return refused("one more document of " + memory.name, bytes_max_);
}

}  // namespace troupe::kernels
