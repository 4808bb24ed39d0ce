#include "transport/liveness.hpp"

#include "tests/catch.hpp"

using namespace troupe;
using std::chrono::milliseconds;
using std::chrono::seconds;
using troupe::transport::Liveness;

namespace {

constexpr Instant start{seconds(1000)};

Liveness waiting() {
  return {{.interval = seconds(1), .missed_max = 3, .hello_beats_max = 5}, start};
}

Liveness up_since_start() {
  Liveness life = waiting();
  REQUIRE(life.hello(7) == Liveness::Change::came_up);
  return life;
}

// Beats until it is dead, at exactly the times it asks for; at most `beats_max`.
int beats_until_dead(Liveness& life, int beats_max) {
  for (int beat = 1; beat <= beats_max; ++beat)
    if (life.advance(life.next()).dead) return beat;
  return -1;
}

}  // namespace

TEST_CASE("a heartbeat is due once per interval and not before") {
  Liveness life = up_since_start();
  CHECK(life.next() == start + seconds(1));
  CHECK(!life.advance(start + milliseconds(999)).beat);
  CHECK(life.advance(start + seconds(1)).beat);
  CHECK(!life.advance(start + milliseconds(1001)).beat);
  CHECK(life.next() == start + seconds(2));
}

TEST_CASE("a peer that falls silent is dead after the missed heartbeats, not one earlier") {
  Liveness life = up_since_start();
  // The hello was a sign of life within the first interval; then three silent ones.
  CHECK(beats_until_dead(life, 10) == 4);
}

TEST_CASE("one sign of life per interval keeps a peer alive for ever") {
  Liveness life = up_since_start();
  for (int i = 0; i < 1000; ++i) {
    life.heard();
    const auto due = life.advance(life.next());
    CHECK(due.beat);
    CHECK(!due.dead);
  }
  CHECK(beats_until_dead(life, 10) == 3);
}

TEST_CASE("two missed heartbeats are forgiven when the third comes") {
  Liveness life = up_since_start();
  for (int i = 0; i < 100; ++i) {
    CHECK(!life.advance(life.next()).dead);
    if (i % 3 == 2) life.heard();
  }
}

TEST_CASE("a process that stood still for an hour does not take its peers for dead") {
  Liveness life = up_since_start();
  const auto due = life.advance(start + std::chrono::hours(1));
  CHECK(due.beat);
  CHECK(!due.dead);
  CHECK(life.next() == start + std::chrono::hours(1) + seconds(1));
  CHECK(!life.advance(life.next()).dead);
}

TEST_CASE("a hello is repeated with each beat until it is answered, for a while") {
  Liveness life = waiting();
  CHECK(!life.up());
  for (int beat = 1; beat < 5; ++beat) CHECK(life.advance(life.next()).beat);
  const auto last = life.advance(life.next());
  CHECK(last.dead);
  CHECK(!last.beat);
}

TEST_CASE("the same hello again changes nothing, another epoch is a restart") {
  Liveness life = waiting();
  CHECK(life.hello(7) == Liveness::Change::came_up);
  CHECK(life.up());
  CHECK(life.epoch() == 7);
  CHECK(life.hello(7) == Liveness::Change::none);
  CHECK(life.hello(8) == Liveness::Change::restarted);
}

TEST_CASE("an interval near the end of time does not wrap around") {
  Liveness life({.interval = Duration::max(), .missed_max = 3, .hello_beats_max = 3}, start);
  CHECK(life.next() == never);
}
