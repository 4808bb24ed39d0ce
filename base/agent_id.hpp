// An agent's address: `type/key`. The type names the module that implements it, the key which one
// of them is meant ("librarian/017"). An agent exists as soon as somebody writes to it.
#pragma once

#include <compare>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace troupe {

struct AgentId {
  std::string type;
  std::string key;
  auto operator<=>(const AgentId&) const = default;
};

std::string to_string(const AgentId& id);

// Letters, digits, '-', '_', '.', ':' and '@' on both sides of one slash, neither side empty, each
// at most limits::name_bytes_max long.
Result<AgentId> parse_agent_id(std::string_view text);

}  // namespace troupe

template <>
struct std::hash<troupe::AgentId> {
  std::size_t operator()(const troupe::AgentId& id) const noexcept {
    const std::hash<std::string> of;
    return of(id.type) * 31 + of(id.key);
  }
};
