// Where and when the urgent lane launches. What both lanes do alike is in lane_core_test.cpp.
#include "scheduler/fast_lane.hpp"

#include "tests/catch.hpp"
#include "tests/scheduler/lane_probe.hpp"

using namespace troupe;
using namespace troupe::scheduler;

namespace {

using Probe = LaneProbe<FastLane>;

FastLaneOptions small() {
  FastLaneOptions options;
  options.tasks_max = 3;
  options.units_max = 100;
  return options;
}

}  // namespace

TEST_CASE("an urgent task goes alone and at once while a slot is free") {
  Probe probe(small());
  probe.join(0, 2);
  CHECK(probe.submit(1) == "1@0");
  CHECK(probe.submit(2) == "2@0");
  CHECK(probe.submit(3) == nothing);
}

TEST_CASE("urgent tasks that had to wait share the next launch, earliest deadline first") {
  Probe probe(small());
  probe.join(0);
  probe.submit(1);
  probe.submit(2, {.deadline_us = 9000});
  probe.submit(3, {.deadline_us = 7000});
  probe.submit(4);
  probe.submit(5, {.deadline_us = 8000});
  CHECK(probe.finish(0) == "3,5,2@0");
  CHECK(probe.finish(1) == "4@0");
}

TEST_CASE("only urgent tasks of the first one's kind share its launch") {
  Probe probe(small());
  probe.join(0);
  probe.submit(1);
  probe.submit(2, {.deadline_us = 9000, .model = 1});
  probe.submit(3, {.deadline_us = 7000, .model = 2});
  probe.submit(4, {.deadline_us = 9500, .model = 2});
  CHECK(probe.finish(0) == "3,4@0");
}

TEST_CASE("a shared urgent launch keeps to units_max, one huge task excepted") {
  Probe probe(small());
  probe.join(0);
  probe.submit(1);
  probe.submit(2, {.units = 60});
  probe.submit(3, {.units = 41});
  probe.submit(4, {.units = 4000});
  CHECK(probe.finish(0) == "2@0");
  CHECK(probe.finish(1) == "3@0");
  CHECK(probe.finish(2) == "4@0");
}

TEST_CASE("an urgent task goes to the worker that should be done with it first") {
  Probe probe(small());
  SECTION("the cheaper one") {
    probe.join(0, 1, 300);
    probe.join(1, 1, 200);
    CHECK(probe.submit(1) == "1@1");
  }
  SECTION("the idle one") {
    probe.join(0, 2);
    probe.join(1, 2);
    CHECK(probe.submit(1) == "1@0");
    CHECK(probe.submit(2) == "2@1");
  }
  SECTION("a fast one with work before a slow one without") {
    probe.join(0, 2, 1000);
    probe.join(1, 2, 100);
    CHECK(probe.submit(1) == "1@1");
    CHECK(probe.submit(2) == "2@1");
  }
  SECTION("all that it holds counted") {
    probe.join(0, 3, 100, 0);
    probe.join(1, 1, 250, 0);
    CHECK(probe.submit(1) == "1@0");
    CHECK(probe.submit(2) == "2@0");
    CHECK(probe.submit(3) == "3@1");
  }
  SECTION("what it has finished not counted") {
    probe.join(0, 3, 100, 0);
    CHECK(probe.submit(1) == "1@0");
    CHECK(probe.submit(2) == "2@0");
    probe.join(1, 1, 150, 0);
    probe.pass_to(10);
    probe.finish(0);  // much earlier than expected: what is left ends at 110, not at 200
    probe.finish(1);
    CHECK(probe.submit(3) == "3@0");
    CHECK(probe.submit(4) == "4@1");
    CHECK(probe.submit(5) == "5@0");
    probe.pass_to(20);
    probe.finish(2);  // 5 ends at 120 now, one more at 220
    probe.finish(3);
    probe.join(1, 1, 210, 0);
    CHECK(probe.submit(6) == "6@0");
  }
  SECTION("by its cost for that very task") {
    probe.join(0, 1, 100, 10);
    probe.join(1, 1, 200, 1);
    CHECK(probe.submit(1, {.units = 50}) == "1@1");
  }
}

TEST_CASE("the fast lane needs the clock for nothing but deadlines") {
  Probe probe(small());
  probe.join(0);
  CHECK_FALSE(probe.lane.next_wakeup());
  probe.submit(1);
  probe.submit(2);
  CHECK_FALSE(probe.lane.next_wakeup());
  probe.submit(3, {.deadline_us = 700});
  CHECK(probe.lane.next_wakeup() == at_us(700));
}
