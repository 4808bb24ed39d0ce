#include "tracing/otlp.hpp"

#include <nlohmann/json.hpp>
#include <variant>

namespace troupe::tracing {
namespace {

using nlohmann::json;

constexpr int status_error = 2;

// 64 bits are texts in OTLP's JSON.
json value_of(const Attribute::Value& value) {
  struct Writer {
    json operator()(const std::string& text) const { return {{"stringValue", text}}; }
    json operator()(std::int64_t number) const { return {{"intValue", std::to_string(number)}}; }
    json operator()(double number) const { return {{"doubleValue", number}}; }
    json operator()(bool flag) const { return {{"boolValue", flag}}; }
  };
  return std::visit(Writer{}, value);
}

json attribute(std::string_view key, const Attribute::Value& value) {
  return {{"key", key}, {"value", value_of(value)}};
}

std::string unix_time(Instant at, const Moment& moment) {
  const auto since = static_cast<std::int64_t>(moment.unix_ns) - (moment.here - at).count();
  return std::to_string(since);
}

json span_of(const Span& span, const Moment& moment) {
  json one = {{"traceId", trace_id(span.self)},
              {"spanId", span_id(span.self.span)},
              {"name", span.name},
              {"kind", static_cast<int>(span.kind)},
              {"startTimeUnixNano", unix_time(span.begin, moment)},
              {"endTimeUnixNano", unix_time(span.end, moment)}};
  if (span.parent != 0) one["parentSpanId"] = span_id(span.parent);
  for (const auto& [key, value] : span.attributes)
    one["attributes"].push_back(attribute(key, value));
  for (const Trace& to : span.links)
    one["links"].push_back({{"traceId", trace_id(to)}, {"spanId", span_id(to.span)}});
  if (!span.error.empty()) one["status"] = {{"code", status_error}, {"message", span.error}};
  return one;
}

}  // namespace

std::string to_otlp(const Resource& resource, std::span<const Span> spans, const Moment& moment) {
  json all = json::array();
  for (const Span& span : spans) all.push_back(span_of(span, moment));
  const json scope = {{"name", "troupe"}, {"version", resource.version}};
  const json scoped = {{"scope", scope}, {"spans", std::move(all)}};
  const json who = {attribute("service.name", resource.service),
                    attribute("service.instance.id", resource.instance),
                    attribute("service.version", resource.version)};
  const json one = {{"resource", {{"attributes", who}}}, {"scopeSpans", json::array({scoped})}};
  const json request = {{"resourceSpans", json::array({one})}};
  // Names of models and tenants are somebody's texts.
  return request.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace troupe::tracing
