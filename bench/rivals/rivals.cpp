#include "bench/rivals/rivals.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <map>

#include "bench/rivals/queueing.hpp"

namespace troupe::bench::rivals {
namespace {

using scheduler::Kind;
using scheduler::TaskRecord;
using std::chrono::milliseconds;

// Urgent work that states no deadline is wanted at once.
std::int64_t by_deadline(const TaskRecord& task) {
  const bool at_once = task.lane == Lane::urgent && task.deadline == never;
  return (at_once ? task.submitted : task.deadline).time_since_epoch().count();
}
std::int64_t by_priority(const TaskRecord& task) {
  return task.lane == Lane::urgent ? 0 : 1;
}
Instant oldest(const Queue& queue) {
  return queue.arrivals.begin()->second;
}
// What a queue that is ordered by deadline must be in time for.
Instant wanted(const Queue& queue) {
  return Instant(Duration(std::get<0>(queue.tasks.begin()->first)));
}

// Every task alone, first come first served: no batching at all.
class Immediate final : public Queueing {
 public:
  using Queueing::Queueing;
  std::int64_t rank(const TaskRecord&) const override { return 0; }
  Instant due(Instant now, const Kind&, const Queue&, const Machine&) const override { return now; }
  std::size_t size(Instant, const Kind&, const Queue&, const Machine&) const override { return 1; }
};

// Triton's dynamic batcher with two priority levels (core/src/dynamic_batch_scheduler.cc): a batch
// goes when it has a preferred size or is full, or with all that wait when its oldest task has
// waited max_queue_delay; with a delay of zero, as soon as an instance is free.
template <int delay_ms>
class FixedWindow final : public Queueing {
 public:
  using Queueing::Queueing;
  std::int64_t rank(const TaskRecord& task) const override { return by_priority(task); }
  Instant due(Instant now, const Kind&, const Queue& queue, const Machine&) const override {
    if (queue.tasks.size() >= options().tasks_max || preferred(queue) > 0) return now;
    return std::max(now, oldest(queue) + milliseconds(delay_ms));
  }
  std::size_t size(Instant now, const Kind& kind, const Queue& queue,
                   const Machine& machine) const override {
    const bool over = delay_ms > 0 && now >= oldest(queue) + milliseconds(delay_ms);
    const std::size_t tasks = over ? 0 : preferred(queue);
    return tasks > 0 ? tasks : Queueing::size(now, kind, queue, machine);
  }

 private:
  // The largest preferred size that can be had; zero if none can.
  std::size_t preferred(const Queue& queue) const {
    const std::size_t most = std::min<std::size_t>(queue.tasks.size(), options().tasks_max);
    std::size_t best = 0;
    for (const std::size_t tasks : options().preferred)
      if (tasks <= most) best = std::max(best, tasks);
    return best;
  }
};

// BentoML's adaptive batching (_internal/marshal/dispatcher.py): waits for one more task as long as
// what those in the queue lose by it is less than 0.95 of what the oldest have lost in its latest
// batches, so that the waiting dies out where it does not pay; sheds the oldest when it cannot be
// in time together with all others. Better off than the original in this: it needs not learn its
// line, has no tick of 1 ms, forgets within 8 batches (not 50, seen every 5 s), and serves in order
// of arrival.
class BentoMl final : public Queueing {
 public:
  using Queueing::Queueing;
  std::int64_t rank(const TaskRecord&) const override { return 0; }
  Instant due(Instant now, const Kind& kind, const Queue& queue,
              const Machine& machine) const override {
    const std::size_t tasks = queue.tasks.size();
    if (tasks >= options().tasks_max) return now;
    const Duration one = machine.cost(kind, 1) - machine.cost(kind, 0);
    const auto waits = waits_.find(kind);
    const double mean = waits == waits_.end() ? first_wait_ns : waits->second.mean();
    const Duration bound(static_cast<Duration::rep>(0.95 * mean / static_cast<double>(tasks)));
    const Duration needs = machine.cost(kind, queue.units);
    const Instant in_time = oldest(queue) + options().latency_max - needs - Duration(1);  // unshed
    return std::max(now, std::min(in_time, queue.arrivals.rbegin()->second + bound - one));
  }
  bool sheds(Instant now, const Queue& queue, Duration all) const override {
    return now >= sheds_at(queue, all);
  }
  Instant sheds_at(const Queue& queue, Duration all) const override {
    const bool alone = queue.tasks.size() == 1;
    return oldest(queue) + options().latency_max - (alone ? Duration{} : all);
  }
  void launched_after(const Kind& kind, Duration waited) override { waits_[kind].add(waited); }

 private:
  static constexpr double first_wait_ns = 1e7;

  struct Waits {
    static constexpr std::size_t kept = 8;
    std::deque<double> latest;
    double sum = 0;
    void add(Duration waited) {
      latest.push_back(static_cast<double>(waited.count()));
      sum += latest.back();
      if (latest.size() <= kept) return;
      sum -= latest.front();
      latest.pop_front();
    }
    [[nodiscard]] double mean() const { return sum / static_cast<double>(latest.size()); }
  };
  std::map<Kind, Waits> waits_;
};

// Whatever waits, earliest deadline first, the moment a device is free; what cannot be in time any
// more is dropped.
class EagerEdf final : public Queueing {
 public:
  using Queueing::Queueing;
  std::int64_t rank(const TaskRecord& task) const override { return by_deadline(task); }
  Instant due(Instant now, const Kind&, const Queue&, const Machine&) const override { return now; }
  bool drops_hopeless() const override { return true; }
};

// Symphony's deferral by itself: a batch goes when it is full or at the latest instant at which,
// with one more task, it would still be in time; it is no larger than its first deadline allows,
// and what cannot be in time any more is dropped. Without a deadline there is no reason to wait.
class Deferral final : public Queueing {
 public:
  using Queueing::Queueing;
  std::int64_t rank(const TaskRecord& task) const override { return by_deadline(task); }
  Instant due(Instant now, const Kind& kind, const Queue& queue,
              const Machine& machine) const override {
    if (queue.tasks.size() >= options().tasks_max || wanted(queue) == never) return now;
    const Duration one_more = machine.cost(kind, queue.units + queue.units / queue.tasks.size());
    return std::max(now, wanted(queue) - one_more);
  }
  std::size_t size(Instant now, const Kind& kind, const Queue& queue,
                   const Machine& machine) const override {
    const std::size_t most = std::min<std::size_t>(queue.tasks.size(), options().tasks_max);
    if (wanted(queue) <= now) return most;  // urgent, and states no deadline
    std::size_t units = 0;
    std::size_t tasks = 0;
    for (auto task = queue.tasks.begin(); tasks < most; ++task, ++tasks) {
      units += units_of(task->second);
      if (later(now, machine.cost(kind, units)) > wanted(queue)) break;
    }
    return std::max<std::size_t>(tasks, 1);
  }
  bool drops_hopeless() const override { return true; }
};

template <class Policy>
std::unique_ptr<scheduler::Policy> make(const RivalOptions& options) {
  return std::make_unique<Policy>(options);
}

constexpr std::array<Rival, 7> all = {{
    {"immediate", "every task alone, first come first served", make<Immediate>},
    {"triton", "Triton: batches without delay, two priorities", make<FixedWindow<0>>},
    {"triton-2ms", "Triton: max_queue_delay 2 ms, two priorities", make<FixedWindow<2>>},
    {"triton-100ms", "Triton: max_queue_delay 100 ms, two priorities", make<FixedWindow<100>>},
    {"bentoml", "BentoML: adaptive waiting, sheds after 100 ms", make<BentoMl>},
    {"eager_edf", "what waits, earliest deadline first, at once", make<EagerEdf>},
    {"deferral", "as late as the first deadline allows", make<Deferral>},
}};

}  // namespace

std::span<const Rival> rivals() {
  return all;
}

const Rival* find_rival(std::string_view name) {
  const auto found = std::ranges::find(all, name, &Rival::name);
  return found == all.end() ? nullptr : &*found;
}

}  // namespace troupe::bench::rivals
