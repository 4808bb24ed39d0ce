#include "bench/harness/timestamp.hpp"

#include <chrono>
#include <cstddef>

namespace troupe::bench::harness {
namespace {

// Takes from the front of a text; once something was not there, nothing is.
class Scanner {
 public:
  explicit Scanner(std::string_view text) noexcept : rest_(text) {}

  int number(std::size_t digits) noexcept {
    int value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      if (!digit_next()) return fail();
      value = value * 10 + (rest_.front() - '0');
      rest_.remove_prefix(1);
    }
    return value;
  }

  void literal(std::string_view any_of) noexcept {
    if (rest_.empty() || any_of.find(rest_.front()) == std::string_view::npos)
      fail();
    else
      rest_.remove_prefix(1);
  }

  // ".6805900" in nanoseconds; 0 where no point follows.
  int fraction_ns() noexcept {
    if (rest_.empty() || rest_.front() != '.') return 0;
    rest_.remove_prefix(1);
    if (!digit_next()) return fail();
    int value = 0;
    int digits = 0;
    for (; digit_next() && digits < 9; ++digits) {
      value = value * 10 + (rest_.front() - '0');
      rest_.remove_prefix(1);
    }
    for (; digits < 9; ++digits) value *= 10;
    return value;
  }

  [[nodiscard]] bool at_end() const noexcept {
    return sound_ && (rest_.empty() || rest_ == "Z" || rest_ == "+00:00");
  }

 private:
  [[nodiscard]] bool digit_next() const noexcept {
    return !rest_.empty() && rest_.front() >= '0' && rest_.front() <= '9';
  }
  int fail() noexcept {
    sound_ = false;
    rest_ = {};
    return 0;
  }

  std::string_view rest_;
  bool sound_ = true;
};

}  // namespace

std::optional<Duration> parse_timestamp(std::string_view text) noexcept {
  Scanner scanner(text);
  const int year = scanner.number(4);
  scanner.literal("-");
  const int month = scanner.number(2);
  scanner.literal("-");
  const int day = scanner.number(2);
  scanner.literal(" T");
  const int hour = scanner.number(2);
  scanner.literal(":");
  const int minute = scanner.number(2);
  scanner.literal(":");
  const int second = scanner.number(2);
  const int fraction_ns = scanner.fraction_ns();
  if (!scanner.at_end()) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || year < 1970 || year > 2199) return std::nullopt;
  if (hour > 23 || minute > 59 || second > 60) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch() + std::chrono::hours(hour) +
         std::chrono::minutes(minute) + std::chrono::seconds(second) +
         std::chrono::nanoseconds(fraction_ns);
}

}  // namespace troupe::bench::harness
