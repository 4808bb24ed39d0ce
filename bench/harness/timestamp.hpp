// Dates with a time of day, as traces write them. Only their distances matter to a replay, so no
// clock, calendar of the machine or time zone is asked.
#pragma once

#include <optional>
#include <string_view>

#include "base/time.hpp"

namespace troupe::bench::harness {

// "2023-11-16 18:15:46.6805900", with up to nine digits behind the second or none, a "T" for the
// blank, and "Z" or "+00:00" at the end: nanoseconds since 1970 in UTC. Years from 1970 to 2199;
// nothing where it is anything else. A leap second counts as the one after it.
std::optional<Duration> parse_timestamp(std::string_view text) noexcept;

}  // namespace troupe::bench::harness
