// Spans that a test looks for.
#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include "tests/catch.hpp"
#include "tracing/span.hpp"

namespace troupe::tracing::testing {

// The first of that name; REQUIREs that there is one.
inline const Span& named(const std::vector<Span>& spans, std::string_view name) {
  const auto found =
      std::find_if(spans.begin(), spans.end(), [&](const Span& one) { return one.name == name; });
  INFO(name);
  REQUIRE(found != spans.end());
  return *found;
}

}  // namespace troupe::tracing::testing
