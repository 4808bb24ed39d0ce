// Which ordinary batches the scheduler launches, where and when.
#include "tests/catch.hpp"
#include "tests/scheduler/probe.hpp"

using namespace troupe;
using namespace troupe::scheduler;

namespace {

SchedulerOptions small() {
  SchedulerOptions options;
  options.tasks_max = 4;
  options.units_max = 100;
  return options;
}

}  // namespace

TEST_CASE("the first task goes to an idle worker without waiting for company") {
  Probe probe(small());
  probe.join(0);
  CHECK(probe.submit(1) == "1@0");
  CHECK(probe.launches[0].reason == LaunchReason::enough);
  CHECK(probe.launches[0].predicted == std::chrono::microseconds(1100));
}

TEST_CASE("what came while a worker was busy is its next batch, no larger than tasks_max") {
  Probe probe(small());
  probe.join(0);
  probe.submit(1);
  for (std::uint64_t task = 2; task <= 7; ++task) CHECK(probe.submit(task) == nothing);
  probe.now = at_us(1100);
  CHECK(probe.finish(0, 1100) == "2,3,4,5@0");
  CHECK(probe.launches[1].reason == LaunchReason::full);
  CHECK(probe.scheduler.queued() == 2);
  CHECK(probe.scheduler.launched() == 4);
}

TEST_CASE("a batch keeps to units_max, one huge task excepted") {
  Probe probe(small());
  probe.join(0, {.fixed_us = 100'000});
  probe.submit(1);
  probe.submit(2, {.units = 60});
  probe.submit(3, {.units = 41});
  probe.submit(4, {.units = 4000});
  CHECK(probe.finish(0) == "2@0");
  CHECK(probe.finish(1) == "3@0");
  CHECK(probe.finish(2) == "4@0");
}

TEST_CASE("a batch does not grow where growing saves nothing") {
  SchedulerOptions options;
  options.tasks_max = 1000;
  options.units_max = 100'000;
  Probe probe(options);
  // The fixed cost is a fortieth of 400 units.
  probe.join(0, {.fixed_us = 1000, .per_unit_us = 100});
  for (std::uint64_t task = 1; task <= 1000; ++task) probe.submit(task);
  probe.finish(0);
  CHECK(probe.launches[1].tasks.size() <= 401);
  CHECK(probe.launches[1].tasks.size() >= 390);
}

TEST_CASE("tasks of different models never share a batch") {
  Probe probe(small());
  probe.join(0);
  probe.submit(1);
  probe.submit(2, {.model = 1});
  probe.submit(3);
  const std::string first = probe.finish(0);
  CHECK((first == "2@0" || first == "3@0"));
}

TEST_CASE("earliest deadline first, and ties as they came") {
  Probe probe(small());
  probe.join(0);
  probe.submit(1);
  probe.submit(2, {.deadline_us = 90'000});
  probe.submit(3, {.deadline_us = 70'000});
  probe.submit(4, {.deadline_us = 90'000});
  probe.submit(5, {.deadline_us = 80'000});
  CHECK(probe.finish(0) == "3,5,2,4@0");
}

TEST_CASE("a batch is no larger than its first deadline allows") {
  SchedulerOptions options = small();
  options.tasks_max = 32;
  Probe probe(options);
  probe.join(0, {.fixed_us = 1000, .per_unit_us = 100});
  probe.submit(100);
  for (std::uint64_t task = 1; task <= 20; ++task) probe.submit(task, {.deadline_us = 60'000});
  probe.submit(50, {.deadline_us = 3'000});
  probe.now = at_us(1100);
  probe.finish(0, 1100);
  // 1.9 ms are left: the fixed cost and some of the nine units that would fit exactly.
  const auto& batch = probe.launches[1];
  CHECK(batch.tasks.front() == TaskId{1, 50});
  CHECK(batch.tasks.size() < 10);
  CHECK(batch.predicted <= std::chrono::microseconds(1900));
}

TEST_CASE("with batching off every task is a batch of its own") {
  SchedulerOptions options = small();
  options.batching = false;
  Probe probe(options);
  probe.join(0);
  CHECK(probe.submit(1) == "1@0");
  probe.submit(2);
  probe.submit(3);
  CHECK(probe.finish(0) == "2@0");
  CHECK(probe.launches[1].reason == LaunchReason::unbatched);
}

TEST_CASE("agents that all come back are waited for, so that batches do not lock into halves") {
  SchedulerOptions options;
  options.tasks_max = 16;
  Probe probe(options);
  // With a second slot, too: nothing is put there that would better wait.
  const auto slots = GENERATE(1U, 2U);
  probe.join(0, {.slots = slots, .fixed_us = 2000, .per_unit_us = 50});
  // Eight agents: each sends its next task 30 us after its answer.
  std::uint64_t next = 1;
  std::int64_t now = 0;
  for (int agent = 0; agent < 8; ++agent) probe.submit(next++);
  for (std::size_t round = 0; round < 60; ++round) {
    const Launch batch = probe.launches.at(round);
    now += std::chrono::duration_cast<std::chrono::microseconds>(batch.predicted).count();
    probe.pass_to(now);
    probe.finish(round, batch.predicted / std::chrono::microseconds(1));
    for (std::size_t i = 0; i < batch.tasks.size(); ++i) {
      now += i == 0 ? 30 : 1;
      probe.pass_to(now);
      probe.submit(next++);
    }
    probe.pass_to(now + 600);
    now = std::max(now, (probe.now - Instant{}) / std::chrono::microseconds(1) - 600);
  }
  CHECK(probe.launches.back().tasks.size() == 8);
}

TEST_CASE("no worker stays idle for more than a millisecond while tasks wait") {
  SchedulerOptions options;
  options.tasks_max = 256;
  Probe probe(options);
  probe.join(0, {.fixed_us = 50'000, .per_unit_us = 10});
  // A high rate of arrivals: waiting for more would save something.
  std::uint64_t task = 1;
  for (std::int64_t us = 0; us < 50'000; us += 500) {
    probe.pass_to(us);
    probe.submit(task++);
  }
  probe.pass_to(60'000);
  probe.finish(0, 50'010);
  probe.submit(task++);
  probe.pass_to(61'001);
  CHECK(probe.launches.size() == 2);
}

TEST_CASE("a worker with two slots gets its next batch just before it is done") {
  Probe probe(small());
  probe.join(0, {.slots = 2, .fixed_us = 10'000, .per_unit_us = 100});
  probe.submit(1);
  probe.submit(2);
  CHECK(probe.pass_to(9'900) == nothing);
  CHECK(probe.pass_to(10'100) == "2@0");
}

TEST_CASE("the worker that does it faster comes first") {
  Probe probe(small());
  probe.join(0, {.fixed_us = 5000, .per_unit_us = 500});
  probe.join(1, {.fixed_us = 1000, .per_unit_us = 100});
  CHECK(probe.submit(1) == "1@1");
  CHECK(probe.submit(2) == "2@0");
}

TEST_CASE("tasks without a deadline are not passed for ever by those that have one") {
  Probe probe(small());
  probe.join(0);
  probe.submit(1);
  for (std::uint64_t task = 10; task < 16; ++task) probe.submit(task);
  std::uint64_t task = 100;
  std::size_t patient = 0;
  for (std::size_t batch = 0; batch < 40; ++batch) {
    for (int i = 0; i < 4; ++i)
      probe.submit(task++, {.deadline_us = 1'000'000 + static_cast<std::int64_t>(task)});
    probe.now += std::chrono::microseconds(1400);
    probe.finish(batch, 1400);
    for (const TaskId id : probe.launches.back().tasks) patient += id.low < 100 ? 1 : 0;
  }
  CHECK(patient == 6);
}
