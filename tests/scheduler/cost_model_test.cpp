#include "scheduler/cost_model.hpp"

#include <cmath>

#include "base/random.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::scheduler;
using std::chrono::microseconds;
using std::chrono::milliseconds;

namespace {

double us(Duration duration) {
  return static_cast<double>(duration.count()) / 1e3;
}

Duration with_noise(double microseconds, double sigma, Random& random) {
  const double normal =
      std::sqrt(-2 * std::log(1 - random.unit())) * std::cos(6.283185307179586 * random.unit());
  return Duration{static_cast<Duration::rep>(microseconds * 1e3 * std::exp(sigma * normal))};
}

}  // namespace

TEST_CASE("a cost model says its guess until something is measured") {
  CostModel model(microseconds(2000), microseconds(50));
  CHECK(us(model.predict(1)) == 2050);
  CHECK(us(model.predict(32)) == 3600);
  model.guess(microseconds(1000), microseconds(10));
  CHECK(us(model.predict(1)) == 1010);
}

TEST_CASE("a cost model that nobody guessed learns from what it sees") {
  CostModel model;
  Random random(3);
  for (int i = 0; i < 300; ++i) {
    const std::uint64_t units = 1 + random.below(64);
    model.observe(units, with_noise(700 + 100 * static_cast<double>(units), 0.02, random));
  }
  for (const std::uint64_t units : {1, 8, 20, 64})
    CHECK(us(model.predict(units)) == Approx(700 + 100 * static_cast<double>(units)).epsilon(0.05));
}

TEST_CASE("a wrong guess is corrected within a few batches, for sizes never seen, too") {
  CostModel model(microseconds(100), microseconds(500));
  for (int i = 0; i < 20; ++i)
    for (const std::uint64_t units : {4, 16, 32})
      model.observe(units, microseconds(2000 + 50 * static_cast<int>(units)));
  CHECK(us(model.predict(24)) == Approx(3200).epsilon(0.05));
}

TEST_CASE("steps of a device are learned by size and never turn monotony round") {
  CostModel model(microseconds(1000), microseconds(10));
  // 32 units fit into one wave: the 33rd costs as much as 32 more.
  const auto step = [](std::uint64_t units) {
    return microseconds(1000 * static_cast<int>((units + 31) / 32));
  };
  for (int i = 0; i < 40; ++i)
    for (const std::uint64_t units : {8, 16, 32, 40, 64}) model.observe(units, step(units));
  CHECK(us(model.predict(32)) == Approx(1000).epsilon(0.1));
  CHECK(us(model.predict(40)) == Approx(2000).epsilon(0.1));
  for (std::uint64_t units = 1; units < 128; ++units)
    CHECK(model.predict(units + 1) >= model.predict(units) - microseconds(1));
}

TEST_CASE("a device that becomes twice as slow is known within 50 batches") {
  for (const double factor : {2.0, 0.5}) {
    CostModel model(microseconds(2000), microseconds(50));
    Random random(5);
    const auto batch = [&](double by) {
      const std::uint64_t units = 1 + random.below(32);
      model.observe(units, with_noise(by * (2000 + 50 * static_cast<double>(units)), 0.03, random));
    };
    for (int i = 0; i < 500; ++i) batch(1);
    CHECK(model.changes() == 0);
    for (int i = 0; i < 50; ++i) batch(factor);
    CHECK(us(model.predict(16)) == Approx(factor * 2800).epsilon(0.05));
  }
}

TEST_CASE("one outlier moves a prediction by no more than a few percent") {
  CostModel model(microseconds(1000), microseconds(10));
  for (int i = 0; i < 200; ++i) model.observe(10, microseconds(1100 + i % 7));
  const double before = us(model.predict(10));
  model.observe(10, std::chrono::hours(3));
  CHECK(us(model.predict(10)) == Approx(before).epsilon(0.05));
}

TEST_CASE("nonsense is no measurement, and extremes do not overflow") {
  CostModel model(microseconds(1000), microseconds(10));
  model.observe(10, Duration{0});
  model.observe(10, Duration{-5});
  CHECK(model.observations() == 0);
  CHECK(us(model.predict(10)) == 1100);
  CHECK(model.predict(~std::uint64_t{0}) <= std::chrono::hours(1));
  model.observe(~std::uint64_t{0}, Duration::max());
  CHECK(model.predict(1) > Duration{0});
  CHECK(model.upper(~std::uint64_t{0}) <= std::chrono::hours(1));
}

TEST_CASE("the upper bound holds for 99 of 100 batches") {
  CostModel model(microseconds(1000), microseconds(10));
  Random random(11);
  int over = 0;
  for (int i = 0; i < 20'000; ++i) {
    const Duration took = with_noise(1100, 0.1, random);
    if (i >= 2'000 && took > model.upper(10)) ++over;
    model.observe(10, took);
  }
  CHECK(over > 18'000 * 0.003);
  CHECK(over < 18'000 * 0.02);
}
