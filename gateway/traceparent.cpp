#include "gateway/traceparent.hpp"

#include <algorithm>

namespace troupe::gateway {
namespace {

constexpr std::string_view digits = "0123456789abcdef";

bool is_hex(std::string_view text) {
  return text.find_first_not_of(digits) == std::string_view::npos;
}

bool is_id(std::string_view text) {
  return is_hex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

std::string hex(std::uint64_t number) {
  std::string text(16, '0');
  for (auto c = text.rbegin(); c != text.rend(); ++c, number >>= 4) *c = digits[number & 15];
  return text;
}

}  // namespace

std::optional<Trace> parse_traceparent(std::string_view header) {
  constexpr std::size_t length = 55;  // 00-TRACE-SPAN-FLAGS
  if (header.size() < length || header[2] != '-' || header[35] != '-' || header[52] != '-')
    return std::nullopt;
  const auto version = header.substr(0, 2);
  const auto flags = header.substr(53, 2);
  if (!is_hex(version) || version == "ff" || !is_hex(flags)) return std::nullopt;
  // Later versions may have more behind a further dash.
  if (header.size() > length && (version == "00" || header[length] != '-')) return std::nullopt;
  const auto trace = header.substr(3, 32);
  const auto span = header.substr(36, 16);
  if (!is_id(trace) || !is_id(span)) return std::nullopt;
  const auto value = digits.find(flags[0]) * 16 + digits.find(flags[1]);
  return Trace{std::string(trace), std::string(span), static_cast<std::uint8_t>(value)};
}

Trace child_of(const std::optional<Trace>& parent, std::uint64_t span, std::uint64_t trace_high,
               std::uint64_t trace_low) {
  if (parent) return {parent->trace_id, hex(span), static_cast<std::uint8_t>(parent->flags & 1U)};
  return {hex(trace_high) + hex(trace_low), hex(span), 0};
}

std::string to_string(const Trace& trace) {
  return "00-" + trace.trace_id + "-" + trace.span_id + (trace.sampled() ? "-01" : "-00");
}

}  // namespace troupe::gateway
