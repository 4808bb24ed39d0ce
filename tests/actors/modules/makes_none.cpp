#include "tests/actors/modules/by_hand.hpp"

const troupe::actors::ModuleEntry* troupe_agent_module() {
  return troupe::tests::by_hand(
      troupe::actors::agent_interface,
      []() -> std::unique_ptr<troupe::actors::AgentModule> { return nullptr; });
}
