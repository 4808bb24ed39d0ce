// Two real nodes of one cluster in this process, linked over the loopback interface as nodes are,
// for what agents on different nodes say to each other.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "actors/node.hpp"
#include "base/log.hpp"
#include "client/client.hpp"

namespace troupe::bench::link {

class TwoNodes {
 public:
  // Both with these modules, and linked. Errors: those of actors::Node and of the client.
  static Result<std::unique_ptr<TwoNodes>> start(
      const std::vector<std::shared_ptr<actors::AgentModule>>& modules);
  ~TwoNodes();

  [[nodiscard]] Client& client() noexcept { return *client_; }

  // An agent of that type that lives on the first or the second node.
  [[nodiscard]] static AgentId agent_on(std::size_t node, const std::string& type);

 private:
  TwoNodes() = default;

  NullLog log_;
  std::array<std::unique_ptr<actors::Node>, 2> nodes_;
  std::unique_ptr<Client> client_;
};

}  // namespace troupe::bench::link
