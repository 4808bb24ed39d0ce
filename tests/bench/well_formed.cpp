#include "tests/bench/well_formed.hpp"

#include <algorithm>
#include <vector>

#include "base/utf8.hpp"

namespace troupe::tests {
namespace {

std::optional<std::string> text_mistake(std::string_view text) {
  for (std::size_t at = text.find('&'); at != std::string_view::npos; at = text.find('&', at + 1)) {
    const auto end = text.find(';', at);
    if (end == std::string_view::npos || end - at > 8)
      return "a stray & at ..." + std::string(text.substr(at, 20));
  }
  return std::nullopt;
}

// The inside of a tag behind its name: name="value" pairs.
std::optional<std::string> attributes_mistake(std::string_view rest) {
  while (!rest.empty()) {
    if (rest.front() == ' ' || rest.front() == '\n') {
      rest.remove_prefix(1);
      continue;
    }
    const auto equals = rest.find("=\"");
    if (equals == std::string_view::npos)
      return "an attribute without a value: " + std::string(rest);
    const auto end = rest.find('"', equals + 2);
    if (end == std::string_view::npos) return "a quote that does not end: " + std::string(rest);
    if (auto mistake = text_mistake(rest.substr(0, end))) return mistake;
    rest.remove_prefix(end + 1);
    if (!rest.empty() && rest.front() != ' ') return "attributes without a gap";
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> markup_mistake(std::string_view text, bool html) {
  if (const auto broken = first_invalid_utf8(text)) return "not UTF-8";
  if (std::any_of(text.begin(), text.end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\n'; }))
    return "a control character";
  std::vector<std::string> open;
  for (std::size_t at = 0; at < text.size();) {
    const auto start = text.find('<', at);
    if (auto mistake = text_mistake(text.substr(at, start - at));
        mistake && (open.empty() || open.back() != "style"))
      return mistake;
    if (start == std::string_view::npos) break;
    const auto end = text.find('>', start);
    if (end == std::string_view::npos) return "a tag that does not end";
    std::string_view tag = text.substr(start + 1, end - start - 1);
    at = end + 1;
    if (html && tag == "!DOCTYPE html") continue;
    if (tag.starts_with('/')) {
      if (open.empty() || open.back() != tag.substr(1))
        return "</" + std::string(tag.substr(1)) + ">";
      open.pop_back();
      continue;
    }
    const bool closed = tag.ends_with('/');
    if (closed) tag.remove_suffix(1);
    const auto name = tag.substr(0, tag.find(' '));
    if (auto mistake = attributes_mistake(tag.substr(name.size()))) return mistake;
    if (!closed && !(html && name == "meta")) open.emplace_back(name);
  }
  if (!open.empty()) return "<" + open.back() + "> stays open";
  return std::nullopt;
}

std::size_t occurrences(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1))
    ++count;
  return count;
}

}  // namespace troupe::tests
