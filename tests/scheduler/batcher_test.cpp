// When the ordinary lane launches, and what. What both lanes do alike is in lane_core_test.cpp.
#include "scheduler/batcher.hpp"

#include "tests/catch.hpp"
#include "tests/scheduler/lane_probe.hpp"

using namespace troupe;
using namespace troupe::scheduler;
using std::chrono::microseconds;

namespace {

using Probe = LaneProbe<Batcher>;

// Batches of four, a patience of a millisecond, and no launch just because a worker is idle.
BatcherOptions patient() {
  BatcherOptions options;
  options.tasks_max = 4;
  options.units_max = 100;
  options.delay_max = microseconds(1000);
  options.eager_when_idle = false;
  return options;
}

BatcherOptions eager() {
  BatcherOptions options = patient();
  options.eager_when_idle = true;
  return options;
}

}  // namespace

TEST_CASE("an idle worker takes a lone task at once when the batcher is eager") {
  Probe probe(eager());
  probe.join(0);
  CHECK(probe.submit(1) == "1@0");
}

TEST_CASE("without eagerness a lone task waits for company, but not longer than delay_max") {
  Probe probe(patient());
  probe.join(0);
  CHECK(probe.submit(1) == nothing);
  CHECK(probe.lane.next_wakeup() == at_us(1000));
  CHECK(probe.pass_to(999) == nothing);
  CHECK(probe.pass_to(1000) == "1@0");
}

TEST_CASE("it is the first to arrive whose patience counts, not the first to be launched") {
  Probe probe(patient());
  probe.join(0);
  probe.submit(1);
  probe.pass_to(600);
  probe.submit(2, {.deadline_us = 90000});
  CHECK(probe.pass_to(1000) == "2,1@0");
}

TEST_CASE("a queue that fills a batch goes at once") {
  Probe probe(patient());
  probe.join(0);
  SECTION("by tasks") {
    for (const int task : {1, 2, 3})
      CHECK(probe.submit(static_cast<std::uint64_t>(task)) == nothing);
    CHECK(probe.submit(4) == "1,2,3,4@0");
  }
  SECTION("by units") {
    CHECK(probe.submit(1, {.units = 60}) == nothing);
    CHECK(probe.submit(2, {.units = 40}) == "1,2@0");
  }
  SECTION("by units that do not all fit") {
    probe.submit(1, {.units = 60});
    CHECK(probe.submit(2, {.units = 41}) == "1@0");
    CHECK(probe.lane.queued() == 1);
  }
}

TEST_CASE("a task larger than any batch goes alone") {
  Probe probe(patient());
  probe.join(0);
  CHECK(probe.submit(1, {.units = 4'000'000'000}) == "1@0");
}

TEST_CASE("a deadline presses when one more task of the mean size would miss it") {
  Probe probe(patient());
  probe.join(0, 1, 100, 10);
  // Two tasks of 3 units; with a third of that size a batch takes 100 + 9 * 10 = 190 us.
  probe.submit(1, {.units = 2, .deadline_us = 500});
  probe.submit(2, {.units = 4});
  CHECK(probe.lane.next_wakeup() == at_us(310));
  CHECK(probe.pass_to(309) == nothing);
  CHECK(probe.pass_to(310) == "1,2@0");
}

TEST_CASE("the same deadline presses earlier on a slower worker") {
  Probe probe(patient());
  probe.join(0, 1, 400, 10);
  probe.submit(1, {.deadline_us = 900});
  CHECK(probe.lane.next_wakeup() == at_us(480));
}

TEST_CASE("kinds never share a batch, and the earlier deadline goes first") {
  Probe probe(eager());
  probe.submit(1, {.deadline_us = 900, .model = 0});
  probe.submit(2, {.deadline_us = 800, .model = 1});
  probe.submit(3, {.deadline_us = 900, .model = 0});
  CHECK(probe.join(0) == "2@0");
  CHECK(probe.finish(0) == "1,3@0");
}

TEST_CASE("within a kind the earliest deadline goes first, ties in order of arrival") {
  Probe probe(patient());
  probe.submit(1);
  probe.submit(2, {.deadline_us = 90000});
  probe.submit(3, {.deadline_us = 80000});
  probe.submit(4, {.deadline_us = 90000});
  probe.submit(5, {.deadline_us = 70000});
  CHECK(probe.join(0) == "5,3,2,4@0");
}

TEST_CASE("batches spread: the worker that holds the fewest gets the next") {
  Probe probe(eager());
  probe.join(0, 2);
  probe.join(1, 2);
  CHECK(probe.submit(1) == "1@0");
  CHECK(probe.submit(2) == "2@1");
}

TEST_CASE("of idle workers the cheapest gets the batch") {
  Probe probe(eager());
  probe.join(0, 1, 900);
  probe.join(1, 1, 100);
  CHECK(probe.submit(1) == "1@1");
}

TEST_CASE("of workers that hold as many the one that should be free first gets the batch") {
  BatcherOptions options = patient();
  options.enabled = false;
  Probe probe(options);
  probe.join(0, 2, 900);
  probe.join(1, 2, 100);
  probe.submit(1);
  probe.submit(2);
  CHECK(probe.submit(3) == "3@1");
}

TEST_CASE("a spare slot of a busy worker is for full batches") {
  Probe probe(eager());
  probe.join(0, 2, 5000);
  probe.submit(1);
  CHECK(probe.submit(2) == nothing);
  CHECK(probe.submit(3) == nothing);
  CHECK(probe.submit(4) == nothing);
  CHECK(probe.submit(5) == "2,3,4,5@0");
  CHECK(probe.lane.launched() == 5);
}

TEST_CASE("an overdue batch goes to a busy worker only when that is about to be free") {
  Probe probe(eager());
  probe.join(0, 2, 5000, 0);
  probe.submit(1);
  probe.pass_to(500);
  probe.submit(2);
  // Overdue at 1500, but the worker should be free at 5000: until 4000 the batch may still grow.
  CHECK(probe.lane.next_wakeup() == at_us(4000));
  CHECK(probe.pass_to(3000) == nothing);
  probe.submit(3);
  CHECK(probe.pass_to(4000) == "2,3@0");
}

TEST_CASE("a pressing batch, too, waits here and not on the worker, where it can be overtaken") {
  Probe probe(eager());
  probe.join(0, 2, 5000, 0);
  probe.submit(1);
  CHECK(probe.submit(2, {.deadline_us = 9000}) == nothing);
  CHECK(probe.pass_to(3999) == nothing);
  CHECK(probe.submit(3, {.deadline_us = 8900}) == nothing);
  CHECK(probe.pass_to(4000) == "3,2@0");
}

TEST_CASE("with batching off every task is a batch, into every slot") {
  BatcherOptions options = patient();
  options.enabled = false;
  Probe probe(options);
  probe.join(0, 2);
  CHECK(probe.submit(1) == "1@0");
  CHECK(probe.submit(2) == "2@0");
  CHECK(probe.submit(3) == nothing);
  CHECK(probe.finish(0) == "3@0");
}

TEST_CASE("one finished batch lets several wait no longer") {
  Probe probe(eager());
  for (std::uint64_t task = 1; task <= 9; ++task) probe.submit(task);
  CHECK(probe.join(0, 2) == "1,2,3,4@0 5,6,7,8@0");
  CHECK(probe.finish(0) == nothing);
  CHECK(probe.finish(1) == "9@0");
}

TEST_CASE("limits that make no sense still make a batcher that works") {
  BatcherOptions options = patient();
  options.tasks_max = 0;
  options.units_max = 0;
  options.delay_max = microseconds(-5);
  Probe probe(options);
  probe.join(0);
  CHECK(probe.submit(1, {.units = 0}) == "1@0");
}

TEST_CASE("a batcher can be moved with all that it knows") {
  Probe probe(eager());
  probe.join(0);
  probe.submit(1);
  probe.submit(2);
  Batcher moved = std::move(probe.lane);
  probe.lane = std::move(moved);
  CHECK(probe.finish(0) == "2@0");
}
