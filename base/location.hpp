// Where on Earth something is, how far apart two places are, and how long light in a fibre takes
// from one to the other and back.
//
// Distances are along great circles of a sphere, by the haversine formula (Sinnott, "Virtues of the
// Haversine", Sky and Telescope 1984), which keeps its digits for near places. The radius is the
// mean one of the Earth (R1 of the IUGG; Moritz, "Geodetic Reference System 1980"); the Earth being
// no sphere, distances are off by half a percent at most. Pure; no errors but a text that says no
// place.
#pragma once

#include <optional>
#include <string_view>

#include "base/time.hpp"

namespace troupe {

struct Location {
  double latitude = 0;   // degrees, -90 to 90, north positive
  double longitude = 0;  // degrees, -180 to 180, east positive
};

inline constexpr double earth_radius_km = 6371.0088;
// The speed of light in glass: two thirds of that in a vacuum.
inline constexpr double fibre_km_per_s = 299792.458 * 2 / 3;

// "52.52,13.40": latitude and longitude in degrees, spaces after the comma allowed. Nothing where
// it is not that.
std::optional<Location> parse_location(std::string_view text);

double great_circle_km(const Location& from, const Location& to);

// There and back: no network is quicker.
Duration least_round_trip(const Location& from, const Location& to);

// Between places on opposite sides.
Duration least_round_trip_max();

}  // namespace troupe
