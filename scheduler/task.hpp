// A task as the scheduler sees it: a small record of fixed size. What the task computes stays with
// whoever carries decisions out; the scheduler knows only its kind, its size, who it is for and
// when it is wanted.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "base/id.hpp"
#include "base/lane.hpp"
#include "base/time.hpp"

namespace troupe::scheduler {

// The numbers stand in recordings: append only.
enum class Operation : std::uint8_t { encode, recall, act };
inline constexpr std::uint32_t operations = 3;

constexpr std::string_view name(Operation operation) noexcept {
  constexpr std::string_view names[] = {"encode", "recall", "act"};
  return names[static_cast<std::size_t>(operation)];
}

// Tasks of one kind may share a batch.
struct Kind {
  Operation operation = Operation::encode;
  ModelId model;  // of encode the encoder, of act the policy; zero for recall, which needs none
  auto operator<=>(const Kind&) const = default;
};

// Whom a task is charged to: its tenant, of the tenant's work one workflow, of that one agent.
// Numbers that the node gave out; zero is a name like any other ("default", "none").
struct Account {
  TenantId tenant;
  std::uint32_t workflow = 0;
  std::uint64_t agent = 0;
  auto operator<=>(const Account&) const = default;
};

struct TaskRecord {
  TaskId id;
  Kind kind;
  Account account;
  std::uint32_t units = 1;   // of work, at least 1: tokens, thousands of rows to recall; 1 for act
  float weight = 1;          // of its outcome, where not everything can be had; above 0
  std::optional<Lane> lane;  // the one it asks for; unset: the scheduler decides by laxity
  Instant submitted;         // when the node accepted it
  Instant deadline = never;  // the outcome is worthless after it
};

}  // namespace troupe::scheduler
