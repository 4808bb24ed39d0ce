// From values to places on paper: the range of an axis, its ticks, and the mapping.
//
// Ticks are 1, 2 or 5 times a power of ten. Source: Heckbert, "Nice numbers for graph labels",
// Graphics Gems, 1990.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "bench/report/chart.hpp"

namespace troupe::bench::report {

struct Tick {
  double value = 0;
  std::string label;  // empty: a thin line only
};

// An axis laid from `from` to `to` on paper (either may be the larger).
class Ruler {
 public:
  // `values` are those to be shown; whatever they are, the range that results is finite and not
  // empty. `from_zero`: a linear axis begins at zero unless that would waste most of it.
  Ruler(const Axis& axis, std::span<const double> values, bool from_zero, double from, double to);

  // Values beyond the range land on its edge.
  [[nodiscard]] double place(double value) const noexcept;
  // Whether the axis can show the value at all: finite, and above zero on a logarithmic one.
  [[nodiscard]] bool shows(double value) const noexcept;
  [[nodiscard]] const std::vector<Tick>& ticks() const noexcept { return ticks_; }

 private:
  void range(const Axis& axis, std::span<const double> values, bool from_zero);
  void linear_ticks(const Axis& axis);
  void log_ticks(const Axis& axis);

  Scale scale_;
  double low_ = 0;
  double high_ = 1;
  double from_;
  double to_;
  std::vector<Tick> ticks_;
};

}  // namespace troupe::bench::report
