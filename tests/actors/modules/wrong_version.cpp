#include <cstdlib>

#include "tests/actors/modules/by_hand.hpp"

const troupe::actors::ModuleEntry* troupe_agent_module() {
  return troupe::tests::by_hand("agents 0, of long ago",
                                []() -> std::unique_ptr<troupe::actors::AgentModule> {
                                  std::abort();  // nothing of it may be called
                                });
}
