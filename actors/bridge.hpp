// The bridge between this node's actors and the link: mail and tasks that cross to another node or
// come from a client.
//
// The facade (send, reply, submit_on, cancel) is thread-safe and never blocks. What comes in is
// posted by the link's thread to one pooled actor, which checks it and passes it on. A task sent to
// another node is kept here until its outcome came, its time limit is well over, or the peer is
// gone; so whoever asked gets exactly one outcome. (Resending it elsewhere is not done.)
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include "actors/messages.hpp"
#include "actors/world.hpp"
#include "transport/link.hpp"

namespace troupe::actors {

struct RemoteNode {
  std::string name;
  transport::Endpoint endpoint;
  transport::PublicKey key;
};

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
  Status open(transport::LinkOptions options, const std::vector<RemoteNode>& others);

  // Stops the link; what is pending is answered as unreachable.
  void close(Duration linger);

  Status send(const AgentId& to, AgentMail mail);
  Status reply(const Sender& to, const AgentId& from, std::string topic, std::string body);
  Status submit_on(std::string_view node, TaskRequest request, ReplyTo reply);
  void cancel(TaskId task);

  [[nodiscard]] std::map<std::string, bool> peers_up() const;
  [[nodiscard]] transport::LinkCounters counters() const;

 private:
  class Inbox;     // the actor
  class Outcomes;  // of tasks that a peer sent us
  struct Pending {
    ReplyTo reply;
    transport::PeerId peer;
    Instant sent;
    Instant give_up = never;
  };
  // A task that a peer sent us. Its id is unique among that peer's tasks, not among ours.
  using TheirId = std::pair<transport::PeerId, TaskId>;
  struct Foreign {
    TheirId theirs;
    Lane lane = Lane::ordinary;
  };

  void peer_up(transport::PeerId peer, const transport::PeerInfo& info);
  void peer_down(transport::PeerId peer, const Error& why);
  void handle(transport::PeerId peer, transport::Message& message);
  void handle_mail(transport::PeerId peer, transport::AgentMessage& message);
  void handle_task(transport::PeerId peer, transport::SubmitTask& message);
  void handle_result(transport::PeerId peer, transport::TaskResult& message);
  void handle_cancel(transport::PeerId peer, const transport::CancelTask& message);
  void handle_control(transport::PeerId peer, const transport::ControlRequest& message);
  void sweep();

  void foreign_done(TaskId ours, TaskOutcome&& outcome);
  void refuse_mail(transport::PeerId peer, const transport::AgentMessage& message,
                   const Error& why);
  void transmit(transport::PeerId peer, Lane lane, const transport::Message& message);
  std::optional<transport::PeerInfo> info_of(transport::PeerId peer) const;

  caf::actor_system& system_;
  World& world_;
  Control control_;
  caf::actor inbox_;
  std::shared_ptr<ReplySink> outcomes_;
  std::unique_ptr<transport::Link> link_;
  std::map<std::string, transport::PeerId, std::less<>> nodes_;  // fixed once open

  mutable std::mutex mutex_;
  std::unordered_map<std::uint64_t, transport::PeerInfo> up_;  // guarded by mutex_
  std::unordered_map<TaskId, Pending> pending_;                // guarded by mutex_
  std::unordered_map<TaskId, Foreign> foreign_;                // by our id; guarded by mutex_
  std::map<TheirId, TaskId> ours_;                             // guarded by mutex_
  bool closed_ = false;                                        // guarded by mutex_
};

}  // namespace troupe::actors
