// W3C trace context: the examples of the recommendation, and what it forbids.
#include "gateway/traceparent.hpp"

#include "tests/catch.hpp"

using namespace troupe::gateway;

namespace {
// https://www.w3.org/TR/trace-context/#examples-of-http-traceparent-headers
constexpr const char* sampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
constexpr const char* unsampled = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
}  // namespace

TEST_CASE("the recommendation's examples are read and continued") {
  const auto trace = parse_traceparent(sampled);
  REQUIRE(trace);
  CHECK(trace->trace_id == "4bf92f3577b34da6a3ce929d0e0e4736");
  CHECK(trace->span_id == "00f067aa0ba902b7");
  CHECK(trace->sampled());
  CHECK(to_string(*trace) == sampled);
  CHECK(to_string(child_of(trace, 0xab, 1, 2)) ==
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00000000000000ab-01");
  const auto quiet = parse_traceparent(unsampled);
  REQUIRE(quiet);
  CHECK_FALSE(quiet->sampled());
  CHECK_FALSE(child_of(quiet, 1, 2, 3).sampled());
}

TEST_CASE("without a valid parent a new trace begins, not sampled") {
  CHECK(to_string(child_of({}, 3, 1, 2)) ==
        "00-00000000000000010000000000000002-0000000000000003-00");
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
}
