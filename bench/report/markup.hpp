// Text inside SVG and HTML.
#pragma once

#include <string>
#include <string_view>

namespace troupe::bench::report {

// `text` as it may stand between tags and inside quoted attributes of XML and HTML: the five
// special characters as entities, control characters as spaces, broken UTF-8 as U+FFFD.
std::string escaped(std::string_view text);

}  // namespace troupe::bench::report
