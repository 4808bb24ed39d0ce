// The control verb "agents": which agents live on this node, and where one lives or would. The body
// is JSON and from outside, so anything may stand in it:
//
//   {}, or {"type": T, "limit": N}, with either or both
//      -> {"node", "agents": [...], "all": how many there are}
//   {"agent": "TYPE/KEY"}
//      -> {"node", "agent", "home": the node where it lives as this one sees it, "here": whether an
//          agent of the type can live on this node, "active": whether it does now, "documents"},
//         and of one that is active what the list says of it
//
// docs/operations.md says what each field of an agent means.
#pragma once

#include <cstddef>
#include <string>

#include "actors/world.hpp"
#include "base/result.hpp"

namespace troupe::actors {

inline constexpr std::size_t agents_listed = 100;  // where the body sets no limit
inline constexpr std::size_t agents_listed_max = 1000;

// Thread-safe. Errors: malformed and invalid_argument for the body.
Result<std::string> answer_agents(const std::string& body, const World& world);

}  // namespace troupe::actors
