// A cluster file in a test: the least that loads, and loading with a made-up environment.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "config/load.hpp"

namespace troupe::config::test {

// Seven lines, so that what a test appends starts on line 8.
inline const std::string one_node = R"([node.a]
urgent_port = 7101
ordinary_port = 7102

[model.m]
folder = "/models/m"

)";

// Variables that folders may name; nothing of the process's own.
inline Variables variables(std::map<std::string, std::string> known) {
  return [known = std::move(known)](const std::string& name) -> std::optional<std::string> {
    const auto found = known.find(name);
    if (found == known.end()) return std::nullopt;
    return found->second;
  };
}

inline Result<LoadedConfig> load(const std::string& text, const Overrides& overrides = {}) {
  return parse_config(text, "c.toml", overrides);
}

// What was wrong, or "fine".
inline std::string mistakes(const std::string& text, const Overrides& overrides = {}) {
  const auto loaded = load(text, overrides);
  return loaded ? "fine" : loaded.error().what;
}

inline std::string mistakes_after_node(const std::string& text) {
  return mistakes(one_node + text);
}

}  // namespace troupe::config::test
