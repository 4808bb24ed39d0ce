// A against B on a machine that is never twice the same: run them in turns, k times, and look at
// each pair. What drifts slowly (clock speed, neighbours, heat) hits both halves of a pair alike,
// so the median of the paired ratios says what the medians of two separate series cannot.
//
// Which of the two goes first changes from pair to pair (A B, B A, A B ...), so that whatever the
// first leaves behind for the second cancels as well.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace troupe::bench::harness {

struct Spread {
  double median = 0;
  double low = 0;
  double high = 0;
};

// NaN throughout without values.
Spread spread_of(std::vector<double> values);

struct Comparison {
  Spread a;
  Spread b;
  Spread ratio;  // a / b of each pair
};

Comparison compare(std::span<const std::pair<double, double>> pairs);

// "1.31 (1.24 to 1.52)"
std::string spread_text(const Spread& spread);

// Runs `a` and `b` `pairs` times each, in turns. The first error ends it. `before` is told how many
// of the 2 * pairs runs are done, before each.
template <class Sample>
Result<std::vector<std::pair<Sample, Sample>>> run_pairs(
    std::size_t pairs, const std::function<Result<Sample>()>& a,
    const std::function<Result<Sample>()>& b,
    const std::function<void(std::size_t)>& before = [](std::size_t) {}) {
  std::vector<std::pair<Sample, Sample>> samples;
  samples.reserve(pairs);
  for (std::size_t i = 0; i < pairs; ++i) {
    const bool a_first = i % 2 == 0;
    before(2 * i);
    auto first = a_first ? a() : b();
    if (!first) return first.error();
    before(2 * i + 1);
    auto second = a_first ? b() : a();
    if (!second) return second.error();
    if (!a_first) std::swap(first, second);
    samples.emplace_back(std::move(*first), std::move(*second));
  }
  return samples;
}

}  // namespace troupe::bench::harness
