// Which words may be types of agents.
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace troupe::actors {

// Reserved: an AgentMessage to an agent of this type is an answer to a client.
inline constexpr std::string_view client_type = "client";

// Errors: invalid_argument for one that is not an address part or is reserved.
Status check_agent_type(const std::string& type);

}  // namespace troupe::actors
