// What the scheduler takes, refuses, forgets and tries again.
#include <limits>

#include "tests/catch.hpp"
#include "tests/scheduler/probe.hpp"

using namespace troupe;
using namespace troupe::scheduler;

TEST_CASE("a deadline that is past on arrival is refused as expired") {
  Probe probe;
  probe.join(0);
  probe.now = at_us(500);
  CHECK(probe.submit(1, {.deadline_us = 500}) == "1!expired");
  CHECK(probe.submit(2, {.deadline_us = 0}) == "2!expired");
}

TEST_CASE("a deadline that cannot be met is refused with the nearest that could be") {
  Probe probe;
  probe.join(0, {.fixed_us = 1000, .per_unit_us = 100});
  CHECK(probe.submit(1, {.deadline_us = 900}) == "1!infeasible");
  const Refuse& refusal = probe.refusals.back();
  CHECK(refusal.earliest_deadline >= std::chrono::microseconds(1100));
  CHECK(refusal.retry_after > Duration{0});
  const auto nearest = refusal.earliest_deadline / std::chrono::microseconds(1) + 1;
  CHECK(probe.submit(2, {.deadline_us = nearest}) == "2@0");
}

TEST_CASE("a task that waits too long is refused when its deadline comes, not later") {
  Probe probe;
  probe.submit(1, {.deadline_us = 700});
  CHECK(probe.pass_to(699) == nothing);
  CHECK(probe.pass_to(700) == "1!expired");
  CHECK(probe.scheduler.queued() == 0);
}

TEST_CASE("a full queue refuses with a time to come back, and each lane has its own") {
  SchedulerOptions options;
  options.ordinary_queue_tasks_max = 2;
  options.urgent_queue_tasks_max = 1;
  Probe probe(options);
  probe.submit(1);
  probe.submit(2);
  CHECK(probe.submit(3) == "3!queue_full");
  CHECK(probe.refusals.back().retry_after >= std::chrono::milliseconds(1));
  CHECK(probe.submit(4, {.lane = Lane::urgent}) == nothing);
  CHECK(probe.submit(5, {.lane = Lane::urgent}) == "5!queue_full");
}

TEST_CASE("a tenant that floods the queue leaves places for the others") {
  SchedulerOptions options;
  options.ordinary_queue_tasks_max = 80;
  Probe probe(options);
  probe.submit(1, {.tenant = 7});
  for (std::uint64_t task = 2; task < 200; ++task) probe.submit(task, {.tenant = 1});
  CHECK(probe.submit(500, {.tenant = 7}) == nothing);
  CHECK(probe.submit(501, {.tenant = 8}) == nothing);
}

TEST_CASE("two tenants that want everything get the same, whatever they ask for") {
  SchedulerOptions options;
  options.tasks_max = 8;
  Probe probe(options);
  probe.join(0);
  std::uint64_t task = 1;
  std::size_t got[2] = {0, 0};
  for (std::size_t batch = 0; batch < 400; ++batch) {
    for (int i = 0; i < 10; ++i) probe.submit(2 * task++, {.tenant = 1});
    for (int i = 0; i < 5; ++i) probe.submit(2 * task++ + 1, {.tenant = 2});
    probe.now += std::chrono::microseconds(1800);
    probe.finish(batch, 1800);
    for (const TaskId id : probe.launches.back().tasks) ++got[id.low % 2];
  }
  CHECK(static_cast<double>(got[0]) == Approx(static_cast<double>(got[1])).epsilon(0.01));
}

TEST_CASE("a canceled task is answered at once while it waits, and never runs again") {
  Probe probe;
  probe.join(0);
  probe.submit(1);
  probe.submit(2);
  CHECK(probe.cancel(2) == "2!canceled");
  CHECK(probe.cancel(2) == nothing);
  CHECK(probe.cancel(1) == nothing);  // runs: its outcome is dropped by whoever carries out
  CHECK(probe.leave(0) == "1!canceled");
}

TEST_CASE("tasks of a lost worker run elsewhere, and are given up after attempts_max") {
  SchedulerOptions options;
  options.attempts_max = 2;
  Probe probe(options);
  probe.join(0);
  probe.submit(1);
  CHECK(probe.leave(0) == nothing);
  CHECK(probe.join(1) == "1@1");
  CHECK(probe.leave(1) == "1!unreachable");
  CHECK(probe.scheduler.launched() == 0);
}

TEST_CASE("a lost worker's tasks that are late by then are refused as expired") {
  Probe probe;
  probe.join(0);
  probe.submit(1, {.deadline_us = 5'000});
  probe.now = at_us(6'000);
  CHECK(probe.leave(0) == "1!expired");
}

TEST_CASE("a duplicate has no outcome of its own") {
  Probe probe;
  probe.submit(1, {.deadline_us = 700});
  CHECK(probe.submit(1, {.deadline_us = 700}) == nothing);
  probe.now = at_us(700);
  CHECK(probe.submit(1, {.deadline_us = 900}) == "1!expired");
}

TEST_CASE("reports that nobody waits for change nothing") {
  Probe probe;
  probe.join(0);
  probe.submit(1);
  probe.submit(2);
  CHECK(probe.handle(BatchFinished{WorkerId{5}, BatchId{1}, {}}) == nothing);
  CHECK(probe.handle(BatchFinished{WorkerId{0}, BatchId{77}, {}}) == nothing);
  CHECK(probe.finish(0) == "2@0");
  CHECK(probe.finish(0) == nothing);
  CHECK(probe.scheduler.launched() == 1);
}

TEST_CASE("a clock that steps back is taken for one that stands still") {
  Probe probe;
  probe.join(0);
  probe.now = at_us(10'000);
  probe.submit(1);
  probe.submit(2, {.deadline_us = 40'000});
  probe.now = at_us(2'000);
  CHECK(probe.submit(3, {.deadline_us = 9'000}) == "3!expired");
  CHECK(probe.finish(0, 1100) == "2@0");
  const auto next = probe.scheduler.next_wakeup();
  CHECK((!next || *next > at_us(0)));
}

TEST_CASE("absurd sizes and weights are survived") {
  Probe probe;
  probe.join(0);
  CHECK(probe.submit(1, {.units = 0}) == "1@0");
  CHECK(probe.submit(2, {.units = ~std::uint32_t{0}}) == nothing);
  TaskRecord record;
  record.id = {1, 3};
  record.weight = std::numeric_limits<float>::quiet_NaN();
  CHECK(probe.handle(TaskSubmitted{record}) == nothing);
  probe.finish(0, 1100);
  CHECK(probe.scheduler.launched() > 0);
}

TEST_CASE("more is asked for than can be done: accepted tasks are in time, capacity is used") {
  SchedulerOptions options;
  options.tasks_max = 32;
  Probe probe(options);
  probe.join(0, {.fixed_us = 2000, .per_unit_us = 100});
  // Twice what full batches could do, for three seconds.
  std::uint64_t task = 1;
  for (std::int64_t us = 0; us < 3'000'000; us += 81) {
    probe.run_to(us);
    probe.submit(task++, {.deadline_us = us + 60'000});
  }
  CHECK(static_cast<double>(probe.finished) > 3 * 0.95 * 32 / 0.0052);
  std::size_t broken = 0;
  for (const Refuse& refusal : probe.refusals) broken += refusal.reason == ErrorCode::expired;
  CHECK(broken * 1000 <= probe.finished);
}
