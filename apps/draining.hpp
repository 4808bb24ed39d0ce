// What `troupe drain`, `down` and `restart` have in common: a node is told to drain, and watched
// until it has nothing left, is gone, or is back.
//
// All waits look again and again, because a node tells nobody by itself; Ctrl-C ends each at once.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "apps/cluster.hpp"
#include "apps/interrupts.hpp"

namespace troupe::apps {

// What a node that drains still has; actors/node_status.hpp says what each is.
struct Left {
  std::uint64_t tasks = 0;
  std::uint64_t agents = 0;
  std::uint64_t requests = 0;
  [[nodiscard]] bool empty() const noexcept { return tasks + agents + requests == 0; }
};
Left left_of(const nlohmann::json& answer);
std::string describe(const Left& left);  // "3 tasks of others, 1 in agents' hands"

// Nodes of a running cluster, for a verb that takes its time.
class Drainage {
 public:
  // All of them outlive it.
  Drainage(Client& client, Interrupts& interrupts, Output& output)
      : client_(client), interrupts_(interrupts), output_(output) {}

  // One question and its answer as JSON. Errors: unreachable, malformed, what the node says.
  Result<nlohmann::json> ask(const std::string& node, const std::string& verb,
                             const std::string& body = "");

  // Until a node that drains has nothing left, with progress; its last status. Errors: expired,
  // with what is left; unreachable; canceled when somebody has taken it back meanwhile, or by
  // Ctrl-C.
  Result<nlohmann::json> wait_empty(const std::string& node, Instant give_up);

  // Until its connection is gone. False when it is still there then.
  bool wait_gone(const std::string& node, Instant give_up);

  // Until all of `nodes` are ready and linked to all of `links`, and `back`, which is one of them
  // or empty, is another process than that of `epoch`: its status then. Errors: expired, with what
  // is missing; canceled by Ctrl-C.
  struct Whole {
    std::vector<std::string> nodes;
    std::vector<std::string> links;
  };
  Result<nlohmann::json> wait_whole(const Whole& wanted, const std::string& back,
                                    std::uint64_t epoch, Instant give_up);

 private:
  [[nodiscard]] bool interrupted();

  Client& client_;
  Interrupts& interrupts_;
  Output& output_;
  std::string told_;  // the last line of progress
};

// A verb's --timeout. Errors: invalid_argument.
Result<Duration> timeout_of(const std::string& text);

}  // namespace troupe::apps
