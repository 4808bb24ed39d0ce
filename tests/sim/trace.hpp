// What a run leaves behind: one Step for each call of a lane, in order. Checkers read nothing else.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "base/lane.hpp"
#include "scheduler/event.hpp"

namespace troupe::sim {

struct Step {
  Instant at;
  Lane lane = Lane::ordinary;
  const scheduler::Event* event = nullptr;  // null: advance()
  std::span<const scheduler::Action> actions;
  std::optional<Instant> wakeup;  // what the lane says of itself afterwards
  std::size_t queued = 0;
  std::size_t launched = 0;
};

// A number that differs, in all likelihood, when anything in the steps differs (FNV-1a by words).
class TraceHash {
 public:
  void add(const Step& step);
  [[nodiscard]] std::uint64_t value() const noexcept { return hash_; }

 private:
  void word(std::uint64_t value) noexcept { hash_ = (hash_ ^ value) * 0x100000001b3ULL; }
  void task(TaskId id) noexcept { word(id.high), word(id.low); }

  std::uint64_t hash_ = 0xcbf29ce484222325ULL;
};

}  // namespace troupe::sim
