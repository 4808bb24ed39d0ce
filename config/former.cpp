#include "config/former.hpp"

#include <string>

namespace troupe::config {
namespace {

constexpr std::string_view by_itself = "the scheduler finds it out by itself; remove the line";
constexpr std::string_view tasks_max =
    "use 'tasks_max' in [scheduling], which holds for both lanes";
constexpr std::string_view units_max =
    "use 'units_max' in [scheduling], which holds for both lanes";
constexpr std::string_view attempts_max = "use 'attempts_max' in [scheduling]";

constexpr FormerSetting settings[] = {
    {"lanes", "enabled", "use 'lanes' in [scheduling]"},
    {"lanes", "urgent_laxity", by_itself},
    {"lanes.urgent", "tasks_max", tasks_max},
    {"lanes.urgent", "units_max", units_max},
    {"lanes.urgent", "queue_tasks_max", "use 'urgent_queue_tasks_max' in [scheduling]"},
    {"lanes.urgent", "attempts_max", attempts_max},
    {"lanes.ordinary", "batching", "use 'batching' in [scheduling]"},
    {"lanes.ordinary", "tasks_max", tasks_max},
    {"lanes.ordinary", "units_max", units_max},
    {"lanes.ordinary", "delay_max", by_itself},
    {"lanes.ordinary", "eager_when_idle", by_itself},
    {"lanes.ordinary", "queue_tasks_max", "use 'ordinary_queue_tasks_max' in [scheduling]"},
    {"lanes.ordinary", "attempts_max", attempts_max},
};

}  // namespace

std::span<const FormerSetting> former_settings() noexcept {
  return settings;
}

std::optional<std::string_view> instead_of(std::string_view path) {
  for (const auto& setting : settings)
    if (path == std::string(setting.table) + "." + std::string(setting.key)) return setting.instead;
  return std::nullopt;
}

bool is_former_table(std::string_view path) {
  for (const auto& setting : settings)
    if (setting.table == path) return true;
  return false;
}

}  // namespace troupe::config
