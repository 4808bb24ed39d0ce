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
constexpr std::uint64_t year_ns = 365ULL * 24 * 3600 * 1'000'000'000;
constexpr std::uint64_t bytes_max = 9'000'000'000'000'000'000ULL;

// The text's value in the smallest of `units`, when it is a number with one of them and not over
// `max`. Whole numbers are exact, however long; fractions go through a double and are rounded.
template <std::size_t n>
std::optional<std::uint64_t> parse(std::string_view text, const std::array<Unit, n>& units,
                                   std::uint64_t max) {
  const auto digits = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string_view number = text.substr(0, digits);
  const std::string_view suffix = text.substr(digits);
  const auto unit = std::find_if(units.begin(), units.end(),
                                 [&](const Unit& candidate) { return candidate.name == suffix; });
  if (unit == units.end()) return std::nullopt;

  const auto scale = static_cast<std::uint64_t>(unit->scale);
  const char* const end = number.data() + number.size();
  std::uint64_t whole = 0;
  if (const auto [rest, status] = std::from_chars(number.data(), end, whole);
      status == std::errc{} && rest == end) {
    std::uint64_t value = 0;
    if (__builtin_mul_overflow(whole, scale, &value) || value > max) return std::nullopt;
    return value;
  }
  double fraction = 0;
  const auto [rest, status] = std::from_chars(number.data(), end, fraction);
  if (status != std::errc{} || rest != end) return std::nullopt;
  const double value = fraction * static_cast<double>(scale);
  if (!(value <= static_cast<double>(max))) return std::nullopt;
  return static_cast<std::uint64_t>(std::llround(value));
}

template <std::size_t n, class Value>
std::string format(Value value, const std::array<Unit, n>& units, std::string_view smallest) {
  if (value == 0) return "0" + std::string(smallest);
  for (const auto& unit : units)
    if (const auto scale = static_cast<Value>(unit.scale); value % scale == 0)
      return std::to_string(value / scale) + std::string(unit.name);
  TROUPE_ASSERT(false, "a family of units without its unit of 1");
}

Error unreadable(std::string_view text, std::string_view what, std::string_view examples) {
  return {ErrorCode::invalid_argument,
          "'" + std::string(text) + "' is not a " + std::string(what) + " with a unit",
          "write it like " + std::string(examples)};
}

}  // namespace

Result<Duration> parse_duration(std::string_view text) {
  const auto value = parse(text, duration_units, year_ns);
  if (!value) return unreadable(text, "duration", "'8ms', '1.5s' or '2m'");
  return Duration{static_cast<Duration::rep>(*value)};
}

Result<std::uint64_t> parse_bytes(std::string_view text) {
  const auto value = parse(text, byte_units, bytes_max);
  if (!value) return unreadable(text, "size", "'64KiB', '16MiB' or '2GiB'");
  return *value;
}

std::string format_duration(Duration duration) {
  return format(duration.count(), duration_units, "s");
}

std::string format_bytes(std::uint64_t bytes) {
  return format(bytes, byte_units, "B");
}

std::string human_duration(Duration duration) {
  // Thresholds lie where rounding to three digits would carry: 999.6 us reads 1.00 ms.
  const double ns = static_cast<double>(duration.count());
  const Unit* unit = &duration_units.back();
  for (const Unit& candidate : duration_units)
    if (candidate.name != "h" && candidate.name != "m" &&
        std::abs(ns) >= 0.9995 * static_cast<double>(candidate.scale)) {
      unit = &candidate;
      break;
    }
  const double scaled = ns / static_cast<double>(unit->scale);
  const int decimals = std::abs(scaled) >= 99.95 ? 0 : std::abs(scaled) >= 9.995 ? 1 : 2;
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%.*f %.*s", decimals, scaled,
                static_cast<int>(unit->name.size()), unit->name.data());
  return text.data();
}

}  // namespace troupe
