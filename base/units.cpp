#include "base/units.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <optional>

namespace troupe {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t scale;
};

// Largest first within a family, so that formatting takes the first unit that divides exactly.
constexpr std::array<Unit, 6> duration_units = {{{"h", 3'600'000'000'000},
                                                 {"m", 60'000'000'000},
                                                 {"s", 1'000'000'000},
                                                 {"ms", 1'000'000},
                                                 {"us", 1'000},
                                                 {"ns", 1}}};
constexpr std::array<Unit, 7> byte_units = {{{"GiB", std::int64_t{1} << 30},
                                             {"MiB", std::int64_t{1} << 20},
                                             {"KiB", std::int64_t{1} << 10},
                                             {"GB", 1'000'000'000},
                                             {"MB", 1'000'000},
                                             {"kB", 1'000},
                                             {"B", 1}}};
constexpr double year_ns = 365.0 * 24 * 3600 * 1e9;
constexpr double bytes_max = 9e18;

template <std::size_t n>
std::optional<double> parse(std::string_view text, const std::array<Unit, n>& units) {
  double number = 0;
  const auto [rest, status] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (status != std::errc{} || !std::isfinite(number) || number < 0) return std::nullopt;
  const std::string_view suffix(rest, static_cast<std::size_t>(text.data() + text.size() - rest));
  const auto unit = std::find_if(units.begin(), units.end(),
                                 [&](const Unit& candidate) { return candidate.name == suffix; });
  if (unit == units.end()) return std::nullopt;
  return number * static_cast<double>(unit->scale);
}

template <std::size_t n>
std::string format(std::int64_t value, const std::array<Unit, n>& units,
                   std::string_view smallest) {
  if (value == 0) return "0" + std::string(smallest);
  for (const auto& unit : units)
    if (value % unit.scale == 0) return std::to_string(value / unit.scale) + std::string(unit.name);
  return std::to_string(value) + std::string(smallest);
}

Error unreadable(std::string_view text, std::string_view what, std::string_view examples) {
  return {ErrorCode::invalid_argument,
          "'" + std::string(text) + "' is not a " + std::string(what) + " with a unit",
          "write it like " + std::string(examples)};
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  const auto value = parse(text, duration_units);
  if (!value || *value > year_ns) return unreadable(text, "duration", "'8ms', '1.5s' or '2m'");
  return Duration{std::llround(*value)};
}

Result<std::uint64_t> parse_bytes(std::string_view text) {
  const auto value = parse(text, byte_units);
  if (!value || *value > bytes_max) return unreadable(text, "size", "'64KiB', '16MiB' or '2GiB'");
  return static_cast<std::uint64_t>(*value);
}

std::string format_duration(Duration duration) {
  return format(duration.count(), duration_units, "s");
}

std::string format_bytes(std::uint64_t bytes) {
  return format(static_cast<std::int64_t>(bytes), byte_units, "B");
}

std::string human_duration(Duration duration) {
  const double ns = static_cast<double>(duration.count());
  const Unit* unit = &duration_units.back();
  for (const Unit& candidate : duration_units)
    if (candidate.name != "h" && candidate.name != "m" &&
        std::abs(ns) >= static_cast<double>(candidate.scale)) {
      unit = &candidate;
      break;
    }
  const double scaled = ns / static_cast<double>(unit->scale);
  const int decimals = std::abs(scaled) >= 100 ? 0 : std::abs(scaled) >= 10 ? 1 : 2;
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%.*f %.*s", decimals, scaled,
                static_cast<int>(unit->name.size()), unit->name.data());
  return text.data();
}

}  // namespace troupe
