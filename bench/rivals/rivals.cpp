#include "bench/rivals/rivals.hpp"

#include <algorithm>
#include <array>

#include "bench/rivals/queueing.hpp"

namespace troupe::bench::rivals {
namespace {

using scheduler::Kind;
using scheduler::TaskRecord;
using std::chrono::milliseconds;

std::int64_t by_deadline(const TaskRecord& task) {
  return task.deadline.time_since_epoch().count();
}
std::int64_t by_priority(const TaskRecord& task) {
  return task.lane == Lane::urgent ? 0 : 1;
}
Instant oldest(const Queue& queue) {
  return queue.arrivals.begin()->second;
}

// Every task alone, first come first served: no batching at all.
class Immediate final : public Queueing {
 public:
  using Queueing::Queueing;
  std::int64_t rank(const TaskRecord&) const override { return 0; }
  Instant due(Instant now, const Kind&, const Queue&, const Machine&) const override { return now; }
  std::size_t size(Instant, const Kind&, const Queue&, const Machine&) const override { return 1; }
};

// Triton's dynamic batcher with two priority levels: a batch goes when it is full or when its
// oldest task has waited max_queue_delay; with a delay of zero, as soon as an instance is free.
template <int delay_ms>
class FixedWindow final : public Queueing {
 public:
  using Queueing::Queueing;
  std::int64_t rank(const TaskRecord& task) const override { return by_priority(task); }
  Instant due(Instant now, const Kind&, const Queue& queue, const Machine&) const override {
    if (queue.tasks.size() >= options().tasks_max) return now;
    return std::max(now, oldest(queue) + milliseconds(delay_ms));
  }
};

// BentoML's adaptive batching: first come first served; waits for more while the tasks that wait
// lose less than a bound, and sheds what has waited for longer than its latency limit.
class BentoMl final : public Queueing {
 public:
  using Queueing::Queueing;
  std::int64_t rank(const TaskRecord&) const override { return 0; }
  Instant due(Instant now, const Kind& kind, const Queue& queue,
              const Machine& machine) const override {
    const std::size_t tasks = queue.tasks.size();
    if (tasks >= options().tasks_max) return now;
    const Duration one_more = machine.cost(kind, queue.units + queue.units / tasks);
    const Instant limit = oldest(queue) + latency_max - one_more;
    const Instant lost =
        queue.arrivals.rbegin()->second + waiting_max / static_cast<Duration::rep>(tasks);
    return std::max(now, std::min(limit, lost));
  }
  Duration patience() const override { return latency_max; }

 private:
  static constexpr Duration latency_max = milliseconds(100);
  static constexpr Duration waiting_max = milliseconds(10);  // of all that wait together
};

// Whatever waits, earliest deadline first, the moment a device is free.
class EagerEdf final : public Queueing {
 public:
  using Queueing::Queueing;
  std::int64_t rank(const TaskRecord& task) const override { return by_deadline(task); }
  Instant due(Instant now, const Kind&, const Queue&, const Machine&) const override { return now; }
};

// Symphony's deferral by itself: a batch goes when it is full or at the latest instant at which,
// with one more task, it would still be in time.
class Deferral final : public Queueing {
 public:
  using Queueing::Queueing;
  std::int64_t rank(const TaskRecord& task) const override { return by_deadline(task); }
  Instant due(Instant now, const Kind& kind, const Queue& queue,
              const Machine& machine) const override {
    if (queue.tasks.size() >= options().tasks_max || queue.deadlines.empty()) return now;
    const Duration one_more = machine.cost(kind, queue.units + queue.units / queue.tasks.size());
    return std::max(now, queue.deadlines.begin()->first.first - one_more);
  }
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
