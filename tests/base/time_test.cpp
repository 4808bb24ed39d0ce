#include "base/time.hpp"

#include "base/clock.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using namespace std::chrono_literals;

TEST_CASE("later adds, and stops at never instead of overflowing") {
  const Instant start{100s};
  CHECK(later(start, 5ms) == Instant{100s + 5ms});
  CHECK(later(start, 0ns) == start);
  CHECK(later(start, -5ms) == Instant{100s - 5ms});
  CHECK(later(never, 1ns) == never);
  CHECK(later(never, 0ns) == never);
  CHECK(later(start, Duration::max()) == never);
  CHECK(later(never - 5ns, 5ns) == never);
  CHECK(later(never - 5ns, 6ns) == never);
  CHECK(later(never - 5ns, 4ns) == never - 1ns);
  CHECK(later(Instant::min(), Duration::max()) < Instant{1s});
}

TEST_CASE("instants of another clock are another type") {
  STATIC_REQUIRE_FALSE(std::is_convertible_v<std::chrono::steady_clock::time_point, Instant>);
  STATIC_REQUIRE(later(Instant{}, 1s) == Instant{1s});
}

TEST_CASE("the machine's clock does not go back") {
  Instant before = now();
  for (int i = 0; i < 10000; ++i) {
    const Instant after = now();
    REQUIRE(after >= before);
    before = after;
  }
  CHECK(before < never);
}
