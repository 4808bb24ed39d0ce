#include "actors/bridge.hpp"

#include <algorithm>
#include <random>
#include <type_traits>
#include <variant>

#include "actors/agent_shell.hpp"
#include "actors/directory.hpp"
#include "actors/door.hpp"
#include "actors/error_mail.hpp"
#include "actors/host_verbs.hpp"
#include "actors/rights.hpp"
#include "base/clock.hpp"
#include "scheduler/placement.hpp"

namespace troupe::actors {
namespace {

Error unknown_node(std::string_view node) {
  return {ErrorCode::not_found, "there is no node '" + std::string(node) + "' in this cluster",
          "look at the [node.*] tables of the cluster's file"};
}

// A node's place in the sorted list of names is its number.
delivery::NodeId number_of(const World& world, std::string_view node) {
  const auto found = std::lower_bound(world.nodes.begin(), world.nodes.end(), node);
  return delivery::NodeId{static_cast<std::uint32_t>(found - world.nodes.begin())};
}

Exchange::Options options_of(const World& world) {
  Exchange::Options options;
  options.nodes = world.nodes;
  options.self = number_of(world, world.node);
  options.seed = world.epoch;
  return options;
}

// What the exchange hears; hellos and heartbeats are the link's, replies to questions a client's.
template <class One>
constexpr bool is_about_a_task =
    std::is_same_v<One, transport::SubmitTask> || std::is_same_v<One, transport::CancelTask> ||
    std::is_same_v<One, transport::TaskResult> || std::is_same_v<One, transport::TaskAccepted> ||
    std::is_same_v<One, transport::TaskRejected> || std::is_same_v<One, transport::ResultAck>;

}  // namespace

// Decodes nothing, decides little: it moves the bridge's work off the link's thread.
class Bridge::Inbox final : public Actor {
 public:
  Inbox(caf::actor_config& config, Bridge& bridge)
      : Actor(config, *bridge.world_.log), bridge_(bridge) {}

  [[nodiscard]] const char* name() const override { return "bridge"; }

  caf::behavior make_behavior() override {
    return {[this](FromPeer& in) { bridge_.handle(in.peer, *in.message); },
            [this](const PeerUp& event) { bridge_.handle(event); },
            [this](const PeerDown& event) { bridge_.handle(event); },
            [this](const ExchangeWork&) { work(); }, [this](const TimerFired&) { work(); }};
  }

 private:
  void work() {
    if (const auto next = bridge_.exchange_.work())
      post(bridge_.world_.timers, ArmTimer{*next, caf::actor{this}, 0, 0, false});
  }

  Bridge& bridge_;
};

Bridge::Bridge(caf::actor_system& system, World& world, Control control)
    : system_(system),
      world_(world),
      control_(std::move(control)),
      inbox_(system.spawn<Inbox>(std::ref(*this))),
      exchange_(options_of(world),
                {[] { return now(); },
                 [this](transport::PeerId peer, Lane lane, const transport::Message& message) {
                   return link_->send(peer, lane, message);
                 },
                 [this](TaskRequest request, ReplyTo reply, TaskId known_as) {
                   return world_.door->submit(std::move(request), std::move(reply), known_as);
                 },
                 [this](TaskId task) { world_.door->cancel(task); },
                 [this] { return world_.next_task_id(); },
                 [inbox = inbox_] { post_urgent(inbox, ExchangeWork{}); },
                 [this] { return world_.door->busyness(now()); }}),
      hosts_([] {
        std::random_device entropy;
        return static_cast<std::uint64_t>(entropy()) << 32U | entropy();
      }) {}

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
  options.delivery = true;
  // What the link says of its peers waits until their numbers are known.
  const std::lock_guard lock(mutex_);
  auto opened = transport::Link::open(std::move(options), std::move(events));
  if (!opened) return opened.error();
  link_ = std::move(*opened);
  for (const auto& node : others) nodes_[node.name] = link_->connect(node.endpoint, node.keys);
  return {};
}

void Bridge::close(Duration linger) {
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return;
    closed_ = true;
  }
  exchange_.close();
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
  if (world_.nodes[home] == world_.node) return deliver(to, std::move(mail));
  const auto node = peer_of(world_.nodes[home]);
  if (!node) return node.error();
  return link_->send(*node, Lane::ordinary,
                     transport::AgentMessage{to, std::move(mail.from.agent), 0,
                                             std::move(mail.topic), std::move(mail.body)});
}

Status Bridge::deliver(const AgentId& to, AgentMail mail) {
  if (world_.directory->makes(to.type)) return world_.directory->deliver(to, std::move(mail));
  const auto host = hosts_.host_of(to);
  if (!host)
    return Error{
        ErrorCode::not_found,
        "no module on this node makes agents of type '" + to.type + "', and no process hosts them",
        "check the address, load the module on every node, or start the process that "
        "hosts them"};
  transport::AgentMessage message{to, std::move(mail.from.agent), mail.from.reply,
                                  std::move(mail.topic), std::move(mail.body)};
  if (mail.from.peer != 0) {
    const auto client = hosts_.address_of(transport::PeerId{mail.from.peer});
    if (!client) return Error{ErrorCode::unreachable, "the client that wrote has gone", ""};
    message.from = *client;
  }
  return link_->send(*host, Lane::ordinary, message);
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

Status Bridge::submit(TaskRequest request, ReplyTo reply) {
  // A recall means what is remembered here.
  const bool may_move = world_.nodes.size() > 1 && !std::holds_alternative<Recall>(request.work) &&
                        world_.door->busyness(now()).load.of(
                            request.lane.value_or(Lane::ordinary)) > Placing::wait_min;
  if (may_move && exchange_.submit_if_sooner(request, reply)) {
    moved_.fetch_add(1, std::memory_order_relaxed);
    return {};
  }
  return world_.door->submit(std::move(request), std::move(reply));
}

Status Bridge::submit_on(std::string_view node, TaskRequest request, ReplyTo reply) {
  if (const auto known = peer_of(node); !known) return known.error();
  return exchange_.submit(number_of(world_, node), std::move(request), std::move(reply));
}

void Bridge::cancel(TaskId task) {
  exchange_.cancel(task);
}

// --- what comes in -------------------------------------------------------------------------------

void Bridge::peer_up(transport::PeerId peer, const transport::PeerInfo& info) {
  world_.log->info("a peer is up",
                   {{"peer", info.name}, {"role", std::string(transport::name(info.role))}});
  {
    const std::lock_guard lock(mutex_);
    up_[peer.value] = info;
  }
  post_urgent(inbox_, PeerUp{peer, info});
}

void Bridge::peer_down(transport::PeerId peer, const Error& why) {
  std::string name = "unknown";
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = up_.find(peer.value); found != up_.end()) {
      name = found->second.name;
      up_.erase(found);
    }
  }
  world_.log->info("a peer is down", {{"peer", name}, {"why", why.what}});
  post_urgent(inbox_, PeerDown{peer});
}

void Bridge::handle(const PeerUp& event) {
  if (event.info.role == transport::Role::read_only) {  // has neither tasks nor agents here
    lookers_[event.peer.value] = event.info;
    return;
  }
  hosts_.up(event.peer, event.info);
  if (const auto node = dialed(event.peer))
    exchange_.node_up(*node, event.peer, event.info);
  else
    exchange_.guest_up(event.peer, event.info);
}

void Bridge::handle(const PeerDown& event) {
  if (lookers_.erase(event.peer.value) != 0) return;
  hosts_.down(event.peer);
  if (const auto node = dialed(event.peer))
    exchange_.node_down(*node);
  else
    exchange_.guest_down(event.peer);
}

void Bridge::handle(transport::PeerId peer, transport::Message& message) {
  if (const auto looker = lookers_.find(peer.value); looker != lookers_.end())
    if (const auto why = refused_read_only(message)) {
      world_.log->debug("a peer that may only look was refused", {{"peer", looker->second.name}});
      if (const auto told = refusal_of(message, *why, looker->second.delivery))
        transmit(peer, told->lane, told->message);
      return;
    }
  std::visit(
      [&](auto& one) {
        using One = std::decay_t<decltype(one)>;
        if constexpr (std::is_same_v<One, transport::AgentMessage>)
          handle_mail(peer, one);
        else if constexpr (std::is_same_v<One, transport::ControlRequest>)
          handle_control(peer, one);
        else if constexpr (is_about_a_task<One>)
          exchange_.heard(peer, std::move(one));
      },
      message);
}

void Bridge::handle_mail(transport::PeerId peer, transport::AgentMessage& message) {
  const auto info = info_of(peer);
  if (!info) return;  // went down while the message waited
  const bool from_agent = !message.from.type.empty();
  if (from_agent && info->role != transport::Role::node) return handle_hosted(peer, message);
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
  if (const auto delivered = deliver(message.to, std::move(mail)); !delivered)
    refuse_mail(peer, message, delivered.error());
}

// A client writes in an agent's name, so it has to be one that it hosts here.
void Bridge::handle_hosted(transport::PeerId host, transport::AgentMessage& message) {
  if (!hosts_.may_write_as(host, message.from.type)) {
    // Not to the agent whose name it took.
    const Error why{ErrorCode::unauthorized,
                    "a client cannot write in the name of an agent that it does not host here",
                    "leave the sender empty, or host the type first"};
    if (message.topic != error_topic)
      transmit(host, Lane::ordinary,
               transport::AgentMessage{{std::string(client_type), std::to_string(message.reply)},
                                       message.to,
                                       message.reply,
                                       error_topic,
                                       error_body(why)});
    return;
  }
  if (message.to.type != client_type) {
    AgentMail mail{Sender{message.from, 0, 0}, message.topic, std::move(message.body)};
    if (const auto sent = send(message.to, std::move(mail)); !sent)
      refuse_mail(host, message, sent.error());
  } else if (const auto client = hosts_.client_at(message.to)) {
    transmit(*client, Lane::ordinary,
             transport::AgentMessage{{std::string(client_type), std::to_string(message.reply)},
                                     message.from,
                                     message.reply,
                                     message.topic,
                                     std::move(message.body)});
  } else {
    world_.log->debug("an answer to a client that has gone was dropped",
                      {{"agent", to_string(message.from)}});
  }
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

void Bridge::handle_control(transport::PeerId peer, const transport::ControlRequest& message) {
  const auto answered = [this, peer, id = message.id](const Result<std::string>& answer) {
    transmit(peer, Lane::urgent,
             transport::ControlReply{id, answer.has_value(),
                                     answer ? *answer : error_body(answer.error())});
  };
  if (is_host_verb(message.verb))
    answered(answer_host(message.verb, message.body, peer, hosts_, world_));
  else
    control_(message.verb, message.body, answered);
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

Result<transport::PeerId> Bridge::peer_of(std::string_view node) const {
  const std::lock_guard lock(mutex_);
  const auto found = nodes_.find(node);
  if (found == nodes_.end()) return unknown_node(node);
  return found->second;
}

std::optional<delivery::NodeId> Bridge::dialed(transport::PeerId peer) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, id] : nodes_)
    if (id == peer) return number_of(world_, name);
  return std::nullopt;
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
