// Prometheus' text format, version 0.0.4
// (https://prometheus.io/docs/instrumenting/exposition_formats/): families of samples, written one
// after the other.
//
//   MetricsText text;
//   text.family("troupe_tasks_queued", "gauge", "Tasks that wait.");
//   text.sample({{"lane", "urgent"}}, 3);
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/histogram.hpp"
#include "base/octave_histogram.hpp"

namespace troupe::gateway {

class MetricsText {
 public:
  using Label = std::pair<std::string_view, std::string_view>;
  using Labels = std::initializer_list<Label>;

  // Begins a family, to which the samples that follow belong. `kind` is counter, gauge or
  // histogram.
  void family(std::string_view name, std::string_view kind, std::string_view help);

  void sample(Labels labels, std::unsigned_integral auto value) {
    put("", labels, {}, std::to_string(value));
  }
  void sample(Labels labels, double value);
  void sample(Labels labels, Duration value);  // as seconds

  // Buckets from 64 us to 67 s, each twice as wide as the one before.
  void histogram(Labels labels, const DurationHistogram& durations);
  void histogram(Labels labels, const OctaveHistogram& durations);

  // How many things had which size, by size; buckets at the powers of two. `last` is the greatest.
  void histogram(Labels labels, std::span<const std::uint64_t> counts_by_size);

  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  template <class Histogram>
  void put_durations(Labels labels, const Histogram& durations);
  void put(std::string_view suffix, Labels labels, Label last, std::string_view value);

  std::string name_;
  std::string text_;
};

}  // namespace troupe::gateway
