// The report of a run: one HTML page that needs nothing beside it, and a folder that holds it
// together with its parts.
//
// The page has no script and fetches nothing. Tables have captions and headed rows and columns,
// verdicts are words and not only colours, wide tables scroll by themselves, and the page follows
// the reader's light or dark setting.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "bench/report/chart.hpp"
#include "bench/report/figure.hpp"

namespace troupe::bench::report {

// What one scenario contributed.
struct Section {
  std::string title;
  std::string text;  // what was run, in a sentence or two
  std::vector<Chart> charts;
};

struct Report {
  std::string title;
  std::string text;
  FigureSet set;
  std::vector<Section> sections;
};

std::string to_html(const Report& report);

// Writes index.html, figures.json and each chart as NAME.svg into `folder`, which is made if it is
// missing; older files of the same names are replaced. Charts whose name cannot be a file's
// (letters, digits, '-', '_' and '.') or stands twice are an invalid_argument, before anything is
// written; other errors are io.
Status write_report(const Report& report, const std::string& folder);

}  // namespace troupe::bench::report
