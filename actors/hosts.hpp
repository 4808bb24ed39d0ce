// The processes that host agents for this node: clients that said, on their connection, which types
// of agents they answer for (docs/decisions/0015-agents-elsewhere.md). Where the node has no module
// of a type, mail for it goes to a host.
//
// Which one, where several host a type, is decided by the rule of scheduler/placement.hpp from the
// agent's address and the hosts' names. A name is the process's, not the connection's: a host that
// was cut off and comes back has the agents that it had.
//
// It also gives each client's connection an address, `client/NUMBER-PASS`, under which a hosted
// agent answers a client's letter. The pass is random: nobody can write to a client who was not
// given its address, and an address means nothing once the connection has gone, to this life of the
// node or the next.
//
// Thread-safe: agents look up hosts on their own threads. Nothing here sends or blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/agent_id.hpp"
#include "base/result.hpp"
#include "transport/link.hpp"

namespace troupe::actors {

class Hosts {
 public:
  static constexpr std::size_t types_per_host_max = 64;

  // `draw` gives random numbers that nobody can guess; called one at a time.
  explicit Hosts(std::function<std::uint64_t()> draw) : draw_(std::move(draw)) {}

  // A client's connection comes and goes, and with it all that it hosts.
  void up(transport::PeerId client, const transport::PeerInfo& info);
  void down(transport::PeerId client);

  // From now on, or no longer, mail for this type goes to the client's process. One that said that
  // it goes may still write in its agents' names while it is connected: they finish what they do.
  // A type that it hosts already is no error. Errors: unreachable for a client that is not up,
  // too_large over types_per_host_max; not_found where detach() finds nothing to end.
  Status attach(transport::PeerId client, const std::string& type);
  Status detach(transport::PeerId client, const std::string& type);

  // Whether it may write in the names of this type's agents.
  [[nodiscard]] bool may_write_as(transport::PeerId client, std::string_view type) const;

  // Who answers for this agent; nothing if no process hosts its type.
  [[nodiscard]] std::optional<transport::PeerId> host_of(const AgentId& agent) const;

  // How many processes host each type.
  [[nodiscard]] std::map<std::string, std::size_t> counts() const;

  // A client's address, and whose an address is: nothing for a client that is not up, and for an
  // address that this never gave.
  [[nodiscard]] std::optional<AgentId> address_of(transport::PeerId client) const;
  [[nodiscard]] std::optional<transport::PeerId> client_at(const AgentId& address) const;

 private:
  struct Client {
    std::string name;                                // of its process: its key's name and its epoch
    std::string address;                             // the key of client/KEY
    std::map<std::string, bool, std::less<>> types;  // whether their mail goes to it now
  };
  struct Type {
    std::vector<std::string>
        names;  // of its hosts; each has one peer, that of its latest connection
    std::vector<transport::PeerId> peers;
  };
  void leave(transport::PeerId client, const std::string& type);  // under mutex_

  mutable std::shared_mutex mutex_;  // guards the rest
  std::function<std::uint64_t()> draw_;
  std::unordered_map<std::uint64_t, Client> clients_;
  std::map<std::string, Type, std::less<>> types_;
};

}  // namespace troupe::actors
