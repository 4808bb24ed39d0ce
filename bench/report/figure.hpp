// A figure: one measured number that is held against a target, and those of the rivals beside it.
// Figures are what a benchmark run leaves: as JSON for programs (CI gates on `ok`), as a table for
// a terminal, and in the report (html.hpp).
//
// Pure functions; the only limits are those on what read_figures() accepts.
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace troupe::bench::report {

enum class Comparison { at_most, at_least };

// "<=" or ">=".
std::string_view sign(Comparison comparison) noexcept;

// What another policy reached in the same measurement. NaN: it was not able to.
struct RivalValue {
  std::string policy;
  double value = 0;
};

struct Figure {
  std::string id;    // "1", or a name: what is asked for by number stands in JSON as a number
  std::string what;  // "urgent p99 / unloaded, bulk at 0.95"
  double value = 0;  // NaN: it could not be measured, and that is a miss
  std::string unit;  // "ms", "tasks/s"; empty for ratios
  double target = 0;
  Comparison comparison = Comparison::at_most;
  std::string detail;  // what else to know: ranges, counts, how the value came about
  std::vector<RivalValue> rivals;

  [[nodiscard]] bool ok() const noexcept;
};

// One without a value yet; and one that says `why` it cannot have any.
Figure figure(std::string id, std::string what, Comparison comparison, double target,
              std::string unit = "");
Figure unmeasured(Figure figure, std::string why);

// The target as a table shows it: with its sign, and no digits that nobody asked for (">= 0.95").
std::string target_text(const Figure& figure);

// The rival that comes nearest to the target, or goes furthest beyond it; none if there is none.
const RivalValue* best_rival(const Figure& figure) noexcept;

// All figures of one run, and what is needed to repeat it.
struct FigureSet {
  std::vector<Figure> figures;
  std::string machine;
  std::string command;
  std::optional<std::string> date;  // as it was given; nothing here reads a clock

  [[nodiscard]] std::size_t missed() const noexcept;
};

// {"figures": [{"id": 1, "what": ..., "value": ..., "unit": ..., "target": ..., "comparison": "<=",
// "ok": true, "detail": ..., "rivals": {"immediate": 4.2}}], "machine": ..., "command": ...}.
// NaN is null.
nlohmann::json to_json(const FigureSet& set);

// The reverse. `ok` is computed, never believed. Errors: malformed, saying which figure and key;
// too_large above 16 MiB.
Result<FigureSet> read_figures(std::string_view json);

// A table for a terminal, at most `columns` wide where its numbers allow it, each missed figure
// marked, below it why figures without a value have none, and a last line that sums up.
std::string to_screen(const FigureSet& set, std::size_t columns = 110);

}  // namespace troupe::bench::report
