// What both lanes promise alike: admission, expiry, cancellation, workers that come and go.
#include "scheduler/lane_core.hpp"

#include <limits>

#include "scheduler/batcher.hpp"
#include "scheduler/fast_lane.hpp"
#include "tests/catch.hpp"
#include "tests/scheduler/lane_probe.hpp"

using namespace troupe;
using namespace troupe::scheduler;
using std::chrono::milliseconds;

namespace {

// Tests below run on both lanes; with batches of one there is no difference to see.
struct UrgentLane {
  using Type = FastLane;
  FastLaneOptions options;
  UrgentLane() { options.tasks_max = 1; }
};
struct OrdinaryLane {
  using Type = Batcher;
  BatcherOptions options;
  OrdinaryLane() { options.enabled = false; }
};

}  // namespace

TEMPLATE_TEST_CASE("a task beyond queue_tasks_max is refused with a time to retry", "", UrgentLane,
                   OrdinaryLane) {
  TestType lane;
  lane.options.queue_tasks_max = 2;
  LaneProbe<typename TestType::Type> probe(lane.options);
  probe.join(0, 1, 5000, 0);
  probe.submit(1);
  probe.submit(2);
  probe.submit(3);
  probe.pass_to(2000);
  CHECK(probe.submit(4) == "4!queue_full");
  // The running batch should end at 5000 us, and a place is free then.
  CHECK(std::get<Refuse>(probe.actions[0]).retry_after == milliseconds(3));
  CHECK(probe.finish(0) == "2@0");
  CHECK(probe.submit(4) == nothing);
}

TEMPLATE_TEST_CASE("the time to retry has a floor, and a guess where nothing is known", "",
                   UrgentLane, OrdinaryLane) {
  TestType lane;
  lane.options.queue_tasks_max = 1;
  LaneProbe<typename TestType::Type> probe(lane.options);
  probe.submit(1);
  probe.submit(2);
  CHECK(std::get<Refuse>(probe.actions[0]).retry_after == milliseconds(1000));
  probe.join(0, 1, 10, 0);
  probe.submit(2);
  probe.pass_to(900);  // the worker is late
  CHECK(probe.submit(3) == "3!queue_full");
  CHECK(std::get<Refuse>(probe.actions[0]).retry_after == milliseconds(1));
}

TEMPLATE_TEST_CASE("a waiting task is refused at its deadline, not a tick later", "", UrgentLane,
                   OrdinaryLane) {
  LaneProbe<typename TestType::Type> probe(TestType{}.options);
  probe.submit(1, {.deadline_us = 700});
  probe.submit(2, {.deadline_us = 600});
  CHECK(probe.lane.next_wakeup() == at_us(600));
  CHECK(probe.pass_to(599) == nothing);
  CHECK(probe.pass_to(600) == "2!expired");
  CHECK(probe.pass_to(700) == "1!expired");
  CHECK_FALSE(probe.lane.next_wakeup());
  CHECK(probe.lane.queued() == 0);
}

TEMPLATE_TEST_CASE("a task whose deadline is past or present on arrival is refused at once", "",
                   UrgentLane, OrdinaryLane) {
  LaneProbe<typename TestType::Type> probe(TestType{}.options);
  probe.join(0);
  probe.now = at_us(500);
  CHECK(probe.submit(1, {.deadline_us = 499}) == "1!expired");
  CHECK(probe.submit(2, {.deadline_us = 500}) == "2!expired");
  CHECK(probe.submit(3, {.deadline_us = 501}) == "3@0");
}

TEMPLATE_TEST_CASE("expired tasks make room before a new one is judged", "", UrgentLane,
                   OrdinaryLane) {
  TestType lane;
  lane.options.queue_tasks_max = 1;
  LaneProbe<typename TestType::Type> probe(lane.options);
  probe.submit(1, {.deadline_us = 500});
  probe.now = at_us(500);
  CHECK(probe.submit(2) == "1!expired");
  CHECK(probe.lane.queued() == 1);
}

TEMPLATE_TEST_CASE("a canceled task that waits is refused at once, once", "", UrgentLane,
                   OrdinaryLane) {
  LaneProbe<typename TestType::Type> probe(TestType{}.options);
  probe.submit(1);
  probe.submit(2);
  CHECK(probe.cancel(1) == "1!canceled");
  CHECK(probe.cancel(1) == nothing);
  CHECK(probe.cancel(77) == nothing);
  CHECK(probe.join(0) == "2@0");
}

TEMPLATE_TEST_CASE("a canceled task on a worker finishes in silence, and does not run again", "",
                   UrgentLane, OrdinaryLane) {
  LaneProbe<typename TestType::Type> probe(TestType{}.options);
  probe.join(0, 2);
  probe.submit(1);
  probe.submit(2);
  CHECK(probe.cancel(1) == nothing);
  CHECK(probe.cancel(2) == nothing);
  CHECK(probe.finish(0) == nothing);
  CHECK(probe.leave(0) == "2!canceled");
  CHECK(probe.lane.launched() == 0);
}

TEMPLATE_TEST_CASE("a duplicate is ignored while the first one waits, runs or ends", "", UrgentLane,
                   OrdinaryLane) {
  LaneProbe<typename TestType::Type> probe(TestType{}.options);
  probe.submit(1, {.deadline_us = 500});
  CHECK(probe.submit(1, {.deadline_us = 300}) == nothing);
  CHECK(probe.lane.queued() == 1);
  SECTION("on a worker") {
    CHECK(probe.join(0, 2) == "1@0");
    CHECK(probe.submit(1) == nothing);
  }
  SECTION("at the very instant at which the first one expires") {
    probe.now = at_us(500);
    CHECK(probe.submit(1, {.deadline_us = 500}) == "1!expired");
  }
}

TEMPLATE_TEST_CASE("an id may be used again once its task has an outcome", "", UrgentLane,
                   OrdinaryLane) {
  LaneProbe<typename TestType::Type> probe(TestType{}.options);
  probe.join(0);
  probe.submit(1);
  probe.finish(0);
  CHECK(probe.submit(1) == "1@0");
}

TEMPLATE_TEST_CASE("tasks of a lost worker go elsewhere, in their old order", "", UrgentLane,
                   OrdinaryLane) {
  LaneProbe<typename TestType::Type> probe(TestType{}.options);
  probe.join(0, 2);
  for (std::uint64_t task = 1; task <= 4; ++task) probe.submit(task);
  CHECK(probe.leave(0) == nothing);
  CHECK(probe.lane.queued() == 4);
  CHECK(probe.join(1, 3) == "1@1 2@1 3@1");
}

TEMPLATE_TEST_CASE("tasks of a lost worker may stand above the bound, new ones may not", "",
                   UrgentLane, OrdinaryLane) {
  TestType lane;
  lane.options.queue_tasks_max = 1;
  LaneProbe<typename TestType::Type> probe(lane.options);
  probe.join(0, 2);
  for (std::uint64_t task = 1; task <= 3; ++task) probe.submit(task);
  CHECK(probe.leave(0) == nothing);
  CHECK(probe.lane.queued() == 3);
  CHECK(probe.submit(4) == "4!queue_full");
}

TEMPLATE_TEST_CASE("a task that lost attempts_max workers is unreachable", "", UrgentLane,
                   OrdinaryLane) {
  TestType lane;
  lane.options.attempts_max = 2;
  LaneProbe<typename TestType::Type> probe(lane.options);
  probe.submit(1);
  CHECK(probe.join(0) == "1@0");
  CHECK(probe.leave(0) == nothing);
  CHECK(probe.join(0) == "1@0");
  CHECK(probe.leave(0) == "1!unreachable");
}

TEMPLATE_TEST_CASE("a task that comes back after its deadline is refused as expired", "",
                   UrgentLane, OrdinaryLane) {
  LaneProbe<typename TestType::Type> probe(TestType{}.options);
  probe.join(0);
  probe.submit(1, {.deadline_us = 500});
  probe.pass_to(600);
  CHECK(probe.leave(0) == "1!expired");
}

TEMPLATE_TEST_CASE("reports of unknown, finished or lost batches do no harm", "", UrgentLane,
                   OrdinaryLane) {
  LaneProbe<typename TestType::Type> probe(TestType{}.options);
  probe.join(0);
  probe.join(1);
  probe.submit(1);
  probe.submit(2);
  probe.submit(3);
  CHECK(probe.finish(0, 1) == nothing);   // not that worker's
  CHECK(probe.finish(0, 99) == nothing);  // nobody
  CHECK(probe.finish(0) == "3@0");
  CHECK(probe.finish(0) == nothing);  // again
  probe.leave(1);
  probe.join(1);
  CHECK(probe.launches.size() == 4);  // task 2, again, on worker 1
  CHECK(probe.finish(1) == nothing);  // from worker 1's earlier life
  CHECK(probe.lane.launched() == 2);
}

TEMPLATE_TEST_CASE("a worker that leaves without having been here does no harm", "", UrgentLane,
                   OrdinaryLane) {
  LaneProbe<typename TestType::Type> probe(TestType{}.options);
  CHECK(probe.leave(3) == nothing);
}

TEMPLATE_TEST_CASE("a second WorkerJoined changes slots and keeps what runs", "", UrgentLane,
                   OrdinaryLane) {
  LaneProbe<typename TestType::Type> probe(TestType{}.options);
  probe.join(0, 1);
  probe.submit(1);
  probe.submit(2);
  CHECK(probe.join(0, 2) == "2@0");
  CHECK(probe.join(0, 0) == nothing);
  probe.finish(0);
  CHECK(probe.submit(3) == nothing);
  CHECK(probe.lane.launched() == 1);
  CHECK(probe.join(0, 2) == "3@0");
}

TEMPLATE_TEST_CASE("absurd costs, sizes and deadlines are survived", "", UrgentLane, OrdinaryLane) {
  LaneProbe<typename TestType::Type> probe(TestType{}.options);
  TaskRecord task;
  task.units = std::numeric_limits<std::uint32_t>::max();
  task.deadline = never - Duration{1};
  const auto submit = [&](std::uint64_t id) {
    task.id = TaskId{2, id};
    probe.handle(TaskSubmitted{task});
  };
  WorkerJoined worker{WorkerId{0}, std::numeric_limits<std::uint32_t>::max(), Duration::max(),
                      Duration::max()};
  submit(1);
  probe.handle(worker);
  submit(2);
  worker.cost_fixed = worker.cost_per_unit = Duration::min();
  probe.handle(worker);
  submit(3);
  CHECK(probe.lane.launched() == 3);
  task.deadline = Instant::min();
  submit(4);
  CHECK(probe.lane.queued() == 0);
}

TEST_CASE("no two batches of a node share a number, whichever lanes launch them") {
  LaneProbe<FastLane> urgent(FastLaneOptions{});
  LaneProbe<Batcher> ordinary(BatcherOptions{});
  urgent.join(0, 9);
  ordinary.join(0, 9);
  urgent.submit(1);
  urgent.submit(2);
  ordinary.submit(3);
  CHECK(urgent.launches[0].batch != urgent.launches[1].batch);
  CHECK(ordinary.launches[0].batch != urgent.launches[0].batch);
  CHECK(ordinary.launches[0].batch != urgent.launches[1].batch);
}
