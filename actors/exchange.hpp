// Tasks that cross between nodes, so that none is lost: carries out what the two halves of the
// delivery protocol (delivery/sender.hpp, delivery/executor.hpp) decide. docs/guarantees.md says
// what that promises.
//
// Our tasks are kept here, request and way back, until they have their one outcome; those that
// others gave us until the others have their results. A task that falls to our own node goes
// through our own executor like everybody else's, so that it runs under an id of its own. A peer
// that has not announced `delivery` (an older node, a simple client) is spoken for: it counts as
// having accepted what could be sent to it, and as having acknowledged its results.
//
// Thread-safe. Whatever decides runs under one lock; answers leave and the door is called without
// it. Nothing here blocks, or knows a thread, a socket or a clock: those are `Outside`.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

#include "actors/live_task.hpp"
#include "actors/placing.hpp"
#include "actors/reply.hpp"
#include "actors/stats.hpp"
#include "delivery/executor.hpp"
#include "delivery/sender.hpp"
#include "tracing/tracer.hpp"
#include "transport/link.hpp"

namespace troupe::actors {

class Exchange {
 public:
  // `run` is called without the lock, on the thread that calls work() or offered(); the others
  // under it, so they may only post, or look something up.
  struct Outside {
    std::function<Instant()> now;
    std::function<Status(transport::PeerId, Lane, const transport::Message&)> send;
    std::function<Status(TaskRequest, ReplyTo, TaskId known_as)> run;  // as Door::submit
    std::function<void(TaskId)> stop_running;
    std::function<TaskId()> next_id;
    std::function<void()> nudge;         // let somebody call work() soon
    std::function<Busyness()> busyness;  // of our own devices
  };
  struct Options {
    std::vector<std::string> nodes;  // of the cluster at the start, by NodeId
    delivery::NodeId self;
    std::uint64_t seed = 0;
    std::uint64_t request_bytes_max = std::uint64_t{256} << 20;  // of our tasks without an outcome
    tracing::Tracer* tracer = nullptr;                           // outlives it; no spans without
    bool hedge = false;
  };

  Exchange(Options options, Outside outside);
  ~Exchange();

  // On success exactly one outcome goes to `reply`, later. `request.id` is new. Errors: expired,
  // queue_full, draining.
  Status submit(delivery::NodeId first, TaskRequest request, ReplyTo reply);
  void cancel(TaskId task);

  // The same for a task that could be done here, if another node should answer it clearly sooner;
  // only nodes that lose no task count. Whether it went: if not, nothing has happened. What such a
  // node will not do for reasons of its own (it has not the model, or no time) is done elsewhere.
  bool submit_if_sooner(TaskRequest& request, ReplyTo& reply);

  // The rest comes in the order in which the link says it, from one thread at a time.

  // A node more, whose number is the next one; or one that had left. It is not up yet.
  void node_joined(delivery::NodeId node, std::string name);
  // For good, or until it joins again: what it had of ours is done elsewhere, what it gave us is
  // dropped.
  void node_left(delivery::NodeId node);
  // A node that we connected to, along the connection `peer`.
  void node_up(delivery::NodeId node, transport::PeerId peer, const transport::PeerInfo& info);
  void node_down(delivery::NodeId node);
  void heard(transport::PeerId peer, const transport::TaskAccepted& message);
  void heard(transport::PeerId peer, transport::TaskRejected&& message);
  void heard(transport::PeerId peer, transport::TaskResult&& message);

  // Whoever connected to us.
  void guest_up(transport::PeerId peer, const transport::PeerInfo& info);
  void guest_down(transport::PeerId peer);
  void heard(transport::PeerId peer, transport::SubmitTask&& message);
  void heard(transport::PeerId peer, const transport::CancelTask& message);
  void heard(transport::PeerId peer, const transport::ResultAck& message);

  // While on, no new task of others is taken: each is rejected as draining, so that it goes
  // elsewhere. What is here already goes on, our own tasks too.
  void drain(bool on);

  // Does what is due. The moment to call it again at the latest, if no earlier call has said an
  // earlier one already.
  std::optional<Instant> work();

  // Answers our tasks as draining. Everything after it does nothing.
  void close();

  // What it knows of the task that somebody knows by that id.
  struct Whereabouts {
    std::optional<OnItsWay> ours;  // one of our tasks
    std::optional<TaskId> here;    // its id on this node, if somebody gave it to us, and who:
    std::string from;              // empty: we ourselves
  };
  [[nodiscard]] Whereabouts look(TaskId task) const;

  [[nodiscard]] std::size_t pending() const;  // our tasks without an outcome
  // Others' tasks that are here: that run, or whose results have not reached who asked, where they
  // can be reached. Who cannot has given its tasks to other nodes meanwhile.
  [[nodiscard]] std::size_t guests_tasks() const;
  // Others' tasks that were rejected as draining.
  [[nodiscard]] std::uint64_t sent_elsewhere() const;
  [[nodiscard]] OfferCounts offers() const;
  // Who gives us tasks, or did and has something left here; we ourselves are one.
  [[nodiscard]] std::size_t origins() const;

 private:
  class Outcomes;
  struct Pending {
    TaskRequest request;
    ReplyTo reply;
    Instant submitted;
    std::uint64_t bytes = 0;
    bool moved = false;  // it could have been done here
    bool offered = false;
    delivery::NodeId node{};   // offered to last
    std::uint64_t parent = 0;  // of its span, whose id went into the request; 0: it has none
  };
  struct Node {
    std::string name;
    transport::PeerId peer;
    std::uint64_t epoch = 0;
    bool delivery = false;
  };
  struct Origin {
    std::string name;
    std::uint64_t epoch = 0;
    transport::PeerId peer;  // 0: away
    bool delivery = false;
    bool client = false;
    std::uint32_t attempts = 0;  // counted for whoever does not
  };
  using Key = std::pair<delivery::OriginId, TaskId>;
  struct Theirs {
    TaskId ours;
    Lane lane = Lane::ordinary;
    bool handed = false;  // to the door
    bool unwanted = false;
    std::optional<TaskOutcome> result;
  };
  struct ToRun {
    Key key;
    TaskRequest request;
  };
  // An event and what belongs to it but is none of the protocol's business.
  struct Step {
    std::variant<delivery::SenderEvent, delivery::ExecutorEvent> event;
    std::optional<TaskRequest> request;
    std::optional<TaskOutcome> outcome;
    std::optional<Error> error;
  };
  using Lock = std::unique_lock<std::mutex>;

  // Ourselves, as one of those who want tasks done.
  static constexpr delivery::OriginId own{0};

  void lose(delivery::NodeId node);
  void take_in(delivery::NodeId first, TaskRequest&& request, ReplyTo&& reply, bool moved);
  std::optional<delivery::NodeId> sooner_elsewhere(const TaskRequest& request);
  bool is_its_own_reason(Instant at, delivery::NodeId node, TaskId task, ErrorCode code);
  void begin_span(Pending& task) const;
  void end_span(const Pending& task, const TaskOutcome& outcome, Instant at) const;
  void tell(Step step) { steps_.push_back(std::move(step)); }
  void pump(Instant at);
  void advance(Instant at);
  void forget_absent_clients();
  void run_waiting(Lock& lock);
  void settle(Lock& lock);
  void done(std::vector<Answer> answers);
  [[nodiscard]] Instant next_wakeup() const;

  void carry_out(Instant at, const delivery::Offer& offer, Step& step);
  void carry_out(Instant at, const delivery::Withdraw& withdraw, Step& step);
  void carry_out(Instant at, const delivery::Acknowledge& acknowledge, Step& step);
  void carry_out(Instant at, const delivery::Conclude& conclude, Step& step);
  void carry_out(Instant at, const delivery::Run& run, Step& step);
  void carry_out(Instant at, const delivery::Stop& stop, Step& step);
  void carry_out(Instant at, const delivery::Accept& accept, Step& step);
  void carry_out(Instant at, const delivery::Reject& reject, Step& step);
  void carry_out(Instant at, const delivery::SendResult& send, Step& step);
  void carry_out(Instant at, const delivery::Drop& drop, Step& step);

  [[nodiscard]] std::optional<delivery::NodeId> node_of(transport::PeerId peer) const;
  [[nodiscard]] std::optional<delivery::OriginId> origin_of(transport::PeerId peer) const;
  // What one who hears our words about a task learns beside them; nothing if it would not know.
  [[nodiscard]] std::optional<NodeLoad> load_for(const Origin& origin) const;
  // Null for our own, and for one that is away.
  Origin* reachable(delivery::OriginId id);
  Status send_outcome(const Origin& origin, Lane lane, TaskOutcome& outcome);

  const Options options_;
  const Outside outside_;
  std::shared_ptr<ReplySink> outcomes_;

  mutable std::mutex mutex_;  // guards the rest
  Placing placing_;
  delivery::Sender sender_;
  delivery::Executor executor_;
  std::deque<Step> steps_;
  delivery::SenderActions wanted_;     // room for decisions
  delivery::ExecutorActions ordered_;  // likewise
  std::vector<Node> nodes_;
  std::unordered_map<TaskId, Pending> pending_;
  std::uint64_t request_bytes_ = 0;
  OfferCounts offers_;
  std::map<delivery::OriginId, Origin> origins_;
  std::unordered_map<std::uint64_t, delivery::OriginId> guests_;  // who is up, by peer
  std::uint32_t origins_ever_ = 0;
  std::set<delivery::OriginId> absent_clients_;  // away, and something of theirs is left
  std::map<Key, Theirs> theirs_;
  std::unordered_map<TaskId, Key> running_;  // by our id
  std::deque<ToRun> to_run_;
  std::vector<std::pair<ReplyTo, TaskOutcome>> answers_;
  Instant armed_ = never;
  std::uint64_t sent_elsewhere_ = 0;
  bool nudged_ = false;
  bool draining_ = false;
  bool closed_ = false;
};

}  // namespace troupe::actors
