// Loads modules of agents that are shared libraries (actors/agent_module.hpp), at a node's start.
//
// A module that was loaded stays until the process ends, also one that is refused: the code of
// agents, of what they threw and of threads that they started may be needed until then, and nothing
// can tell when no more.
//
// Any thread, before the node starts.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "actors/agent.hpp"
#include "base/result.hpp"

namespace troupe::actors {

// `file` is a path, never a name that the system looks for. Errors: not_found for no such file;
// malformed for one that cannot be loaded or is no module; unsupported for a module of another
// interface, with both, or of a type that agents cannot have; handler_failed for one that throws
// while it is made, or makes nothing.
Result<std::shared_ptr<AgentModule>> load_agent_module(const std::string& file);

// All of them, beside those that the program has itself. Errors: those above; unsupported for a
// type that another one makes already.
Result<std::vector<std::shared_ptr<AgentModule>>> load_agent_modules(
    const std::vector<std::string>& files,
    const std::vector<std::shared_ptr<AgentModule>>& built_in);

}  // namespace troupe::actors
