#include "bench/compute/waits.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "base/random.hpp"
#include "tests/catch.hpp"

using troupe::Random;
using troupe::bench::compute::Waits;

TEST_CASE("between events at even distances every wait is as likely as another") {
  const Waits waits({2, 2, 2, 2});
  CHECK(waits.quantile(0.5) == Approx(1));
  CHECK(waits.quantile(0.99) == Approx(1.98));
  CHECK(waits.quantile(1) == Approx(2));
  CHECK(waits.quantile(0) == Approx(0).margin(1e-12));
}

TEST_CASE("a long distance is met as often as it is long") {
  // Nine of ten parts of the time lie in one distance; the others are over in no time.
  const Waits waits({1, 1, 1, 1, 1, 1, 1, 1, 1, 81});
  CHECK(waits.quantile(0.5) == Approx(36));
  CHECK(waits.longest() == 81);
  CHECK(std::isnan(Waits({}).quantile(0.5)));
}

TEST_CASE("waits are those of requests at random instants") {
  Random random(1);
  std::vector<double> distances(200);
  double end = 0;
  for (auto& distance : distances) end += distance = random.exponential(3);
  std::vector<double> waited(20'000);
  for (auto& wait : waited) {
    double left = random.unit() * end;
    std::size_t i = 0;
    while (left >= distances[i]) left -= distances[i++];
    wait = distances[i] - left;
  }
  std::sort(waited.begin(), waited.end());
  const Waits waits(distances);
  for (const double quantile : {0.1, 0.5, 0.9, 0.99})
    CHECK(waits.quantile(quantile) ==
          Approx(waited[static_cast<std::size_t>(quantile * 20'000)]).epsilon(0.05));
}
