#include "config/toml.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <utility>

namespace {

struct BrokenAssert : std::invalid_argument {
  BrokenAssert() : std::invalid_argument("it does not follow TOML") {}
};
constexpr void toml_assert(bool condition) {
  if (!condition) throw BrokenAssert();
}

}  // namespace

// toml++ 3.3 asserts on some malformed texts ("[[["), and with NDEBUG turns those asserts into
// promises to the optimizer. Here they throw in every build, like its other errors, and are caught
// below. This is the only source that includes toml++, so no other sees a different definition.
#undef NDEBUG
#define TOML_EXCEPTIONS 1
#define TOML_MAX_NESTED_VALUES 4
#define TOML_ASSERT(condition) toml_assert(static_cast<bool>(condition))
#include <toml++/toml.h>

#include "base/units.hpp"

namespace troupe::config {
namespace {

static_assert(TOML_MAX_NESTED_VALUES == config_nesting_max);

Place place_of(const toml::source_region& region) {
  return {std::max<std::uint32_t>(region.begin.line, 1),
          std::max<std::uint32_t>(region.begin.column, 1)};
}

TomlValue convert(const toml::node& node, std::size_t depth);

TomlTable convert_table(const toml::table& table, std::size_t depth) {
  TomlTable members;
  if (depth >= config_depth_max) return members;
  members.reserve(table.size());
  for (const auto& [key, node] : table)
    members.push_back({std::string(key.str()), place_of(key.source()), convert(node, depth + 1)});
  std::stable_sort(members.begin(), members.end(),
                   [](const auto& a, const auto& b) { return a.place < b.place; });
  return members;
}

TomlArray convert_array(const toml::array& array, std::size_t depth) {
  TomlArray elements;
  if (depth >= config_depth_max) return elements;
  elements.reserve(array.size());
  for (const auto& node : array) elements.push_back(convert(node, depth + 1));
  return elements;
}

TomlValue convert(const toml::node& node, std::size_t depth) {
  TomlValue result{false, place_of(node.source())};
  if (const auto* table = node.as_table())
    result.value = convert_table(*table, depth);
  else if (const auto* array = node.as_array())
    result.value = convert_array(*array, depth);
  else if (const auto* text = node.as_string())
    result.value = text->get();
  else if (const auto* integer = node.as_integer())
    result.value = integer->get();
  else if (const auto* number = node.as_floating_point())
    result.value = number->get();
  else if (const auto* flag = node.as_boolean())
    result.value = flag->get();
  else
    result.value = TomlDate{};
  return result;
}

std::optional<TomlMistake> over_a_limit(const std::string& text) {
  if (text.size() > config_bytes_max)
    return TomlMistake{{}, "the text is longer than " + format_bytes(config_bytes_max)};
  Place place;
  for (std::size_t begin = 0; begin < text.size(); ++place.line) {
    const auto end = std::min(text.find('\n', begin), text.size());
    if (end - begin > config_line_bytes_max)
      return TomlMistake{
          place, "the line is longer than " + std::to_string(config_line_bytes_max) + " bytes"};
    begin = end + 1;
  }
  return std::nullopt;
}

bool breaks_an_assert(std::string_view text) {
  try {
    (void)toml::parse(text);
  } catch (const BrokenAssert&) {
    return true;
  } catch (const std::exception&) {
    return false;
  }
  return false;
}

// The assert knows no place. The parser reads forward, so it fails on the first lines of a text as
// soon as they include the one it trips over.
std::uint32_t line_of_broken_assert(std::string_view text) {
  std::vector<std::size_t> ends;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] == '\n') ends.push_back(i + 1);
  ends.push_back(text.size());
  const auto line = std::partition_point(ends.begin(), ends.end(), [&](std::size_t end) {
    return !breaks_an_assert(text.substr(0, end));
  });
  return static_cast<std::uint32_t>(line - ends.begin()) + 1;
}

}  // namespace

std::variant<TomlTable, TomlMistake> read_toml(const std::string& text) {
  if (auto mistake = over_a_limit(text)) return *std::move(mistake);
  try {
    return convert_table(toml::parse(std::string_view(text)), 0);
  } catch (const toml::parse_error& error) {
    return TomlMistake{place_of(error.source()), std::string(error.description())};
  } catch (const BrokenAssert& error) {
    return TomlMistake{{line_of_broken_assert(text), 1}, error.what()};
  } catch (const std::exception& error) {
    return TomlMistake{{}, std::string("the text cannot be read: ") + error.what()};
  }
}

std::optional<TomlValue> read_toml_value(const std::string& text) {
  // A line break would let an override smuggle in a second key.
  if (text.find_first_of("\r\n") != std::string::npos) return std::nullopt;
  auto document = read_toml("value = " + text);
  auto* table = std::get_if<TomlTable>(&document);
  if (table == nullptr || table->size() != 1) return std::nullopt;
  return std::move(table->front().value);
}

std::string toml_quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(c));
      quoted += escape.data();
    } else {
      quoted += c;
    }
  }
  return quoted += '"';
}

}  // namespace troupe::config
