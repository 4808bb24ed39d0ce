// Which node a client's task goes to, where locations are known.
#include "client/nearest.hpp"

#include <array>

#include "tests/catch.hpp"

using namespace std::chrono_literals;
using namespace troupe;

namespace {

constexpr Location berlin{52.52, 13.40}, paris{48.86, 2.35}, sydney{-33.87, 151.21};
constexpr Instant start{1h};

std::uint32_t choose(const Nearest& nearest, Instant now,
                     const std::vector<Nearest::Candidate>& candidates, std::uint64_t seed = 1) {
  Random random(seed);
  return nearest.choose(now, candidates, random);
}

}  // namespace

TEST_CASE("the nearest node gets a task, until one farther away is worth the trip") {
  const std::array<std::optional<Location>, 3> nodes{sydney, paris, berlin};
  const Nearest nearest(berlin, nodes);
  for (std::uint64_t seed = 1; seed <= 100; ++seed)
    CHECK(choose(nearest, start, {{0, 0}, {1, 0}, {2, 0}}, seed) == 2);
  CHECK(choose(nearest, start, {{0, 0}, {1, 0}}) == 1);  // the nearest is not feasible
  CHECK(choose(nearest, start, {{0, 0}}) == 0);
  // Berlin counts as 1 ms, Paris is 8.8 ms away: with nine tasks the one there takes as long.
  CHECK(choose(nearest, start, {{0, 0}, {1, 0}, {2, 7}}) == 2);
  CHECK(choose(nearest, start, {{0, 0}, {1, 0}, {2, 9}}) == 1);
}

TEST_CASE("what is measured counts for more than the map, and is forgotten") {
  const std::array<std::optional<Location>, 2> nodes{berlin, paris};
  Nearest nearest(berlin, nodes);
  nearest.measured(start, 0, 80ms);  // a satellite
  CHECK(nearest.way(start, 0) == 80ms);
  CHECK(choose(nearest, start, {{0, 0}, {1, 0}}) == 1);
  nearest.measured(start, 0, 40ms);
  CHECK(nearest.way(start, 0) == 75ms);
  for (int i = 0; i < 60; ++i) nearest.measured(start, 0, 2ms);
  CHECK(nearest.way(start, 0) < 3ms);
  CHECK(choose(nearest, start, {{0, 0}, {1, 0}}) == 0);
  nearest.measured(start, 0, 2s);
  CHECK(choose(nearest, start, {{0, 0}, {1, 0}}) == 1);
  CHECK(choose(nearest, start + 11s, {{0, 0}, {1, 0}}) == 0);
  nearest.measured(start, 1, 80ms);
  nearest.forget(1);
  CHECK(nearest.way(start, 1) < 10ms);
}

TEST_CASE("a node that does not say where it is comes last until it is measured") {
  const std::array<std::optional<Location>, 2> nodes{std::nullopt, sydney};
  Nearest nearest(berlin, nodes);
  CHECK(choose(nearest, start, {{0, 0}, {1, 0}}) == 1);
  nearest.measured(start, 0, 3ms);
  CHECK(choose(nearest, start, {{0, 0}, {1, 0}}) == 0);
}

TEST_CASE("without locations, and within one site, the node with the fewest tasks gets one") {
  const std::array<std::optional<Location>, 3> nowhere{};
  const std::array<std::optional<Location>, 3> site{berlin, Location{52.53, 13.41}, berlin};
  const std::array<std::optional<Location>, 3> apart{berlin, paris, sydney};
  for (Nearest nearest : {Nearest({}, apart), Nearest(berlin, nowhere), Nearest(berlin, site)}) {
    Random random(3);
    nearest.measured(start, 0, 300us);
    std::array<std::size_t, 3> chosen{};
    for (int i = 0; i < 300; ++i) {
      std::vector<Nearest::Candidate> candidates;
      std::size_t fewest = 100;
      for (std::uint32_t node = 0; node < 3; ++node) {
        candidates.push_back({node, static_cast<std::size_t>(random.below(4))});
        fewest = std::min(fewest, candidates.back().tasks);
      }
      const std::uint32_t node = nearest.choose(start, candidates, random);
      CHECK(candidates[node].tasks == fewest);
      ++chosen[node];
    }
    for (const std::size_t times : chosen) CHECK(times > 50);
  }
}
