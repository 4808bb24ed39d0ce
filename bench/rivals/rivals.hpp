// The policies that ours is measured against, behind the same interface (scheduler/policy.hpp).
//
// They are simple on purpose: each is the rule that its system is known for, at its best. All are
// told the devices' true costs, drop what has expired while it waited, and never pay for deciding.
// None of them enters a running batch: none of the systems does.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "base/time.hpp"
#include "scheduler/policy.hpp"

namespace troupe::bench::rivals {

struct RivalOptions {
  std::uint32_t tasks_max = 32;  // per batch
  std::uint32_t queue_tasks_max = 65536;
  std::vector<std::uint32_t> preferred =
      {};  // Triton's preferred_batch_size, rising; none: tasks_max
  Duration latency_max = std::chrono::milliseconds(100);  // BentoML's max_latency, above zero
};

struct Rival {
  std::string_view name;
  std::string_view summary;
  std::unique_ptr<scheduler::Policy> (*make)(const RivalOptions& options) = nullptr;
};

std::span<const Rival> rivals();
const Rival* find_rival(std::string_view name);  // null if there is none

}  // namespace troupe::bench::rivals
