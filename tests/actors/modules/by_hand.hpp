// Modules that are wrong on purpose write their entry by hand.
#pragma once

#include "actors/agent_module.hpp"

namespace troupe::tests {

inline const actors::ModuleEntry* by_hand(const char* interface,
                                          std::unique_ptr<actors::AgentModule> (*make)()) {
  static actors::ModuleEntry entry;
  entry = {interface, make};
  return &entry;
}

struct Silent final : actors::Agent {
  void on_message(actors::Context&, const actors::AgentMail&) override {}
};

template <char... letters>
struct Typed final : actors::AgentModule {
  static constexpr char name[] = {letters..., 0};
  [[nodiscard]] std::string_view type() const override { return name; }
  std::unique_ptr<actors::Agent> create(const AgentId&) override {
    return std::make_unique<Silent>();
  }
};

}  // namespace troupe::tests
