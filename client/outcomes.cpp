// The stream of many tasks' outcomes (client.hpp).
#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <unordered_set>

#include "base/clock.hpp"
#include "client/client.hpp"
#include "client/session.hpp"

namespace troupe {

// Outlives the stream for as long as a task of it has no outcome.
struct Outcomes::Shared final : OutcomeSink {
  explicit Shared(std::size_t most) : pending_max(std::max<std::size_t>(1, most)) {}

  void deliver(TaskOutcome outcome) override {
    const std::lock_guard lock(mutex);
    pending.erase(pending.find(outcome.id));
    if (!gone) outcomes.push_back(std::move(outcome));
    changed.notify_all();
  }

  const std::size_t pending_max;
  std::mutex mutex;
  std::condition_variable changed;
  std::unordered_multiset<TaskId> pending;  // an id that is given twice is refused, and counts
  std::deque<TaskOutcome> outcomes;
  bool gone = false;
};

Outcomes::Outcomes(Client& client, std::size_t pending_max)
    : client_(client), shared_(std::make_shared<Shared>(pending_max)) {}

Outcomes::~Outcomes() {
  std::unordered_multiset<TaskId> left;
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->gone = true;
    left = shared_->pending;
  }
  for (const TaskId task : left) client_.cancel(task);
}

TaskId Outcomes::submit(TaskRequest request, std::string_view node) {
  if (request.id.is_none()) request.id = client_.session_->new_id();
  {
    std::unique_lock lock(shared_->mutex);
    shared_->changed.wait(lock, [&] { return shared_->pending.size() < shared_->pending_max; });
    shared_->pending.insert(request.id);
  }
  return client_.session_->submit(std::move(request), node, shared_);
}

std::optional<TaskOutcome> Outcomes::next(Duration limit) {
  std::unique_lock lock(shared_->mutex);
  const auto some = [&] { return !shared_->outcomes.empty() || shared_->pending.empty(); };
  // Until a moment that the clock can count to.
  const Instant end = later(now(), limit);
  while (!some()) {
    const Instant at = now();
    if (at >= end) return std::nullopt;
    shared_->changed.wait_for(lock, std::min<Duration>(end - at, std::chrono::hours(1)));
  }
  if (shared_->outcomes.empty()) return std::nullopt;
  TaskOutcome outcome = std::move(shared_->outcomes.front());
  shared_->outcomes.pop_front();
  return outcome;
}

}  // namespace troupe
