// A task as the scheduler sees it: a small record of fixed size. What the task computes stays with
// whoever carries decisions out; the scheduler knows only its kind, its size and its deadline.
#pragma once

#include <compare>
#include <cstdint>

#include "base/id.hpp"
#include "base/lane.hpp"
#include "base/time.hpp"

namespace troupe::scheduler {

enum class Operation : std::uint8_t { encode, recall };

// Tasks of one kind may share a batch.
struct Kind {
  Operation operation = Operation::encode;
  ModelId model;  // zero for recall, which needs none
  auto operator<=>(const Kind&) const = default;
};

struct TaskRecord {
  TaskId id;
  Kind kind;
  TenantId tenant;
  std::uint32_t units = 1;   // of work: tokens for encode, thousands of rows for recall; at least 1
  Instant submitted;         // when the node accepted it
  Instant deadline = never;  // the outcome is worthless after it
};

}  // namespace troupe::scheduler
