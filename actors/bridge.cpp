#include "actors/bridge.hpp"

#include <algorithm>

#include "actors/agent_shell.hpp"
#include "actors/directory.hpp"
#include "actors/door.hpp"
#include "actors/error_mail.hpp"
#include "base/clock.hpp"
#include "scheduler/placement.hpp"

namespace troupe::actors {
namespace {

// A remote node answers a task whose time is over by itself; this long after, it is taken for lost.
constexpr Duration grace = std::chrono::seconds(2);
constexpr Duration sweep_interval = std::chrono::milliseconds(100);

Error unknown_node(std::string_view node) {
  return {ErrorCode::not_found, "there is no node '" + std::string(node) + "' in this cluster",
          "look at the [node.*] tables of the cluster's file"};
}

}  // namespace

// Decodes nothing, decides little: it moves the bridge's work off the link's thread.
class Bridge::Inbox final : public Actor {
 public:
  Inbox(caf::actor_config& config, Bridge& bridge)
      : Actor(config, *bridge.world_.log), bridge_(bridge) {}

  [[nodiscard]] const char* name() const override { return "bridge"; }

  caf::behavior make_behavior() override {
    post_self_later(*this, sweep_interval, Sweep{});
    return {[this](FromPeer& in) { bridge_.handle(in.peer, *in.message); },
            [this](const Sweep&) {
              bridge_.sweep();
              post_self_later(*this, sweep_interval, Sweep{});
            }};
  }

 private:
  Bridge& bridge_;
};

class Bridge::Outcomes final : public ReplySink {
 public:
  explicit Outcomes(Bridge& bridge) : bridge_(bridge) {}
  void deliver(std::vector<Answer> answers) override {
    for (auto& answer : answers) {
      const TaskId ours = answer.outcome.id;
      bridge_.foreign_done(ours, std::move(answer.outcome));
    }
  }

 private:
  Bridge& bridge_;
};

Bridge::Bridge(caf::actor_system& system, World& world, Control control)
    : system_(system),
      world_(world),
      control_(std::move(control)),
      inbox_(system.spawn<Inbox>(std::ref(*this))),
      outcomes_(std::make_shared<Outcomes>(*this)) {}

Bridge::~Bridge() {
  close(Duration::zero());
}

Status Bridge::open(transport::LinkOptions options, const std::vector<RemoteNode>& others) {
  transport::LinkEvents events;
  events.on_up = [this](transport::PeerId peer, const transport::PeerInfo& info) {
    peer_up(peer, info);
  };
  events.on_down = [this](transport::PeerId peer, const Error& why) { peer_down(peer, why); };
  events.on_message = [inbox = inbox_](transport::PeerId peer, transport::Message&& message) {
    const bool urgent = !std::holds_alternative<transport::AgentMessage>(message);
    FromPeer in{peer, std::make_shared<transport::Message>(std::move(message))};
    if (urgent)
      post_urgent(inbox, std::move(in));
    else
      post(inbox, std::move(in));
  };
  auto opened = transport::Link::open(std::move(options), std::move(events));
  if (!opened) return opened.error();
  link_ = std::move(*opened);
  for (const auto& node : others) nodes_[node.name] = link_->connect(node.endpoint, node.key);
  return {};
}

void Bridge::close(Duration linger) {
  std::unordered_map<TaskId, Pending> left;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    closed_ = true;
    left.swap(pending_);
  }
  for (auto& [id, pending] : left)
    answer_one(pending.reply,
               {id, Error{ErrorCode::draining, "the node is shutting down", ""}, {}});
  // The link first, because its thread posts to the inbox; then the inbox, which calls back here.
  if (link_) link_->stop(linger);
  post_exit(inbox_);
  caf::scoped_actor {
    system_
    } -> wait_for(inbox_);
  inbox_ = nullptr;
}

Status Bridge::send(const AgentId& to, AgentMail mail) {
  const auto home = scheduler::home_of(to_string(to), world_.nodes);
  if (world_.nodes[home] == world_.node) return world_.directory->deliver(to, std::move(mail));
  const auto node = nodes_.find(world_.nodes[home]);
  if (node == nodes_.end()) return unknown_node(world_.nodes[home]);
  return link_->send(node->second, Lane::ordinary,
                     transport::AgentMessage{to, std::move(mail.from.agent), 0,
                                             std::move(mail.topic), std::move(mail.body)});
}

Status Bridge::reply(const Sender& to, const AgentId& from, std::string topic, std::string body) {
  if (to.is_agent()) return send(to.agent, {Sender{from, 0, 0}, std::move(topic), std::move(body)});
  if (to.peer == 0)
    return Error{ErrorCode::not_found, "the message came from nobody who could be answered", ""};
  const AgentId client{std::string(client_type), std::to_string(to.reply)};
  return link_->send(
      transport::PeerId{to.peer}, Lane::ordinary,
      transport::AgentMessage{client, from, to.reply, std::move(topic), std::move(body)});
}

Status Bridge::submit_on(std::string_view node, TaskRequest request, ReplyTo reply) {
  const auto found = nodes_.find(node);
  if (found == nodes_.end()) return unknown_node(node);
  if (request.time_limit && *request.time_limit <= Duration::zero())
    return Error{ErrorCode::expired, "the task's time limit was over when it was submitted",
                 "allow more time"};
  const Instant at = now();
  const TaskId id = request.id;
  const Lane lane = request.lane.value_or(Lane::ordinary);
  const Instant give_up = request.time_limit ? later(later(at, *request.time_limit), grace) : never;
  {
    // Before it is sent: the answer may be quicker than this thread.
    const std::lock_guard lock(mutex_);
    if (closed_) return Error{ErrorCode::draining, "the node is shutting down", ""};
    pending_.emplace(id, Pending{std::move(reply), found->second, at, give_up});
  }
  const auto sent = link_->send(found->second, lane, transport::SubmitTask{std::move(request)});
  if (sent) return {};
  // A peer that went down just now may have taken the task along, and then it has its outcome.
  const std::lock_guard lock(mutex_);
  if (pending_.erase(id) == 0) return {};
  return sent;
}

void Bridge::cancel(TaskId task) {
  transport::PeerId peer;
  {
    const std::lock_guard lock(mutex_);
    const auto found = pending_.find(task);
    if (found == pending_.end()) return;
    peer = found->second.peer;
  }
  transmit(peer, Lane::urgent, transport::CancelTask{task});
}

// --- what comes in -------------------------------------------------------------------------------

void Bridge::peer_up(transport::PeerId peer, const transport::PeerInfo& info) {
  world_.log->info(
      "a peer is up",
      {{"peer", info.name}, {"role", info.role == transport::Role::node ? "node" : "client"}});
  const std::lock_guard lock(mutex_);
  up_[peer.value] = info;
}

void Bridge::peer_down(transport::PeerId peer, const Error& why) {
  std::vector<std::pair<TaskId, ReplyTo>> lost;
  std::string name = "unknown";
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = up_.find(peer.value); found != up_.end()) {
      name = found->second.name;
      up_.erase(found);
    }
    for (auto entry = pending_.begin(); entry != pending_.end();) {
      if (entry->second.peer == peer) {
        lost.emplace_back(entry->first, std::move(entry->second.reply));
        entry = pending_.erase(entry);
      } else {
        ++entry;
      }
    }
    std::erase_if(foreign_, [&](const auto& entry) { return entry.second.theirs.first == peer; });
    std::erase_if(ours_, [&](const auto& entry) { return entry.first.first == peer; });
  }
  world_.log->info("a peer is down", {{"peer", name}, {"why", why.what}});
  for (auto& [id, reply] : lost)
    answer_one(reply, {id,
                       Error{ErrorCode::unreachable, "node '" + name + "' went away with the task",
                             "submit it again"},
                       {}});
}

void Bridge::handle(transport::PeerId peer, transport::Message& message) {
  if (auto* mail = std::get_if<transport::AgentMessage>(&message)) handle_mail(peer, *mail);
  if (auto* task = std::get_if<transport::SubmitTask>(&message)) handle_task(peer, *task);
  if (auto* result = std::get_if<transport::TaskResult>(&message)) handle_result(peer, *result);
  if (auto* cancel = std::get_if<transport::CancelTask>(&message)) handle_cancel(peer, *cancel);
  if (auto* question = std::get_if<transport::ControlRequest>(&message))
    handle_control(peer, *question);
}

void Bridge::handle_mail(transport::PeerId peer, transport::AgentMessage& message) {
  const auto info = info_of(peer);
  if (!info) return;  // went down while the message waited
  const bool from_agent = !message.from.type.empty();
  if (from_agent && info->role != transport::Role::node)
    return refuse_mail(peer, message,
                       {ErrorCode::unauthorized, "a client cannot write in an agent's name",
                        "leave the sender empty"});
  const auto home = scheduler::home_of(to_string(message.to), world_.nodes);
  if (world_.nodes[home] != world_.node)
    return refuse_mail(peer, message,
                       {ErrorCode::not_found,
                        to_string(message.to) + " lives on node '" + world_.nodes[home] + "'",
                        "write to that node; do all nodes have the same cluster file?"});
  Sender from;
  if (from_agent)
    from.agent = message.from;
  else
    from = Sender{{}, peer.value, message.reply};
  AgentMail mail{std::move(from), message.topic, std::move(message.body)};
  if (const auto delivered = world_.directory->deliver(message.to, std::move(mail)); !delivered)
    refuse_mail(peer, message, delivered.error());
}

void Bridge::refuse_mail(transport::PeerId peer, const transport::AgentMessage& message,
                         const Error& why) {
  if (message.topic == error_topic) return;
  Sender to;
  if (message.from.type.empty())
    to = Sender{{}, peer.value, message.reply};
  else
    to.agent = message.from;
  if (const auto told = reply(to, message.to, error_topic, error_body(why)); !told)
    world_.log->debug("nobody could be told that mail was refused", {{"what", why.what}});
}

void Bridge::handle_task(transport::PeerId peer, transport::SubmitTask& message) {
  TaskRequest request = std::move(message.request);
  const TheirId theirs{peer, request.id};
  const TaskId ours = world_.next_task_id();
  const Lane lane = request.lane.value_or(Lane::ordinary);
  request.id = ours;
  {
    const std::lock_guard lock(mutex_);
    // Sent twice: the one outcome answers both.
    if (!ours_.emplace(theirs, ours).second) return;
    foreign_.emplace(ours, Foreign{theirs, lane});
  }
  const auto accepted = world_.door->submit(std::move(request), {outcomes_, 0}, theirs.second);
  if (!accepted) foreign_done(ours, {ours, accepted.error(), {}});
}

void Bridge::foreign_done(TaskId ours, TaskOutcome&& outcome) {
  Foreign task;
  {
    const std::lock_guard lock(mutex_);
    const auto found = foreign_.find(ours);
    if (found == foreign_.end()) return;  // the peer went away
    task = found->second;
    foreign_.erase(found);
    ours_.erase(task.theirs);
  }
  outcome.id = task.theirs.second;
  transmit(task.theirs.first, task.lane, transport::TaskResult{std::move(outcome)});
}

void Bridge::handle_result(transport::PeerId peer, transport::TaskResult& message) {
  Pending task;
  {
    const std::lock_guard lock(mutex_);
    const auto found = pending_.find(message.outcome.id);
    // Only the peer that has the task may answer it.
    if (found == pending_.end() || found->second.peer != peer) return;
    task = std::move(found->second);
    pending_.erase(found);
  }
  TaskOutcome outcome = std::move(message.outcome);
  const Duration there = outcome.timing.queue + outcome.timing.batch_wait + outcome.timing.compute;
  outcome.timing.network = std::max(Duration::zero(), now() - task.sent - there);
  answer_one(task.reply, std::move(outcome));
}

void Bridge::handle_cancel(transport::PeerId peer, const transport::CancelTask& message) {
  TaskId ours;
  {
    const std::lock_guard lock(mutex_);
    const auto found = ours_.find({peer, message.task});
    if (found == ours_.end()) return;
    ours = found->second;
  }
  world_.door->cancel(ours);
}

void Bridge::handle_control(transport::PeerId peer, const transport::ControlRequest& message) {
  control_(message.verb, message.body,
           [this, peer, id = message.id](const Result<std::string>& answer) {
             transmit(peer, Lane::urgent,
                      transport::ControlReply{id, answer.has_value(),
                                              answer ? *answer : error_body(answer.error())});
           });
}

void Bridge::sweep() {
  const Instant at = now();
  std::vector<std::pair<TaskId, ReplyTo>> overdue;
  {
    const std::lock_guard lock(mutex_);
    for (auto entry = pending_.begin(); entry != pending_.end();) {
      if (entry->second.give_up <= at) {
        overdue.emplace_back(entry->first, std::move(entry->second.reply));
        entry = pending_.erase(entry);
      } else {
        ++entry;
      }
    }
  }
  for (auto& [id, reply] : overdue)
    answer_one(
        reply,
        {id, Error{ErrorCode::expired, "no answer came from the other node in time", ""}, {}});
}

void Bridge::transmit(transport::PeerId peer, Lane lane, const transport::Message& message) {
  if (const auto sent = link_->send(peer, lane, message); !sent)
    world_.log->debug("a message to a peer was dropped", {{"what", sent.error().what}});
}

std::optional<transport::PeerInfo> Bridge::info_of(transport::PeerId peer) const {
  const std::lock_guard lock(mutex_);
  const auto found = up_.find(peer.value);
  if (found == up_.end()) return std::nullopt;
  return found->second;
}

std::map<std::string, bool> Bridge::peers_up() const {
  std::map<std::string, bool> result;
  const std::lock_guard lock(mutex_);
  for (const auto& [name, peer] : nodes_) result[name] = up_.contains(peer.value);
  return result;
}

transport::LinkCounters Bridge::counters() const {
  return link_ ? link_->counters() : transport::LinkCounters{};
}

}  // namespace troupe::actors
// troupe::actors
