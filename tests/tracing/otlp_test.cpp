// Spans in OTLP's JSON: the form that its specification asks for, field by field.
#include "tracing/otlp.hpp"

#include <nlohmann/json.hpp>

#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::tracing;
using nlohmann::json;

namespace {

constexpr Instant moment{std::chrono::seconds(100)};

json only_span(const json& request) {
  return request.at("resourceSpans").at(0).at("scopeSpans").at(0).at("spans").at(0);
}

json written(const Span& span) {
  return json::parse(
      to_otlp({"troupe", "a", "0.1.0"}, std::vector{span}, {moment, 1'700'000'000'000'000'000}));
}

}  // namespace

TEST_CASE("a span is written with ids in hex, kinds as numbers and 64 bits as texts") {
  Span span;
  span.self = {0x4bf92f3577b34da6, 0xa3ce929d0e0e4736, 0x00f067aa0ba902b7, true};
  span.parent = 0xab;
  span.name = "task";
  span.kind = SpanKind::server;
  span.begin = moment - std::chrono::milliseconds(3);
  span.end = moment - std::chrono::milliseconds(1);
  span.attributes = {{"troupe.model", std::string("minilm")},
                     {"troupe.units", std::int64_t{7}},
                     {"troupe.batch.predicted_ms", 1.5},
                     {"troupe.flag", true}};
  span.links = {{1, 2, 3, true}};
  const json one = only_span(written(span));
  CHECK(one.at("traceId") == "4bf92f3577b34da6a3ce929d0e0e4736");
  CHECK(one.at("spanId") == "00f067aa0ba902b7");
  CHECK(one.at("parentSpanId") == "00000000000000ab");
  CHECK(one.at("name") == "task");
  CHECK(one.at("kind") == 2);
  CHECK(one.at("startTimeUnixNano") == "1699999999997000000");
  CHECK(one.at("endTimeUnixNano") == "1699999999999000000");
  CHECK(one.at("attributes") == json::parse(R"([
    {"key": "troupe.model", "value": {"stringValue": "minilm"}},
    {"key": "troupe.units", "value": {"intValue": "7"}},
    {"key": "troupe.batch.predicted_ms", "value": {"doubleValue": 1.5}},
    {"key": "troupe.flag", "value": {"boolValue": true}}])"));
  CHECK(one.at("links") == json::parse(R"([{"traceId": "00000000000000010000000000000002",
                                           "spanId": "0000000000000003"}])"));
  CHECK_FALSE(one.contains("status"));
}

TEST_CASE("a first span has no parent, and one that failed says why") {
  Span span;
  span.self = {1, 2, 3, true};
  span.name = "task";
  span.error = "expired";
  const json one = only_span(written(span));
  CHECK_FALSE(one.contains("parentSpanId"));
  CHECK_FALSE(one.contains("links"));
  CHECK(one.at("kind") == 1);
  CHECK(one.at("status") == json::parse(R"({"code": 2, "message": "expired"})"));
}

TEST_CASE("the resource says which cluster, node and release it was") {
  Span span;
  span.self = {1, 2, 3, true};
  const json request = written(span);
  CHECK(request.at("resourceSpans").size() == 1);
  CHECK(request.at("resourceSpans").at(0).at("resource").at("attributes") == json::parse(R"([
    {"key": "service.name", "value": {"stringValue": "troupe"}},
    {"key": "service.instance.id", "value": {"stringValue": "a"}},
    {"key": "service.version", "value": {"stringValue": "0.1.0"}}])"));
  CHECK(request.at("resourceSpans").at(0).at("scopeSpans").at(0).at("scope").at("name") ==
        "troupe");
}

TEST_CASE("a text that is not UTF-8 does not keep the spans from leaving") {
  Span span;
  span.self = {1, 2, 3, true};
  span.attributes = {{"troupe.tenant", std::string("\xff")}};
  CHECK(only_span(written(span)).at("attributes").size() == 1);
}
