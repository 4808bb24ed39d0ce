#include "actors/bridge.hpp"

#include <algorithm>
#include <random>
#include <type_traits>
#include <variant>

#include "actors/door.hpp"
#include "actors/error_mail.hpp"
#include "actors/host_verbs.hpp"
#include "actors/rights.hpp"
#include "base/clock.hpp"

namespace troupe::actors {
namespace {

// By the number that the members give it.
delivery::NodeId id_of(std::size_t number) {
  return delivery::NodeId{static_cast<std::uint32_t>(number)};
}

Exchange::Options options_of(const World& world) {
  Exchange::Options options;
  for (std::size_t i = 0; i < world.members->numbers(); ++i)
    options.nodes.push_back(world.members->name(i));
  options.self = id_of(world.members->self());
  options.seed = world.epoch;
  options.tracer = world.tracer;
  options.hedge = world.hedge;
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
            [this](const NodesWanted& event) { bridge_.handle(event); },
            [this](const PeerDown& event) {
              bridge_.handle(event);
              work();
            },
            [this](const ExchangeWork&) { work(); },
            [this](const TimerFired&) { work(); }};
  }

 private:
  void work() {
    bridge_.look_at_members();
    if (const auto next = bridge_.exchange_.work()) arm(*next);
    const auto change = bridge_.world_.members->next_change();
    if (change && change != armed_for_) arm(*change);
    armed_for_ = change;
  }

  void arm(Instant at) { post(bridge_.world_.timers, ArmTimer{at, caf::actor{this}, 0, 0, false}); }

  Bridge& bridge_;
  std::optional<Instant> armed_for_;  // a change of the members
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
      }),
      waiting_(world.in_hand) {}

Bridge::~Bridge() {
  close(Duration::zero());
}

Status Bridge::open(const transport::OpenLink& open_link, transport::LinkOptions options,
                    const std::vector<ClusterNode>& cluster) {
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
  auto opened = open_link(std::move(options), std::move(events));
  if (!opened) return opened.error();
  link_ = std::move(*opened);
  for (const auto& node : cluster)
    if (node.name != world_.node) connect(node, id_of(*world_.members->number_of(node.name)));
  post_urgent(inbox_, ExchangeWork{});  // from here on the members' times run
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

Status Bridge::submit(TaskRequest request, ReplyTo reply) {
  if (request.trace.is_none()) request.trace = world_.tracer->begin_if_sampling();
  // A recall means what is remembered here.
  const bool may_move =
      world_.members->numbers() > 1 && !std::holds_alternative<Recall>(request.work) &&
      world_.door->busyness(now()).load.of(request.lane.value_or(Lane::ordinary)) >
          Placing::wait_min;
  if (may_move && exchange_.submit_if_sooner(request, reply)) {
    moved_.fetch_add(1, std::memory_order_relaxed);
    return {};
  }
  return world_.door->submit(std::move(request), std::move(reply));
}

Status Bridge::submit_on(std::string_view node, TaskRequest request, ReplyTo reply) {
  const auto known = other(node);
  if (!known) return known.error();
  if (request.trace.is_none()) request.trace = world_.tracer->begin_if_sampling();
  return exchange_.submit(known->number, std::move(request), std::move(reply));
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
  if (const auto node = dialed(event.peer)) {
    exchange_.node_up(*node, event.peer, event.info);
    if (world_.members->up(node->value)) members_changed();
    send_waiting(node->value);
  } else {
    exchange_.guest_up(event.peer, event.info);
  }
}

void Bridge::handle(const PeerDown& event) {
  if (lookers_.erase(event.peer.value) != 0) return;
  hosts_.down(event.peer);
  if (const auto node = dialed(event.peer)) {
    lose(*node);
  } else {
    exchange_.guest_down(event.peer);
  }
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

Result<Bridge::Other> Bridge::other(std::string_view node) const {
  const std::lock_guard lock(mutex_);
  const auto found = nodes_.find(node);
  if (found == nodes_.end())
    return Error{ErrorCode::not_found,
                 "there is no node '" + std::string(node) + "' in this cluster",
                 "look at the [node.*] tables of the cluster's file"};
  return found->second;
}

std::optional<delivery::NodeId> Bridge::dialed(transport::PeerId peer) const {
  const std::lock_guard lock(mutex_);
  for (const auto& [name, one] : nodes_)
    if (one.peer == peer) return one.number;
  return std::nullopt;
}

std::map<std::string, bool> Bridge::peers_up() const {
  std::map<std::string, bool> result;
  const std::lock_guard lock(mutex_);
  for (const auto& [name, one] : nodes_) result[name] = up_.contains(one.peer.value);
  return result;
}

std::map<std::string, transport::LinkBacklog> Bridge::backlogs() const {
  std::map<std::string, transport::LinkBacklog> result;
  if (!link_) return result;
  const std::lock_guard lock(mutex_);
  for (const auto& [name, one] : nodes_) result[name] = link_->backlog(one.peer);
  return result;
}

transport::LinkCounters Bridge::counters() const {
  return link_ ? link_->counters() : transport::LinkCounters{};
}

}  // namespace troupe::actors
// troupe::actors
