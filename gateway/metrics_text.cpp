#include "gateway/metrics_text.hpp"

#include <array>
#include <charconv>
#include <utility>
#include <vector>

namespace troupe::gateway {
namespace {

std::string digits_of(double value) {
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  return {digits.data(), end};
}

double seconds(Duration duration) {
  return static_cast<double>(duration.count()) / 1e9;
}

// Those of every histogram of times, as they are written.
const std::vector<std::pair<Duration, std::string>>& bounds() {
  static const auto all = [] {
    std::vector<std::pair<Duration, std::string>> made;
    for (std::size_t i = 0; i < OctaveHistogram::bounds; ++i) {
      const Duration bound = std::chrono::microseconds(OctaveHistogram::first_us << i);
      made.emplace_back(bound, digits_of(seconds(bound)));
    }
    return made;
  }();
  return all;
}

void append_escaped(std::string& text, std::string_view value) {
  for (const char c : value) {
    if (c == '\\' || c == '"') text += '\\';
    if (c == '\n')
      text += "\\n";
    else
      text += c;
  }
}

}  // namespace

void MetricsText::family(std::string_view name, std::string_view kind, std::string_view help) {
  name_ = name;
  ((text_ += "# HELP ") += name) += ' ';
  (text_ += help) += "\n# TYPE ";
  ((text_ += name) += ' ') += kind;
  text_ += '\n';
}

void MetricsText::sample(Labels labels, double value) {
  put("", labels, {}, digits_of(value));
}

void MetricsText::sample(Labels labels, Duration value) {
  sample(labels, seconds(value));
}

void MetricsText::histogram(Labels labels, const DurationHistogram& durations) {
  put_durations(labels, durations);
}

void MetricsText::histogram(Labels labels, const OctaveHistogram& durations) {
  put_durations(labels, durations);
}

template <class Histogram>
void MetricsText::put_durations(Labels labels, const Histogram& durations) {
  std::uint64_t below = 0;
  Duration from = Duration::zero();
  for (const auto& [bound, in_seconds] : bounds()) {
    below += durations.count_between(std::exchange(from, bound), bound);
    put("_bucket", labels, {"le", in_seconds}, std::to_string(below));
  }
  const std::string count = std::to_string(durations.count());
  put("_bucket", labels, {"le", "+Inf"}, count);
  put("_sum", labels, {}, digits_of(seconds(durations.sum())));
  put("_count", labels, {}, count);
}

void MetricsText::histogram(Labels labels, std::span<const std::uint64_t> counts_by_size) {
  std::uint64_t below = 0;
  std::uint64_t sum = 0;
  for (std::size_t size = 0, bound = 1; size < counts_by_size.size(); ++size) {
    below += counts_by_size[size];
    sum += counts_by_size[size] * size;
    if (size != bound) continue;
    put("_bucket", labels, {"le", std::to_string(bound)}, std::to_string(below));
    bound *= 2;
  }
  put("_bucket", labels, {"le", "+Inf"}, std::to_string(below));
  put("_sum", labels, {}, std::to_string(sum));
  put("_count", labels, {}, std::to_string(below));
}

void MetricsText::put(std::string_view suffix, Labels labels, Label last, std::string_view value) {
  (text_ += name_) += suffix;
  char before = '{';
  const auto label = [&](const Label& one) {
    text_ += before;
    (text_ += one.first) += "=\"";
    append_escaped(text_, one.second);
    text_ += '"';
    before = ',';
  };
  for (const Label& one : labels) label(one);
  if (!last.first.empty()) label(last);
  if (before == ',') text_ += '}';
  ((text_ += ' ') += value) += '\n';
}

}  // namespace troupe::gateway
