// Strong ids: a worker is not a batch, and the compiler knows.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace troupe {

// A small integer that only compares with its own kind.
template <class Tag>
struct Id {
  std::uint32_t value = 0;
  auto operator<=>(const Id&) const = default;
};

using WorkerId = Id<struct WorkerTag>;  // a device of this node, in the order of the config
using ModelId = Id<struct ModelTag>;    // a model of this node, in the order of the config
using TenantId = Id<struct TenantTag>;

// One launch on one device; unique within the life of a node.
struct BatchId {
  std::uint64_t value = 0;
  auto operator<=>(const BatchId&) const = default;
};

// 128 bits, unique across a cluster: `high` is random per process, `low` counts. Zero means none.
struct TaskId {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  auto operator<=>(const TaskId&) const = default;
  [[nodiscard]] bool is_none() const noexcept { return high == 0 && low == 0; }
};

std::string to_string(TaskId id);  // 32 lower-case hex digits
Result<TaskId> parse_task_id(std::string_view text);

// Hands out task ids. Not thread-safe: each thread or actor that submits owns one.
class TaskIdSource {
 public:
  // `seed` comes from the system's entropy in programs and from the test in tests; never zero.
  explicit TaskIdSource(std::uint64_t seed) noexcept : high_(seed == 0 ? 1 : seed) {}
  TaskId next() noexcept { return {high_, ++count_}; }

 private:
  std::uint64_t high_;
  std::uint64_t count_ = 0;
};

}  // namespace troupe

template <class Tag>
struct std::hash<troupe::Id<Tag>> {
  std::size_t operator()(troupe::Id<Tag> id) const noexcept { return id.value; }
};
template <>
struct std::hash<troupe::BatchId> {
  std::size_t operator()(troupe::BatchId id) const noexcept { return id.value; }
};
template <>
struct std::hash<troupe::TaskId> {
  std::size_t operator()(troupe::TaskId id) const noexcept {
    return id.high * 0x9e3779b97f4a7c15ULL ^ id.low * 0xc2b2ae3d27d4eb4fULL;
  }
};
