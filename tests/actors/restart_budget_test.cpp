#include "actors/restart_budget.hpp"

#include "tests/catch.hpp"

using namespace std::chrono_literals;
using troupe::Duration;
using troupe::Instant;
using troupe::actors::RestartBudget;
using troupe::actors::RestartOptions;

namespace {
Instant at(Duration since_start) {
  return Instant{} + since_start;
}
constexpr RestartOptions options{4, 60s, 10ms, 50ms};
}  // namespace

TEST_CASE("the wait doubles with each crash, up to its limit") {
  RestartBudget budget(options);
  CHECK(budget.crashed(at(1s)) == 10ms);
  CHECK(budget.crashed(at(2s)) == 20ms);
  CHECK(budget.crashed(at(3s)) == 40ms);
  CHECK(budget.crashed(at(4s)) == 50ms);
}

TEST_CASE("after restarts_max within the window there is no further restart") {
  RestartBudget budget(options);
  for (int i = 0; i < 4; ++i) CHECK(budget.crashed(at(i * 1s)).has_value());
  CHECK_FALSE(budget.crashed(at(59s)).has_value());
}

TEST_CASE("crashes older than the window are forgiven") {
  RestartBudget budget(options);
  for (int i = 0; i < 4; ++i) CHECK(budget.crashed(at(0s)).has_value());
  CHECK(budget.crashed(at(60s)) == 10ms);
}

TEST_CASE("no restarts at all can be asked for") {
  RestartBudget budget(RestartOptions{0, 60s, 10ms, 50ms});
  CHECK_FALSE(budget.crashed(at(0s)).has_value());
}
