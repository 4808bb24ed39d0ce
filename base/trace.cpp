#include "base/trace.hpp"

namespace troupe {
namespace {

constexpr std::string_view digits = "0123456789abcdef";

// Lower-case digits only, as the standard has them.
std::optional<std::uint64_t> read_hex(std::string_view text) {
  std::uint64_t number = 0;
  for (const char c : text) {
    const auto digit = digits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    number = number << 4U | digit;
  }
  return number;
}

}  // namespace

std::optional<Trace> parse_traceparent(std::string_view text) {
  constexpr std::size_t length = 55;  // 00-TRACE-SPAN-FLAGS
  if (text.size() < length || text[2] != '-' || text[35] != '-' || text[52] != '-')
    return std::nullopt;
  const auto version = read_hex(text.substr(0, 2));
  if (!version || *version == 0xff) return std::nullopt;
  // Later versions may have more behind a further dash.
  if (text.size() > length && (*version == 0 || text[length] != '-')) return std::nullopt;
  const auto high = read_hex(text.substr(3, 16));
  const auto low = read_hex(text.substr(19, 16));
  const auto span = read_hex(text.substr(36, 16));
  const auto flags = read_hex(text.substr(53, 2));
  if (!high || !low || !span || !flags) return std::nullopt;
  const Trace trace{*high, *low, *span, (*flags & 1U) != 0};
  if (trace.is_none()) return std::nullopt;
  return trace;
}

std::string span_id(std::uint64_t span) {
  std::string text(16, '0');
  for (auto c = text.rbegin(); c != text.rend(); ++c, span >>= 4U) *c = digits[span & 15U];
  return text;
}

std::string trace_id(const Trace& trace) {
  return trace.is_none() ? "" : span_id(trace.high) + span_id(trace.low);
}

std::string traceparent(const Trace& trace) {
  return "00-" + trace_id(trace) + "-" + span_id(trace.span) + (trace.sampled ? "-01" : "-00");
}

}  // namespace troupe
