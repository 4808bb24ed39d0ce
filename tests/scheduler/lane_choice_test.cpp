#include "scheduler/lane_choice.hpp"

#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::scheduler;
using std::chrono::milliseconds;

namespace {

// At 1 s, with a threshold of 100 ms of laxity.
Lane choose(std::optional<Lane> asked, Instant deadline, Duration cost = Duration::zero()) {
  return choose_lane(LaneOptions{}, asked, Instant{milliseconds(1000)}, deadline, cost);
}
Instant at_ms(int at) {
  return Instant{milliseconds(at)};
}

}  // namespace

TEST_CASE("a task takes the lane it asks for, whatever its deadline") {
  CHECK(choose(Lane::urgent, never) == Lane::urgent);
  CHECK(choose(Lane::ordinary, at_ms(1001)) == Lane::ordinary);
}

TEST_CASE("a task that asks for nothing is urgent when it cannot wait") {
  CHECK(choose(std::nullopt, at_ms(1099)) == Lane::urgent);
  CHECK(choose(std::nullopt, at_ms(1100)) == Lane::ordinary);
  CHECK(choose(std::nullopt, never) == Lane::ordinary);
}

TEST_CASE("what a task takes to run is no time it can wait") {
  CHECK(choose(std::nullopt, at_ms(1150)) == Lane::ordinary);
  CHECK(choose(std::nullopt, at_ms(1150), milliseconds(51)) == Lane::urgent);
}

TEST_CASE("with lanes off everything is ordinary") {
  LaneOptions off;
  off.enabled = false;
  CHECK(choose_lane(off, Lane::urgent, Instant{}, at_ms(1), Duration::zero()) == Lane::ordinary);
}

TEST_CASE("absurd times do not overflow the choice") {
  CHECK(choose(std::nullopt, never, Duration::max()) == Lane::ordinary);
  CHECK(choose(std::nullopt, at_ms(5000), Duration::max()) == Lane::urgent);
  CHECK(choose(std::nullopt, Instant::min(), Duration::min()) == Lane::urgent);
}
