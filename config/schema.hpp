// Every setting of a cluster file, listed once. From this list come the reading of files and
// overrides, the names of the environment variables, what `troupe check` prints and the reference
// in docs/configuration.md.
//
// A new setting is one member in config.hpp, one line in schema.cpp, one commented line in
// configs/quickstart.toml, and `troupe check --reference` for the documentation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/time.hpp"
#include "config/config.hpp"
#include "config/folders.hpp"
#include "config/rules.hpp"

namespace troupe::config {

// Where a setting's value lives; the member's type decides how it is written: bool as true or
// false, 16 and 32 bits as a whole number, 64 bits as a size with a unit, Duration as a time with a
// unit, double as a number with or without a point.
using Slot = std::variant<bool*, std::uint16_t*, std::uint32_t*, std::uint64_t*, Duration*, double*,
                          std::string*, std::vector<std::string>*>;

struct Key {
  std::string_view name;
  Slot (*slot)(Config& config,
               std::size_t instance);  // which node, model or policy; otherwise ignored
  std::string_view help;
  // Numbers, nanoseconds or bytes; thousandths of a double; of a list, how many entries. Both
  // included.
  std::int64_t min = 0;
  std::int64_t max = 0;
  bool required = false;
  // What a text, or an entry of a list, must be when it is not (config/rules.hpp).
  Complaint (*complaint)(const std::string& text) = nullptr;
  // For folders and files: what the written text, or an entry of a list, stands for.
  Result<std::string> (*expand)(const std::string& text, const Variables& variables) = nullptr;
};

struct Section {
  std::string_view table;  // "agents"; "node.*" where the user gives the last part
  std::string_view help;
  std::span<const Key> keys;

  [[nodiscard]] bool named() const noexcept { return table.ends_with(".*"); }
  // "node" of "node.*".
  [[nodiscard]] std::string_view parent() const noexcept {
    return table.substr(0, table.size() - 2);
  }
};

// As people write it: "agents", "node.NAME".
std::string title(const Section& section);

// In the order of the reference.
std::span<const Section> schema() noexcept;

// "agents.backoff_min" -> "TROUPE_AGENTS__BACKOFF_MIN"; what no variable may contain
// becomes '_'. `table` is the real one ("node.a").
std::string environment_name(std::string_view table, std::string_view key);

}  // namespace troupe::config
