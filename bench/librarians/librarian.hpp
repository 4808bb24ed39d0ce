// A librarian owns a shelf: it embeds each document it is given through the ordinary lane and keeps
// the vector in its memory, where readers' questions find it.
#pragma once

#include <memory>

#include "actors/agent.hpp"

namespace troupe::bench {

std::shared_ptr<actors::AgentModule> librarian_module();

}  // namespace troupe::bench
