#include "base/location.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numbers>

namespace troupe {
namespace {

// The whole text, within the bounds.
std::optional<double> degrees(std::string_view text, double bound) {
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, failed] = std::from_chars(text.data(), end, value, std::chars_format::fixed);
  if (failed != std::errc() || stop != end || !(std::abs(value) <= bound)) return std::nullopt;
  return value;
}

Duration there_and_back(double km) {
  return std::chrono::duration_cast<Duration>(
      std::chrono::duration<double>(2 * km / fibre_km_per_s));
}

}  // namespace

std::optional<Location> parse_location(std::string_view text) {
  const auto comma = text.find(',');
  if (comma == std::string_view::npos) return std::nullopt;
  std::string_view second = text.substr(comma + 1);
  second.remove_prefix(std::min(second.find_first_not_of(' '), second.size()));
  const auto latitude = degrees(text.substr(0, comma), 90);
  const auto longitude = degrees(second, 180);
  if (!latitude || !longitude) return std::nullopt;
  return Location{*latitude, *longitude};
}

double great_circle_km(const Location& from, const Location& to) {
  constexpr double radians = std::numbers::pi / 180;
  const double up = std::sin((to.latitude - from.latitude) * radians / 2);
  const double across = std::sin((to.longitude - from.longitude) * radians / 2);
  const double haversine = up * up + std::cos(from.latitude * radians) *
                                         std::cos(to.latitude * radians) * across * across;
  // Rounding may carry it over one for places on opposite sides.
  return 2 * earth_radius_km * std::asin(std::sqrt(std::clamp(haversine, 0.0, 1.0)));
}

Duration least_round_trip(const Location& from, const Location& to) {
  return there_and_back(great_circle_km(from, to));
}

Duration least_round_trip_max() {
  return there_and_back(std::numbers::pi * earth_radius_km);
}

}  // namespace troupe
