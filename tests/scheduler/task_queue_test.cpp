#include "scheduler/task_queue.hpp"

#include <algorithm>
#include <set>
#include <tuple>

#include "base/random.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::scheduler;

namespace {

TaskRecord task(std::uint64_t id, std::int64_t deadline, std::uint32_t model = 0) {
  TaskRecord record;
  record.id = TaskId{1, id};
  record.kind.model = ModelId{model};
  record.deadline = Instant{Duration{deadline}};
  return record;
}

}  // namespace

TEST_CASE("the queue agrees with a sorted set through a hundred thousand random changes") {
  Random random(3);
  TaskQueue queue;
  std::set<std::tuple<std::int64_t, std::uint64_t>> expected;  // deadline, arrival
  std::vector<std::tuple<std::int64_t, std::uint64_t>> away;   // taken, may come back
  std::uint64_t arrivals = 0;
  const auto slot_of = [&](std::uint64_t arrival) { return *queue.find(TaskId{1, arrival}); };

  for (int change = 0; change < 100'000; ++change) {
    const auto dice = random.below(10);
    if (dice < 5) {
      const auto deadline = random.between(1, 500);  // few enough to tie often
      queue.add(Instant{}, task(++arrivals, deadline));
      expected.emplace(deadline, arrivals);
    } else if (dice < 8 && !expected.empty()) {  // from the middle
      auto victim = expected.lower_bound({random.between(1, 500), 0});
      if (victim == expected.end()) victim = expected.begin();
      queue.remove(slot_of(std::get<1>(*victim)));
      away.push_back(*victim);
      expected.erase(victim);
    } else if (!away.empty()) {
      const Slot slot = slot_of(std::get<1>(away.back()));
      if (dice == 8) {
        queue.put_back(slot);
        expected.insert(away.back());
      } else {
        queue.forget(slot);
      }
      away.pop_back();
    }
    REQUIRE(queue.waiting() == expected.size());
    REQUIRE(queue.on_workers() == away.size());
    if (expected.empty()) continue;
    const KindQueue& kind = queue.queues()[0];
    REQUIRE(queue[kind.head()].task.id.low == std::get<1>(*expected.begin()));
    REQUIRE(kind.units() == expected.size());
  }
  for (const auto& [deadline, arrival] : expected) {  // and in the end all leave in order
    const Slot slot = queue.queues()[0].head();
    REQUIRE(queue[slot].task.id.low == arrival);
    queue.remove(slot);
  }
}

TEST_CASE("the oldest of a kind is the first to arrive, whatever its deadline") {
  TaskQueue queue;
  queue.add(Instant{}, task(1, 900));
  queue.add(Instant{}, task(2, 100));
  queue.add(Instant{}, task(3, 500));
  const KindQueue& kind = queue.queues()[0];
  CHECK(queue[kind.head()].task.id.low == 2);
  CHECK(queue[kind.oldest()].task.id.low == 1);
  const Slot first = kind.oldest();
  queue.remove(first);
  CHECK(queue[kind.oldest()].task.id.low == 2);
  queue.put_back(first);
  CHECK(queue[kind.oldest()].task.id.low == 1);
}

TEST_CASE("kinds that come and go do not pile up") {
  TaskQueue queue;
  for (std::uint32_t model = 0; model < 1000; ++model) {
    queue.add(Instant{}, task(model, 100, model));
    const Slot slot = *queue.find(TaskId{1, model});
    queue.remove(slot);
    queue.forget(slot);
  }
  CHECK(queue.queues().size() == 1);
}

TEST_CASE("a hundred thousand waiting tasks can be canceled one by one, oldest first") {
  // With a search per cancellation this would take 5e9 comparisons; a test that takes a minute is
  // the failure.
  constexpr std::uint64_t tasks = 100'000;
  TaskQueue queue;
  Random random(5);
  for (std::uint64_t id = 1; id <= tasks; ++id)
    queue.add(Instant{}, task(id, random.between(1, 1'000'000)));
  for (std::uint64_t id = 1; id <= tasks; ++id) {
    const Slot slot = *queue.find(TaskId{1, id});
    queue.remove(slot);
    queue.forget(slot);
  }
  CHECK(queue.waiting() == 0);
  CHECK(queue.on_workers() == 0);
}
