// Numbers as a table or an axis shows them: short, and the same in every report.
#pragma once

#include <string>

namespace troupe::bench::report {

// At least three significant digits, whole from a hundred on: "0.0123", "1.31", "93.8", "8,889",
// "1.25e+09". "-" where there is no number.
std::string number_text(double value);

// The label of an axis tick, as short as it can be: "0", "0.05", "2.5", "10k", "5M".
std::string tick_text(double value);

}  // namespace troupe::bench::report
