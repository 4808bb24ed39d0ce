#include "base/random.hpp"

#include <array>
#include <cstdint>
#include <limits>

#include "tests/catch.hpp"

using troupe::Random;

TEST_CASE("a seed gives the same numbers on every machine") {
  // The reference implementation's first numbers (Vigna's splitmix64.c) for two seeds.
  Random zero(0);
  for (const std::uint64_t expected :
       {0xe220a8397b1dcdafULL, 0x6e789e6aa1b965f4ULL, 0x06c45d188009454fULL, 0xf88bb8a8724c81ecULL,
        0x1b39896a51a8749bULL})
    CHECK(zero.next() == expected);
  Random other(1234567);
  for (const std::uint64_t expected :
       {6457827717110365317ULL, 3203168211198807973ULL, 9817491932198370423ULL,
        4593380528125082431ULL, 16408922859458223821ULL})
    CHECK(other.next() == expected);
}

TEST_CASE("what is derived from the numbers is the same everywhere, too") {
  Random random(1);
  std::array<std::uint64_t, 8> drawn{};
  for (auto& each : drawn) each = random.below(100);
  CHECK(drawn == std::array<std::uint64_t, 8>{65, 19, 90, 35, 61, 48, 45, 33});
}

TEST_CASE("draws stay within their bounds and reach both ends") {
  Random random(5);
  std::array<int, 7> count{};
  for (int i = 0; i < 7000; ++i) ++count[static_cast<std::size_t>(random.between(-3, 3) + 3)];
  for (const int each : count) {
    CHECK(each > 850);
    CHECK(each < 1150);
  }
  for (int i = 0; i < 100; ++i) CHECK(random.below(1) == 0);
  CHECK(random.between(9, 9) == 9);
  const std::int64_t far = std::int64_t{1} << 61;
  for (int i = 0; i < 100; ++i) {
    const auto drawn = random.between(-far, far);
    CHECK(drawn >= -far);
    CHECK(drawn <= far);
  }
}

TEST_CASE("unit draws are in [0, 1) and even") {
  Random random(6);
  double sum = 0;
  for (int i = 0; i < 100000; ++i) {
    const double drawn = random.unit();
    REQUIRE(drawn >= 0.0);
    REQUIRE(drawn < 1.0);
    sum += drawn;
  }
  CHECK(sum / 100000 == Approx(0.5).margin(0.01));
}

TEST_CASE("chances come true as often as they say") {
  Random random(7);
  int never = 0;
  int always = 0;
  int third = 0;
  for (int i = 0; i < 30000; ++i) {
    never += random.chance(0.0) ? 1 : 0;
    always += random.chance(1.0) ? 1 : 0;
    third += random.chance(1.0 / 3) ? 1 : 0;
  }
  CHECK(never == 0);
  CHECK(always == 30000);
  CHECK(third > 9500);
  CHECK(third < 10500);
}

TEST_CASE("exponential gaps are positive, finite and of the mean asked for") {
  Random random(8);
  double sum = 0;
  int above_mean = 0;
  for (int i = 0; i < 100000; ++i) {
    const double gap = random.exponential(2.5);
    REQUIRE(gap >= 0.0);
    REQUIRE(gap < std::numeric_limits<double>::infinity());
    sum += gap;
    above_mean += gap > 2.5 ? 1 : 0;
  }
  CHECK(sum / 100000 == Approx(2.5).epsilon(0.02));
  CHECK(above_mean / 100000.0 == Approx(0.3679).margin(0.01));  // 1/e: the shape, not only the mean
}
