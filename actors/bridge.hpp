// The bridge between this node's actors and the link: mail and tasks that cross to another node,
// come from a client, or go to and come from a process that hosts agents (hosts.hpp).
//
// The facade (send, reply, submit_on, cancel) is thread-safe and never blocks. What comes in,
// peers' coming and going included, is posted by the link's thread to one pooled actor, which takes
// mail (bridge_mail.cpp) and questions itself and gives tasks to the exchange (exchange.hpp), which
// loses none. It also tells the members (members.hpp) who is up, and when they change sees to it
// that agents and their mail go where they live now.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include "actors/exchange.hpp"
#include "actors/hosts.hpp"
#include "actors/members.hpp"
#include "actors/messages.hpp"
#include "actors/waiting_mail.hpp"
#include "actors/world.hpp"
#include "transport/link.hpp"

namespace troupe::actors {

// Questions to the node ("status"): an answer in JSON, or an error. Asked on the bridge's actor;
// answered once, there or later on any thread, but not after close().
using ControlAnswer = std::function<void(const Result<std::string>& answer)>;
using Control =
    std::function<void(const std::string& verb, const std::string& body, ControlAnswer answer)>;

class Bridge {
 public:
  Bridge(caf::actor_system& system, World& world, Control control);
  ~Bridge();

  // Opens the link, starts listening and connects to the other nodes.
  Status open(const transport::OpenLink& open_link, transport::LinkOptions options,
              const std::vector<ClusterNode>& cluster);

  // The cluster's nodes from now on, this one among them, in place of those that open() was given:
  // done soon, on the bridge's actor. One whose endpoint is another now is connected to there.
  void set_nodes(std::vector<ClusterNode> cluster);

  // From now on. Errors: config.
  Status allow(const std::vector<transport::AllowedKey>& allowed) { return link_->allow(allowed); }

  // Stops the link; our tasks that have no outcome are answered as draining.
  void close(Duration linger);

  // To an agent: here, on another node, or of a process that hosts its type for this one. For a
  // node that is down the mail waits as long as it is taken to live.
  Status send(const AgentId& to, AgentMail mail);
  Status reply(const Sender& to, const AgentId& from, std::string topic, std::string body,
               const Trace& trace = {});
  // Where it should be answered soonest: by our own devices, or, where another node is clearly
  // less busy, by that one's. Errors: those of Door::submit and of submit_on.
  Status submit(TaskRequest request, ReplyTo reply);
  // To that node first; when it cannot do the task, to another, unless the task is a recall, which
  // means that node's memories. On success exactly one outcome goes to `reply`. Errors: not_found,
  // expired, queue_full, draining.
  Status submit_on(std::string_view node, TaskRequest request, ReplyTo reply);
  void cancel(TaskId task);
  [[nodiscard]] Exchange::Whereabouts look(TaskId task) const { return exchange_.look(task); }

  // Others' new tasks are rejected as draining, or taken again.
  void drain(bool on) { exchange_.drain(on); }
  [[nodiscard]] std::size_t guests_tasks() const { return exchange_.guests_tasks(); }
  [[nodiscard]] std::uint64_t sent_elsewhere() const { return exchange_.sent_elsewhere(); }

  [[nodiscard]] OfferCounts offers() const { return exchange_.offers(); }
  [[nodiscard]] std::uint64_t tasks_moved() const { return moved_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::map<std::string, bool> peers_up() const;
  [[nodiscard]] std::size_t mail_waiting() const;
  [[nodiscard]] transport::LinkCounters counters() const;
  [[nodiscard]] std::map<std::string, transport::LinkBacklog> backlogs() const;  // by node
  // How many processes host agents of each type.
  [[nodiscard]] std::map<std::string, std::size_t> hosts() const { return hosts_.counts(); }

 private:
  class Inbox;  // the actor

  // One of the cluster's other nodes.
  struct Other {
    delivery::NodeId number;
    transport::PeerId peer;
    transport::Endpoint endpoint;
  };

  void peer_up(transport::PeerId peer, const transport::PeerInfo& info);
  void peer_down(transport::PeerId peer, const Error& why);
  void handle(const PeerUp& event);
  void handle(const PeerDown& event);
  void handle(transport::PeerId peer, transport::Message& message);

  // bridge_members.cpp
  void handle(const NodesWanted& event);
  void leave(const std::string& name, const Other& node);
  void connect(const ClusterNode& node, delivery::NodeId number);  // under mutex_
  void lose(delivery::NodeId node);
  void look_at_members();
  void members_changed();

  // bridge_mail.cpp
  void handle_mail(transport::PeerId peer, transport::AgentMessage& message);
  void handle_hosted(transport::PeerId host, transport::AgentMessage& message);
  void pass_on(transport::PeerId peer, transport::AgentMessage& message);
  // Both say false, and leave the mail alone, when the agent lives elsewhere by now.
  Result<bool> deliver(const AgentId& to, AgentMail& mail);
  Result<bool> send_to_node(std::size_t node, const AgentId& to, AgentMail& mail);
  Status send_to_client(const AgentId& address, transport::AgentMessage message);
  [[nodiscard]] Result<AgentId> address_of(const Sender& sender) const;
  void refuse_mail(transport::PeerId peer, const transport::AgentMessage& message,
                   const Error& why);
  void send_waiting(std::size_t node);

  void handle_control(transport::PeerId peer, const transport::ControlRequest& message);
  [[nodiscard]] Result<Other> other(std::string_view node) const;
  [[nodiscard]] std::optional<delivery::NodeId> dialed(transport::PeerId peer) const;
  void transmit(transport::PeerId peer, Lane lane, const transport::Message& message);
  std::optional<transport::PeerInfo> info_of(transport::PeerId peer) const;

  caf::actor_system& system_;
  World& world_;
  Control control_;
  caf::actor inbox_;
  std::unique_ptr<transport::Link> link_;
  Exchange exchange_;
  Hosts hosts_;
  std::atomic<std::uint64_t> moved_{0};  // by submit(), to other nodes
  // Peers that are read-only. The actor's alone: it hears of a peer before and after its questions.
  std::unordered_map<std::uint64_t, transport::PeerInfo> lookers_;

  mutable std::mutex mutex_;                         // guards the rest
  std::map<std::string, Other, std::less<>> nodes_;  // the actor changes it
  std::unordered_map<std::uint64_t, transport::PeerInfo> up_;
  WaitingMail waiting_;
  bool closed_ = false;
};

}  // namespace troupe::actors
