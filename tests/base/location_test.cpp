#include "base/location.hpp"

#include <cmath>
#include <numbers>

#include "tests/catch.hpp"

using namespace std::chrono_literals;
using namespace troupe;

namespace {

constexpr Location berlin{52.5200, 13.4050}, paris{48.8566, 2.3522}, london{51.5074, -0.1278},
    new_york{40.7128, -74.0060}, sydney{-33.8688, 151.2093}, tokyo{35.6762, 139.6503};

bool about(double is, double should) {
  return std::abs(is - should) <= 0.005 * should;
}

}  // namespace

TEST_CASE("cities are as far apart as an atlas says, within half a percent") {
  CHECK(about(great_circle_km(berlin, paris), 878));
  CHECK(about(great_circle_km(london, new_york), 5570));
  CHECK(about(great_circle_km(sydney, tokyo), 7820));
  CHECK(about(great_circle_km(london, paris), 344));
  CHECK(great_circle_km(paris, berlin) == great_circle_km(berlin, paris));
  CHECK(great_circle_km(berlin, berlin) == 0);
}

TEST_CASE("neither the date line nor a pole is far from itself") {
  const double degree = earth_radius_km * std::numbers::pi / 180;
  CHECK(about(great_circle_km({0, 179.5}, {0, -179.5}), degree));
  CHECK(great_circle_km({10, 180}, {10, -180}) < 1e-6);
  CHECK(great_circle_km({90, 0}, {90, 123}) < 1e-6);
  CHECK(great_circle_km({-90, -50}, {-90, 50}) < 1e-6);
  CHECK(about(great_circle_km({89, 0}, {89, 180}), 2 * degree));
  CHECK(about(great_circle_km({90, 0}, {-90, 0}), 180 * degree));
  CHECK(about(great_circle_km({12, 34}, {-12, -146}), 180 * degree));  // opposite
}

TEST_CASE("a round trip takes what light in glass takes") {
  CHECK(least_round_trip({0, 0}, {0, 0}) == Duration::zero());
  // 5570 km at 199861 km a second, twice.
  CHECK(about(static_cast<double>(least_round_trip(london, new_york).count()), 55.7e6));
  CHECK(least_round_trip({12, 34}, {-12, -146}) <= least_round_trip_max());
  CHECK(least_round_trip_max() > 200ms);
  CHECK(least_round_trip_max() < 201ms);
}

TEST_CASE("a text is a place or it is not") {
  const auto place = parse_location("52.52,13.40");
  REQUIRE(place);
  CHECK(place->latitude == 52.52);
  CHECK(place->longitude == 13.40);
  CHECK(parse_location("-90, -180"));
  CHECK(parse_location("0,0"));
  for (const char* text : {"", ",", "52.52", "52.52,", ",13.4", "91,0", "-90.1,0", "0,180.5", "a,b",
                           "52.52;13.40", "1,2,3", "nan,0", "0,inf", "1,2 ", " 1,2", "1e1,2"})
    CHECK_FALSE(parse_location(text));
}
