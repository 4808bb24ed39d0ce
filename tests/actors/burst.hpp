// An agent that submits many tasks at once and counts what comes back, for tests.
#pragma once

#include <optional>
#include <string>

#include "base/task.hpp"
#include "tests/actors/nodes.hpp"

namespace troupe::tests {

// Of the tests' tiny model.
TaskRequest encode(std::string text, std::optional<Lane> lane = {});

// Agents of type "burst". One that is told {"count","node"} submits so many tasks to that node, and
// answers "done" with {"completed","failed","extra"}, of all that it was ever told, when each has
// had its outcome; an outcome too many or of an unknown task is an "extra".
Modules burst();

struct Counted {
  int completed = 0;
  int failed = 0;
  int extra = 0;
};

// Tells an agent to begin; then waits for its answer.
void begin_burst(TestClient& client, const AgentId& agent, int count, const std::string& node);
Counted end_burst(TestClient& client);

}  // namespace troupe::tests
