// The rules of a recall that hold on every device: which ones make sense, how a query is brought to
// unit length, and what it means for a document that it was found.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "base/result.hpp"
#include "base/task.hpp"
#include "kernels/agent_memory.hpp"
#include "kernels/memory.hpp"

namespace troupe::kernels {

// The memories of one scope, sorted by name.
using Memories = std::span<const std::shared_ptr<const AgentMemory>>;

// Errors: invalid_argument (k, a query that is zero, not finite or too wide).
Status check_recall(const Recall& task);

// Whether the query is as wide as what the memories hold. Errors: invalid_argument.
Status check_width(const Recall& task, Memories memories);

// Appends the query, at unit length, and zeros up to `stride` numbers.
void append_unit(const Recall& task, std::size_t stride, std::vector<float>& to);

// Documents that were found are the last to make room, the best of all; only where the store
// forgets what was least recently recalled. Takes the memories' locks.
void mark_recalled(const MemoryStore& store, Memories memories, const Hits& hits);

}  // namespace troupe::kernels
