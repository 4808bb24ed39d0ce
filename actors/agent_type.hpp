// Which words may be types of agents.
#pragma once

#include <string>

#include "base/result.hpp"

namespace troupe::actors {

// Errors: invalid_argument for one that is not an address part or is client_type.
Status check_agent_type(const std::string& type);

}  // namespace troupe::actors
