#include "config/reference.hpp"

#include <variant>

#include "config/value.hpp"

namespace troupe::config {
namespace {

std::string type_of(const Key& key, const Slot& slot) {
  if (std::holds_alternative<bool*>(slot)) return "true or false";
  if (std::holds_alternative<std::vector<std::string>*>(slot))
    return "list of " + std::to_string(key.min) + " to " + std::to_string(key.max) +
           (key.expand != nullptr ? " files" : " texts");
  if (std::holds_alternative<std::string*>(slot)) return key.expand != nullptr ? "folder" : "text";
  const std::string range = format_limit(slot, key.min) + " to " + format_limit(slot, key.max);
  if (std::holds_alternative<Duration*>(slot)) return "duration, " + range;
  if (std::holds_alternative<std::uint64_t*>(slot)) return "size, " + range;
  if (std::holds_alternative<double*>(slot)) return "number, " + range;
  return "whole number, " + range;
}

}  // namespace

std::string config_reference() {
  Config defaults;
  defaults.nodes.emplace_back();
  defaults.models.emplace_back();
  defaults.policies.emplace_back();
  std::string text;
  for (const auto& section : schema()) {
    text += "### [" + title(section) + "]\n\n" + std::string(section.help) + "\n\n";
    text += "| key | type | default | meaning |\n|---|---|---|---|\n";
    for (const auto& key : section.keys) {
      const Slot slot = key.slot(defaults, 0);
      const std::string standard = key.required ? "required" : "`" + format_slot(slot) + "`";
      text += "| `" + std::string(key.name) + "` | " + type_of(key, slot) + " | " + standard +
              " | " + std::string(key.help) + " |\n";
    }
    text += '\n';
  }
  text.resize(text.size() - 2);  // whoever prints it ends the last line
  return text;
}

}  // namespace troupe::config
