// A TOML text as a plain tree, each node with its place, so that nothing else in the house sees the
// library that parses it (toml++) or its exceptions.
//
// Limits: those of the constants below, checked before or while parsing. They bound the stack of
// everything that walks the tree, whatever the text says. A table or an array deeper than
// config_depth_max is shown empty.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"

namespace troupe::config {

inline constexpr std::size_t config_bytes_max = std::size_t{1} << 20;
inline constexpr std::size_t config_line_bytes_max = 512;  // dotted keys nest once per dot
inline constexpr std::size_t config_nesting_max = 4;       // arrays and inline tables
inline constexpr std::size_t config_depth_max = 8;         // of the tree: no setting lies deeper

// Both count from 1; columns count characters, not bytes.
struct Place {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
  friend bool operator<(const Place& a, const Place& b) noexcept {
    return a.line != b.line ? a.line < b.line : a.column < b.column;
  }
};

struct TomlValue;
struct TomlMember;
using TomlArray = std::vector<TomlValue>;
using TomlTable = std::vector<TomlMember>;  // in the order of the text

// A date or a time, which no setting is.
struct TomlDate {};

struct TomlValue {
  std::variant<bool, std::int64_t, double, std::string, TomlDate, TomlArray, TomlTable> value;
  Place place;
};

struct TomlMember {
  std::string key;
  Place place;  // of the key
  TomlValue value;
};

struct TomlMistake {
  Place place;
  std::string what;
};

// The tree, or the first mistake in the syntax: TOML cannot be read past one.
std::variant<TomlTable, TomlMistake> read_toml(const std::string& text);

// One value on its own, as an override gives it: `["cpu", "auto"]`, `5`, `"text"`. Nothing when it
// is not exactly one valid value.
std::optional<TomlValue> read_toml_value(const std::string& text);

// A basic string with its quotes: "a \"quoted\" word". Valid in JSON as well.
std::string toml_quoted(std::string_view text);

}  // namespace troupe::config
