// Slow is not stuck: what the watch says, on a virtual clock.
#include "scheduler/stall_watch.hpp"

#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::scheduler;
using namespace std::chrono_literals;

namespace {

constexpr Patience patience{10s, 20};  // stuck after 10 s and 20 times the prediction

struct Bench {  // looks when it is told to, as the dispatcher does
  StallWatch watch{patience};
  Instant at{};

  void launch(std::uint64_t batch, Duration predicted, Entry entry = Entry::in_turn,
              std::uint32_t worker = 0) {
    Launch decision;
    decision.worker = WorkerId{worker};
    decision.batch = BatchId{batch};
    decision.predicted = predicted;
    decision.entry = entry;
    watch.launched(at, decision);
  }
  void finish(std::uint64_t batch, std::uint32_t worker = 0) {
    watch.finished(at, WorkerId{worker}, BatchId{batch});
  }
  // The first worker that is given up in that time, and when.
  std::optional<std::pair<WorkerId, Instant>> pass(Duration time) {
    const Instant end = at + time;
    while (at < end) {
      at = std::min(end, std::max(watch.next_look(), at + 1ns));
      if (const auto worker = watch.stalled(at)) return std::pair{*worker, at};
    }
    return std::nullopt;
  }
};

}  // namespace

TEST_CASE("a batch is given up after the least time and twenty times its prediction, not before") {
  Bench bench;
  bench.launch(1, 100ms);
  CHECK_FALSE(bench.pass(11'999ms));
  const auto lost = bench.pass(10ms);
  REQUIRE(lost);
  CHECK(lost->first == WorkerId{0});
  CHECK(lost->second - Instant{} == 12s);
  bench.watch.left(WorkerId{0});
  CHECK_FALSE(bench.watch.stalled(bench.at));
  CHECK(bench.watch.next_look() == never);
}

TEST_CASE("a batch that is staged counts from when the one before it ended") {
  Bench bench;
  bench.launch(1, 100ms);
  bench.launch(2, 100ms);
  CHECK_FALSE(bench.pass(11s));
  bench.finish(1);
  CHECK_FALSE(bench.pass(11'900ms));
  CHECK(bench.pass(200ms));
}

TEST_CASE("time given to work inside does not count against the batch it paused") {
  Bench bench;
  bench.launch(1, 100ms);
  CHECK_FALSE(bench.pass(2s));
  bench.launch(2, 10ms, Entry::inside);
  CHECK_FALSE(bench.pass(5s));
  bench.finish(2);
  CHECK_FALSE(bench.pass(9'900ms));  // 2 + 5 + 9.9: over 12, less the 5
  CHECK(bench.pass(200ms));
}

TEST_CASE("work inside that does not come back is a stuck device as well") {
  Bench bench;
  bench.launch(1, 10s);  // has 210 s
  bench.launch(2, 10ms, Entry::inside);
  const auto lost = bench.pass(11s);
  REQUIRE(lost);
  CHECK(lost->second - Instant{} == 10'200ms);
}

TEST_CASE("only the worker that is stuck is given up") {
  Bench bench;
  bench.launch(1, 1ms, Entry::in_turn, 0);
  bench.launch(2, 1ms, Entry::in_turn, 1);
  CHECK_FALSE(bench.pass(1s));
  bench.finish(1, 0);
  const auto lost = bench.pass(20s);
  REQUIRE(lost);
  CHECK(lost->first == WorkerId{1});
}

TEST_CASE("a process that was stopped, and a clock that jumps, make nobody look stuck") {
  Bench bench;
  bench.launch(1, 1ms);
  bench.at += 1h;
  CHECK_FALSE(bench.watch.stalled(bench.at));
  bench.at -= 30min;
  CHECK_FALSE(bench.watch.stalled(bench.at));
  CHECK(bench.pass(20s));  // but time that is looked at counts
}

TEST_CASE("unknown and doubled reports and absurd predictions are harmless") {
  Bench bench;
  bench.finish(7);
  bench.launch(1, Duration::max());
  CHECK_FALSE(bench.pass(1h));
  bench.finish(1);
  bench.finish(1);
  bench.launch(2, Duration{-5});
  CHECK_FALSE(bench.pass(9s));
  CHECK(bench.pass(2s));
}
