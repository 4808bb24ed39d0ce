// W3C trace context: the examples of the recommendation, and what it forbids.
#include "base/trace.hpp"

#include <string>
#include <vector>

#include "tests/catch.hpp"

using namespace troupe;

namespace {
// https://www.w3.org/TR/trace-context/#examples-of-http-traceparent-headers
constexpr const char* sampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
constexpr const char* unsampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
}  // namespace

TEST_CASE("the recommendation's examples are read and written") {
  const auto trace = parse_traceparent(sampled);
  REQUIRE(trace);
  CHECK(*trace == Trace{0x4bf92f3577b34da6, 0xa3ce929d0e0e4736, 0x00f067aa0ba902b7, true});
  CHECK(trace_id(*trace) == "4bf92f3577b34da6a3ce929d0e0e4736");
  CHECK(span_id(trace->span) == "00f067aa0ba902b7");
  CHECK(traceparent(*trace) == sampled);
  const auto quiet = parse_traceparent(unsampled);
  REQUIRE(quiet);
  CHECK_FALSE(quiet->sampled);
  CHECK(traceparent(*quiet) == unsampled);
}

TEST_CASE("a trace without an id of its own or of a span is none") {
  CHECK(Trace{}.is_none());
  CHECK(Trace{1, 2, 0, true}.is_none());
  CHECK(Trace{0, 0, 3, true}.is_none());
  CHECK_FALSE(Trace{0, 2, 3, false}.is_none());
  CHECK(trace_id(Trace{}).empty());
}

TEST_CASE("what does not follow the recommendation is no trace") {
  const std::string good = sampled;
  const auto with = [&](std::size_t at, std::string_view text) {
    std::string changed = good;
    return changed.replace(at, text.size(), text);
  };
  for (const std::string& wrong : std::vector<std::string>{
           "", good.substr(1), good + "-", good + "-what", good + " ", with(0, "ff"), with(2, "_"),
           with(3, "4BF9"), with(3, "000000000000000000000000000000000"),
           with(3, std::string(32, '0')), with(36, std::string(16, '0')), with(53, "0g"),
           with(3, "4bfz")}) {
    INFO(wrong);
    CHECK_FALSE(parse_traceparent(wrong).has_value());
  }
  // A later version may say more, behind a dash; all that we know of it is taken.
  CHECK(parse_traceparent(with(0, "cc") + "-what").has_value());
  CHECK_FALSE(parse_traceparent(with(0, "cc") + ".what").has_value());
  // Only the bit that we know is continued.
  CHECK(traceparent(*parse_traceparent(with(53, "ff"))) == sampled);
}
