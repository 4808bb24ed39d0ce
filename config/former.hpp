// Settings of earlier releases: a file that still has one is told what came in its place, instead
// of that nobody knows the name.
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace troupe::config {

struct FormerSetting {
  std::string_view table;  // "lanes.ordinary"
  std::string_view key;
  std::string_view instead;  // the end of a sentence: "use 'tasks_max' in [scheduling]"
};

std::span<const FormerSetting> former_settings() noexcept;

// By its whole name, "lanes.ordinary.tasks_max".
std::optional<std::string_view> instead_of(std::string_view path);

// Whether `path` is a table of former settings.
bool is_former_table(std::string_view path);

}  // namespace troupe::config
