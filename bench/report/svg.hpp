// Charts as SVG: one string that is a file by itself and stands in HTML as well.
//
// Made for reports that are mailed, committed and looked at on any screen: no script, no font and
// no style from elsewhere; light and dark follow the reader's setting (prefers-color-scheme).
// Series differ in marker and dash as well as in colour, so that none depends on the eye for
// colours. Each point tells its values when the pointer rests on it.
//
// Pure functions. Whatever the data are (nothing, NaN, infinities), what comes out is well-formed.
//
// Source of the colours: Okabe and Ito, "Color universal design", 2008, darkened on white and
// lightened on black until lines of two pixels have a contrast of 3:1 or more.
#pragma once

#include <string>

#include "bench/report/chart.hpp"

namespace troupe::bench::report {

std::string to_svg(const Chart& chart);

}  // namespace troupe::bench::report
