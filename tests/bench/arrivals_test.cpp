#include "bench/harness/arrivals.hpp"

#include <cmath>
#include <limits>
#include <map>

#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::bench::harness;
using namespace std::chrono_literals;

namespace {

std::vector<Arrival> drawn(const ArrivalProcess& process, std::size_t count,
                           std::uint64_t seed = 1) {
  auto arrivals = Arrivals::make(process, seed);
  REQUIRE(arrivals);
  std::vector<Arrival> list;
  for (std::size_t i = 0; i < count; ++i) list.push_back(arrivals->next());
  for (std::size_t i = 1; i < count; ++i) REQUIRE(list[i].at >= list[i - 1].at);
  return list;
}

Replay replay(std::vector<Arrival> recorded, double speed = 1) {
  return {std::make_shared<const std::vector<Arrival>>(std::move(recorded)), speed};
}

}  // namespace

TEST_CASE("Poisson arrivals keep their rate and vary as such arrivals do") {
  const auto list = drawn(Poisson{8000}, 80000);
  CHECK(rate_per_second(list) == Approx(8000).epsilon(0.02));
  // Arrivals per 10 ms: mean 80, and the variance of a Poisson count is its mean.
  std::map<std::int64_t, double> counts;
  for (const auto& one : list) ++counts[one.at / Duration(10ms)];
  counts.erase(std::prev(counts.end()));
  double variance = 0;
  for (const auto& [bin, count] : counts) variance += (count - 80) * (count - 80);
  CHECK(variance / static_cast<double>(counts.size()) == Approx(80).epsilon(0.15));
}

TEST_CASE("very high rates are kept although instants are whole nanoseconds") {
  CHECK(rate_per_second(drawn(Poisson{3e8}, 300000)) == Approx(3e8).epsilon(0.02));
}

TEST_CASE("bursts come together and keep the rate of tasks") {
  const auto list = drawn(Bursts{5000, 8}, 100000);
  CHECK(rate_per_second(list) == Approx(5000).epsilon(0.05));
  std::map<Duration, int> groups;
  for (const auto& one : list) ++groups[one.at];
  CHECK(static_cast<double>(list.size()) / static_cast<double>(groups.size()) ==
        Approx(8).epsilon(0.05));
  CHECK(drawn(Bursts{5000, 1}, 100).size() == 100);
}

TEST_CASE("the same seed gives the same arrivals, another seed others") {
  const auto one = drawn(Poisson{100}, 50, 7);
  const auto same = drawn(Poisson{100}, 50, 7);
  const auto other = drawn(Poisson{100}, 50, 8);
  CHECK(one.back().at == same.back().at);
  CHECK(one.back().at != other.back().at);
}

TEST_CASE("a recording is replayed at its speed and goes round") {
  const auto list = drawn(replay({{2s, 7}, {3s, 8}, {6s, 9}}, 2), 7);
  CHECK(list[0].at == 0ms);
  CHECK(list[0].units == 7);
  CHECK(list[1].at == 500ms);
  CHECK(list[2].at == 2s);
  CHECK(list[2].units == 9);
  // The mean gap of 2 s, at double speed, lies between two rounds.
  CHECK(list[3].at == 3s);
  CHECK(list[3].units == 7);
  CHECK(list[6].at == 6s);
  CHECK(rate_per_second({{2s, 7}, {3s, 8}, {6s, 9}}) == Approx(0.5));
  CHECK(rate_per_second({{2s, 7}}) == 0);
}

TEST_CASE("processes that make no sense are refused") {
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<ArrivalProcess> senseless = {Poisson{0},
                                                 Poisson{-1},
                                                 Poisson{std::nan("")},
                                                 Poisson{infinity},
                                                 Bursts{100, 0.5},
                                                 Bursts{100, 1e9},
                                                 Bursts{0, 2},
                                                 Bursts{5, std::nan("")},
                                                 Replay{},
                                                 replay({}),
                                                 replay({{1s, 1}}),
                                                 replay({{1s, 1}, {1s, 1}}),
                                                 replay({{2s, 1}, {1s, 1}}),
                                                 replay({{1s, 1}, {2s, 1}}, 0)};
  for (const auto& process : senseless) {
    const auto arrivals = Arrivals::make(process, 1);
    REQUIRE_FALSE(arrivals);
    CHECK(arrivals.error().code == ErrorCode::invalid_argument);
  }
}

TEST_CASE("instants stay in range however slow the process or long the replay") {
  for (const auto& one : drawn(Poisson{1e-9}, 100)) CHECK(one.at <= 24h * 366);
  for (const auto& one : drawn(replay({{0s, 1}, {1h, 1}}, 1e-9), 100)) CHECK(one.at <= 24h * 366);
}

TEST_CASE("an open loop hands out what is due, all of it, and nothing beyond its end") {
  auto arrivals = Arrivals::make(replay({{0s, 1}, {10ms, 2}, {20ms, 3}, {30ms, 4}}), 1);
  REQUIRE(arrivals);
  OpenLoop loop(std::move(*arrivals), 25ms);
  CHECK(loop.next_due() == Duration(0ms));
  CHECK(loop.take(0ms)->units == 1);
  CHECK_FALSE(loop.take(9ms));
  CHECK(loop.next_due() == Duration(10ms));
  // Whoever drives it was held up: it gets both, each with its own instant.
  CHECK(loop.take(24ms)->at == 10ms);
  CHECK(loop.take(24ms)->at == 20ms);
  CHECK_FALSE(loop.take(24h));
  CHECK_FALSE(loop.next_due());
}
