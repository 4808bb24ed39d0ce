// Numbers with units, as people write them in config files and read them on a screen.
//
// A unit is mandatory: "8ms", "1.5s", "64MiB". Nothing is guessed; "8" and "8 furlongs" are errors.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/time.hpp"

namespace troupe {

// ns, us, ms, s, m, h; not negative; at most a year.
Result<Duration> parse_duration(std::string_view text);

// B, KiB, MiB, GiB (powers of 1024), kB, MB, GB (powers of 1000).
Result<std::uint64_t> parse_bytes(std::string_view text);

// The shortest exact form that parse_* reads back: "8ms", "1500us", "64MiB".
std::string format_duration(Duration duration);
std::string format_bytes(std::uint64_t bytes);

// Three significant digits for people: "1.53 ms", "842 us", "12.0 s".
std::string human_duration(Duration duration);

}  // namespace troupe
