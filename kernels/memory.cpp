#include "kernels/memory.hpp"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <string>
#include <unordered_set>
#include <utility>

#include "base/assert.hpp"
#include "base/limits.hpp"
#include "base/units.hpp"

namespace troupe::kernels {
namespace {

// A memory's own record, its two names and its entry in the store.
constexpr std::uint64_t memory_bytes = sizeof(MemoryStore::Memory) + 256;
constexpr std::size_t capacity_first = 4;

Error refused(const std::string& what, std::uint64_t bytes_max) {
  return {ErrorCode::queue_full, what + " does not fit into " + format_bytes(bytes_max),
          "forget something or give the node more memory for recall"};
}

Status check_width(std::size_t width) {
  if (width > 0 && width <= limits::embedding_width_max) return {};
  return Error{ErrorCode::invalid_argument,
               "a vector of " + std::to_string(width) + " numbers to remember",
               "send 1 to " + std::to_string(limits::embedding_width_max)};
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

Status check_image(const MemoryStore::Image& image) {
  if (auto good = check_width(image.width); !good) return good;
  if (auto valid = parse_agent_id(to_string(image.agent)); !valid) return valid.error();
  const auto bad = [&](const std::string& what) {
    return Error{ErrorCode::invalid_argument, to_string(image.agent) + ": " + what, ""};
  };
  if (image.documents.empty() || image.documents.size() > AgentMemory::documents_max)
    return bad("a memory of " + std::to_string(image.documents.size()) + " documents");
  if (image.rows.size() != image.documents.size() * image.width)
    return bad("rows that do not fit its documents");
  const std::unordered_set<std::uint64_t> numbers(image.documents.begin(), image.documents.end());
  if (numbers.size() != image.documents.size()) return bad("a document stands there twice");
  for (std::size_t i = 0; i < image.documents.size(); ++i) {
    const auto length = length_of(std::span(image.rows).subspan(i * image.width, image.width));
    if (!length) return bad(length.error().what);
    // What bfloat16 may do to a unit vector, and a little more.
    if (std::abs(*length - 1) > 0.0045) return bad("a row that is not of unit length");
  }
  return {};
}

std::vector<std::shared_ptr<const AgentMemory>> sorted(
    std::vector<std::shared_ptr<const AgentMemory>> memories) {
  std::sort(memories.begin(), memories.end(),
            [](const auto& a, const auto& b) { return a->name() < b->name(); });
  return memories;
}

}  // namespace

MemoryStore::MemoryStore(std::uint64_t bytes_max, MemoryOptions options)
    : bytes_max_(bytes_max), options_(options) {
  TROUPE_ASSERT(options.documents_max >= 1 && options.documents_max <= AgentMemory::documents_max,
                "memories without room or with too much");
}

Status MemoryStore::append(const AgentId& agent, std::uint64_t document,
                           std::span<const float> vector) {
  if (auto good = check_width(vector.size()); !good) return good;
  const auto length = length_of(vector);
  if (!length) return length.error();
  for (;;) {
    auto found = find_or_make(agent, vector.size());
    if (!found) return found.error();
    Memory& memory = **found;
    if (memory.width() != vector.size())
      return Error{ErrorCode::invalid_argument,
                   memory.name() + " remembers vectors of width " + std::to_string(memory.width()) +
                       ", not " + std::to_string(vector.size()),
                   "use one model for one agent's memory"};
    const std::unique_lock lock(memory.mutex);
    if (memory.closed()) continue;  // between finding and locking it; the next look makes another
    if (!memory.contains(document)) {
      if (auto room = make_room(memory); !room) return room;
      documents_.fetch_add(1, std::memory_order_relaxed);
    }
    memory.put(document, vector, *length);
    changed();
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
  close(*memory);
  changed();
}

bool MemoryStore::forget(const AgentId& agent, std::uint64_t document) {
  {
    const auto memory = find_memory(agent);
    if (memory == nullptr) return false;
    const std::unique_lock lock(memory->mutex);
    if (!memory->forget(document)) return false;
    documents_.fetch_sub(1, std::memory_order_relaxed);
    changed();
    if (memory->size() > 0) return true;
  }
  // The last one is gone and its memory follows, unless somebody appended meanwhile.
  const std::unique_lock lock(mutex_);
  const auto found = memories_.find(agent);
  if (found == memories_.end()) return true;
  const auto memory = found->second;
  const std::unique_lock memory_lock(memory->mutex);
  if (memory->size() > 0) return true;
  memories_.erase(found);
  close(*memory);
  return true;
}

Status MemoryStore::restore(const Image& image) {
  if (auto good = check_image(image); !good) return good;
  const std::size_t first =
      image.documents.size() - std::min(image.documents.size(), options_.documents_max);
  const std::size_t documents = image.documents.size() - first;
  const std::unique_lock lock(mutex_);
  if (memories_.contains(image.agent))
    return Error{ErrorCode::invalid_argument,
                 to_string(image.agent) + " remembers something already",
                 "load memories before agents append to them"};
  const std::uint64_t bytes =
      memory_bytes + AgentMemory::bytes(documents, image.width, options_.rows);
  if (!reserve(bytes)) return refused("the memory of " + to_string(image.agent), bytes_max_);
  auto memory = std::make_shared<Memory>(to_string(image.agent), image.width, options_.rows);
  memory->reserve(documents);
  for (std::size_t i = first; i < image.documents.size(); ++i)
    memory->put(image.documents[i], std::span(image.rows).subspan(i * image.width, image.width), 1);
  documents_.fetch_add(documents, std::memory_order_relaxed);
  memories_.emplace(image.agent, std::move(memory));
  changed();
  return {};
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
  if (whole_type) {
    const std::shared_lock lock(mutex_);
    for (const auto& [agent, memory] : memories_) {
      if (agent.type == id->type) memories.push_back(memory);
    }
  } else if (auto memory = find_memory(*id)) {
    memories.push_back(std::move(memory));
  }
  return sorted(std::move(memories));
}

std::vector<std::shared_ptr<const MemoryStore::Memory>> MemoryStore::all() const {
  std::vector<std::shared_ptr<const Memory>> memories;
  {
    const std::shared_lock lock(mutex_);
    for (const auto& [agent, memory] : memories_) memories.push_back(memory);
  }
  return sorted(std::move(memories));
}

std::uint64_t MemoryStore::bytes() const noexcept {
  return bytes_.load(std::memory_order_relaxed);
}

std::uint64_t MemoryStore::documents() const noexcept {
  return documents_.load(std::memory_order_relaxed);
}

std::uint64_t MemoryStore::changes() const noexcept {
  return changes_.load(std::memory_order_acquire);
}

void MemoryStore::changed() noexcept {
  changes_.fetch_add(1, std::memory_order_release);
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

std::shared_ptr<MemoryStore::Memory> MemoryStore::find_memory(const AgentId& agent) const {
  const std::shared_lock lock(mutex_);
  const auto found = memories_.find(agent);
  return found == memories_.end() ? nullptr : found->second;
}

// A memory is made together with the room for its first documents, so that a refusal leaves nothing
// behind.
Result<std::shared_ptr<MemoryStore::Memory>> MemoryStore::find_or_make(const AgentId& agent,
                                                                       std::size_t width) {
  if (auto memory = find_memory(agent)) return memory;
  if (auto valid = parse_agent_id(to_string(agent)); !valid) return valid.error();
  const std::unique_lock lock(mutex_);
  if (const auto found = memories_.find(agent); found != memories_.end()) return found->second;
  std::size_t capacity = std::min(capacity_first, options_.documents_max);
  for (; capacity > 0; capacity /= 2) {
    if (!reserve(memory_bytes + AgentMemory::bytes(capacity, width, options_.rows))) continue;
    auto memory = std::make_shared<Memory>(to_string(agent), width, options_.rows);
    memory->reserve(capacity);
    memories_.emplace(agent, memory);
    return memory;
  }
  return refused("a memory for " + to_string(agent), bytes_max_);
}

// For one new document: a free slot, another document's, or new ones. Memories grow by a quarter,
// so that little is reserved in vain; near the bound by less, halving, so that the rows are still
// not copied for every document.
Status MemoryStore::make_room(Memory& memory) {
  if (memory.size() < memory.capacity()) return {};
  if (memory.size() >= options_.documents_max) {
    memory.evict();
    documents_.fetch_sub(1, std::memory_order_relaxed);
    return {};
  }
  std::size_t more = std::min(std::max(capacity_first, memory.capacity() / 4),
                              options_.documents_max - memory.capacity());
  for (; more > 0; more /= 2) {
    if (!reserve(AgentMemory::bytes(more, memory.width(), memory.format()))) continue;
    memory.reserve(memory.capacity() + more);
    return {};
  }
  return refused("one more document of " + memory.name(), bytes_max_);
}

void MemoryStore::close(Memory& memory) {
  documents_.fetch_sub(memory.size(), std::memory_order_relaxed);
  release(memory_bytes + AgentMemory::bytes(memory.capacity(), memory.width(), memory.format()));
  memory.close();
}

}  // namespace troupe::kernels
