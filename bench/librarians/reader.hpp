// A reader asks questions, each with a deadline, through the urgent lane: embed the question here,
// search the shelves of every node, merge, answer.
#pragma once

#include <memory>

#include "actors/agent.hpp"

namespace troupe::bench {

std::shared_ptr<actors::AgentModule> reader_module();

}  // namespace troupe::bench
