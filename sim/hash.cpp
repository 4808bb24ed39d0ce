#include "sim/hash.hpp"

#include <variant>

namespace troupe::sim {
namespace {

std::uint64_t bits(Instant at) noexcept {
  return static_cast<std::uint64_t>(at.time_since_epoch().count());
}
std::uint64_t bits(Duration duration) noexcept {
  return static_cast<std::uint64_t>(duration.count());
}

}  // namespace

void DecisionHash::add(const Step& step) noexcept {
  word(bits(step.at));
  word(step.event == nullptr ? 99 : step.event->index());
  word(step.wakeup ? bits(*step.wakeup) : 0);
  word(step.queued);
  word(step.launched);
  for (const auto& action : step.actions) {
    if (const auto* launch = std::get_if<scheduler::Launch>(&action)) {
      word(launch->worker.value);
      word(launch->batch.value);
      word(static_cast<std::uint64_t>(launch->entry) << 8U |
           static_cast<std::uint64_t>(launch->reason));
      word(static_cast<std::uint64_t>(launch->lane) << 8U |
           static_cast<std::uint64_t>(launch->kind.operation));
      word(launch->kind.model.value);
      word(bits(launch->predicted));
      word(bits(launch->worker_free));
      for (const TaskId id : launch->tasks) task(id);
    } else if (const auto* refuse = std::get_if<scheduler::Refuse>(&action)) {
      task(refuse->task);
      word(static_cast<std::uint64_t>(refuse->reason));
      word(bits(refuse->retry_after));
      word(bits(refuse->earliest_deadline));
    }
  }
}

}  // namespace troupe::sim
