// What a client knows and does, behind client.hpp: the sender's half of the delivery protocol
// (delivery/sender.hpp) over a link that connects to every node and serves nobody.
//
// One lock guards everything. Events come from the caller's threads, from the link's thread and
// from the session's own, which also minds the time and runs the callbacks; outcomes leave without
// the lock.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "base/random.hpp"
#include "client/client.hpp"
#include "client/nearest.hpp"
#include "delivery/sender.hpp"
#include "transport/link.hpp"

namespace troupe {

// Takes an outcome on whatever thread it comes; must not block.
class OutcomeSink {
 public:
  virtual ~OutcomeSink() = default;
  virtual void deliver(TaskOutcome outcome) = 0;
};

class Client::Session {
 public:
  using Waiter = std::variant<std::promise<TaskOutcome>, OnOutcome, std::shared_ptr<OutcomeSink>>;

  static Result<std::unique_ptr<Session>> open(ClientOptions options);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Status wait_connected(std::string_view node, Duration limit);
  TaskId new_id();
  TaskId submit(TaskRequest request, std::string_view node, Waiter waiter);
  void cancel(TaskId task);
  [[nodiscard]] std::size_t pending() const;
  Status send(const AgentId& to, std::string topic, std::string body, std::uint64_t reply,
              std::string_view node, const Trace& trace);
  std::optional<Letter> receive(Duration limit);
  Result<std::string> control(std::string_view node, std::string verb, std::string body,
                              Duration limit);

 private:
  using NodeId = delivery::NodeId;
  struct Node {
    transport::PeerId peer;
    bool up = false;
    std::uint64_t epoch = 0;
    bool delivery = false;
    std::size_t tasks = 0;  // of ours that were offered to it last
  };
  struct Pending {
    TaskRequest request;
    Waiter waiter;
    Instant submitted;
    std::optional<NodeId> node;  // offered to last
    std::uint32_t attempt = 0;
    std::optional<Instant> sent{};  // none: repeated, or its answer is measured
  };
  using Lock = std::unique_lock<std::mutex>;
  using Ready = std::pair<Waiter, TaskOutcome>;

  explicit Session(ClientOptions options);
  void run();
  void rekey(std::uint32_t node, Lock& lock);

  void on_up(transport::PeerId peer, const transport::PeerInfo& info);
  void on_down(transport::PeerId peer);
  void on_retry(transport::PeerId peer);
  void on_message(transport::PeerId peer, transport::Message&& message);

  // An event of the protocol with what belongs to it; decides and carries out, under the lock.
  void tell(const delivery::SenderEvent& event, TaskOutcome* outcome = nullptr,
            const Error* error = nullptr);
  void tell_more(Instant at);  // what came of carrying out
  void carry_out(const delivery::Offer& offer, Instant at);
  void carry_out(const delivery::Conclude& conclude, Instant at, TaskOutcome* outcome,
                 const Error* error);
  void carry_out(const delivery::SenderActions& actions, Instant at, TaskOutcome* outcome,
                 const Error* error);
  // Outcomes leave, our thread learns what it has to do, the lock is released.
  void settle(Lock& lock);

  [[nodiscard]] Result<NodeId> node_named(std::string_view name) const;
  [[nodiscard]] std::optional<NodeId> node_of(transport::PeerId peer) const;
  [[nodiscard]] Result<NodeId> first_for(const TaskRequest& request, std::string_view node);
  [[nodiscard]] NodeId home_of(std::string_view agent) const;
  [[nodiscard]] NodeId way_to(std::string_view agent) const;
  void list_up();
  [[nodiscard]] NodeId nearest(Instant at, std::span<const NodeId> nodes);
  // That node took the task: how long the way is, if that can be told.
  void measure(Instant at, NodeId node, const transport::TaskAccepted& accepted);

  const ClientOptions options_;
  std::vector<std::string> names_;  // by NodeId
  std::unique_ptr<transport::Link> link_;

  mutable std::mutex mutex_;         // guards all below
  std::condition_variable changed_;  // for those who wait for connections, letters and replies
  std::condition_variable work_;     // for our own thread
  Random random_;
  delivery::Sender sender_;
  Nearest nearest_;
  std::vector<delivery::SenderEvent> more_;  // that came of carrying out
  std::vector<Node> nodes_;
  TaskIdSource ids_;
  std::unordered_map<TaskId, Pending> pending_;
  std::vector<Ready> ready_;
  std::deque<std::pair<OnOutcome, TaskOutcome>> calls_;
  std::deque<Letter> letters_;
  std::uint64_t last_question_ = 0;
  std::map<std::uint64_t, std::optional<transport::ControlReply>> questions_;
  std::vector<std::string> up_;      // names of the nodes that are up
  std::set<std::uint32_t> retries_;  // nodes whose keys may have changed
  Instant sleeps_until_{};           // our thread, at most
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace troupe
