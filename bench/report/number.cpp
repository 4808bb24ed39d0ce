#include "bench/report/number.hpp"

#include <array>
#include <cmath>
#include <cstdio>

namespace troupe::bench::report {
namespace {

std::string printed(const char* pattern, int precision, double value) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), pattern, precision, value);
  return text.data();
}

}  // namespace

std::string number_text(double value) {
  if (!std::isfinite(value)) return "-";
  const double size = std::abs(value);
  if (value == 0) return "0";
  if (size >= 1e9 || size < 1e-4) return printed("%.*e", 2, value);
  if (size < 1) {
    // Three digits after the leading zeros, without zeros at the end.
    std::string text = printed("%.*f", 2 - static_cast<int>(std::floor(std::log10(size))), value);
    while (text.back() == '0') text.pop_back();
    if (text.back() == '.') text.pop_back();
    return text;
  }
  // Thresholds lie where rounding would carry into a further digit: 9.996 reads 10.0.
  std::string text = printed("%.*f", size < 9.995 ? 2 : size < 99.95 ? 1 : 0, value);
  const std::size_t first_digit = value < 0 ? 1 : 0;
  if (size >= 99.95)
    for (std::size_t at = text.size(); at > first_digit + 3;) text.insert(at -= 3, ",");
  return text;
}

std::string tick_text(double value) {
  const double size = std::abs(value);
  if (size >= 1e9) return printed("%.*g", 6, value / 1e9) + "G";
  if (size >= 1e6) return printed("%.*g", 6, value / 1e6) + "M";
  if (size >= 1e3) return printed("%.*g", 6, value / 1e3) + "k";
  return printed("%.*g", 6, value);
}

}  // namespace troupe::bench::report
