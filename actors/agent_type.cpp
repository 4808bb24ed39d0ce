#include "actors/agent_type.hpp"

#include "actors/agent.hpp"
#include "base/agent_id.hpp"

namespace troupe::actors {

Status check_agent_type(const std::string& type) {
  if (!parse_agent_id(type + "/x") || type == client_type)
    return Error{ErrorCode::invalid_argument, "'" + type + "' cannot be a type of agents",
                 "use letters, digits and -_.:@, and not '" + std::string(client_type) + "'"};
  return {};
}

}  // namespace troupe::actors
