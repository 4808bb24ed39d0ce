#include "actors/exchange.hpp"

#include <algorithm>

#include "actors/refusals.hpp"

namespace troupe::actors {
namespace {

using delivery::NodeId;
using delivery::OriginId;
using transport::PeerId;

// A refusal of the door's is about its queue, which empties quickly.
constexpr Duration door_opens_after = std::chrono::milliseconds(50);
constexpr std::uint64_t bytes_beside = 256;  // of books and strings, for each thing that is kept

// Of what each kind of work and of output holds beside its books; one that is not here does not
// compile.
struct BytesOf {
  std::uint64_t operator()(const Encode& encode) const { return encode.text.size(); }
  std::uint64_t operator()(const Classify& classify) const { return classify.text.size(); }
  std::uint64_t operator()(const Recall& recall) const {
    return recall.query.size() * sizeof(float);
  }
  std::uint64_t operator()(const Act& act) const { return act.observation.size() * sizeof(float); }

  std::uint64_t operator()(const Embedding& embedding) const {
    return embedding.vector.size() * sizeof(float);
  }
  std::uint64_t operator()(const Hits& hits) const { return hits.hits.size() * sizeof(Hit); }
  std::uint64_t operator()(const Action&) const { return 0; }
  std::uint64_t operator()(const Scores& scores) const {
    std::uint64_t bytes = scores.logits.size() * sizeof(float);
    for (const auto& label : scores.labels) bytes += sizeof(label) + label.size();
    return bytes;
  }
};

std::uint64_t bytes_of(const TaskRequest& request) {
  return bytes_beside + std::visit(BytesOf{}, request.work);
}

std::uint64_t bytes_of(const TaskOutcome& outcome) {
  return bytes_beside + (outcome.result ? std::visit(BytesOf{}, *outcome.result) : 0);
}

std::optional<ErrorCode> code_of(const TaskOutcome& outcome) {
  if (outcome.result) return std::nullopt;
  return outcome.result.error().code;
}

// Errors that say nothing about the task, only that it was not done there and then.
bool may_come_again(const TaskOutcome& outcome) {
  const auto code = code_of(outcome);
  return code && delivery::may_be_retried(*code);
}

Lane lane_of(const TaskRequest& request) {
  return request.lane.value_or(Lane::ordinary);
}

delivery::SenderOptions sender_options(const Exchange::Options& exchange, delivery::Choose choose) {
  delivery::SenderOptions options;
  options.self = exchange.self;
  options.nodes = static_cast<std::uint32_t>(exchange.nodes.size());
  if (exchange.hedge) options.hedge.emplace();
  options.choose = std::move(choose);
  return options;
}

}  // namespace

class Exchange::Outcomes final : public ReplySink {
 public:
  explicit Outcomes(Exchange& exchange) : exchange_(exchange) {}
  void deliver(std::vector<Answer> answers) override { exchange_.done(std::move(answers)); }

 private:
  Exchange& exchange_;
};

Exchange::Exchange(Options options, Outside outside)
    : options_(std::move(options)),
      outside_(std::move(outside)),
      outcomes_(std::make_shared<Outcomes>(*this)),
      placing_(options_.self, static_cast<std::uint32_t>(options_.nodes.size()), options_.seed,
               outside_.busyness),
      sender_(sender_options(options_,
                             [this](Instant at, TaskId task, std::span<const NodeId> open) {
                               const Pending& one = pending_.at(task);
                               return placing_.choose(at, lane_of(one.request), one.bytes, open);
                             }),
              options_.seed),
      executor_(delivery::ExecutorOptions{}) {
  for (const auto& name : options_.nodes) nodes_.push_back({name, {}, 0, false});
  origins_[own] = Origin{options_.nodes[options_.self.value], 0, {}, true, false, 0};
  executor_.handle(outside_.now(), delivery::OriginUp{own}, ordered_);
}

Exchange::~Exchange() = default;

// --- our tasks -----------------------------------------------------------------------------------

Status Exchange::submit(NodeId first, TaskRequest request, ReplyTo reply) {
  if (request.time_limit && *request.time_limit <= Duration::zero())
    return Error{ErrorCode::expired, "the task's time limit was over when it was submitted",
                 "allow more time"};
  const std::uint64_t bytes = bytes_of(request);
  Lock lock(mutex_);
  if (closed_) return draining_error();
  if (request_bytes_ + bytes > options_.request_bytes_max)
    return Error{ErrorCode::queue_full,
                 std::to_string(pending_.size()) + " tasks for other nodes wait already",
                 "retry later"};
  take_in(first, std::move(request), std::move(reply), false);
  settle(lock);
  return {};
}

bool Exchange::submit_if_sooner(TaskRequest& request, ReplyTo& reply) {
  Lock lock(mutex_);
  if (closed_ || request_bytes_ + bytes_of(request) > options_.request_bytes_max) return false;
  const auto node = sooner_elsewhere(request);
  if (!node) return false;
  take_in(*node, std::move(request), std::move(reply), true);
  settle(lock);
  return true;
}

void Exchange::take_in(NodeId first, TaskRequest&& request, ReplyTo&& reply, bool moved) {
  const Instant at = outside_.now();
  const std::uint64_t bytes = bytes_of(request);
  const TaskId id = request.id;
  delivery::Submitted task{id, first, never, std::holds_alternative<Recall>(request.work),
                           request.lane == Lane::urgent};
  if (request.time_limit) task.deadline = later(at, *request.time_limit);
  request_bytes_ += bytes;
  begin_span(pending_.emplace(id, Pending{std::move(request), std::move(reply), at, bytes, moved})
                 .first->second);
  tell({task, {}, {}, {}});
}

void Exchange::cancel(TaskId task) {
  Lock lock(mutex_);
  if (!pending_.contains(task)) return;
  tell({delivery::Canceled{task}, {}, {}, {}});
  settle(lock);
}

std::optional<NodeId> Exchange::sooner_elsewhere(const TaskRequest& request) {
  const Instant at = outside_.now();
  std::vector<NodeId> open = sender_.open(at);
  std::erase_if(open,
                [&](NodeId node) { return node != options_.self && !nodes_[node.value].delivery; });
  if (open.empty()) return std::nullopt;
  const NodeId chosen = placing_.choose(at, lane_of(request), bytes_of(request), open);
  if (chosen == options_.self) return std::nullopt;
  return chosen;
}

// A node that nobody asked for must not be the reason why a task fails; nor is it chosen again
// soon. Whoever does ask for it is not concerned.
bool Exchange::is_its_own_reason(Instant at, NodeId node, TaskId task, ErrorCode code) {
  const auto found = pending_.find(task);
  if (node == options_.self || found == pending_.end() || !found->second.moved) return false;
  if (code != ErrorCode::model_missing && code != ErrorCode::model_damaged &&
      code != ErrorCode::unsupported && code != ErrorCode::infeasible)
    return false;
  placing_.avoid(at, node);
  return true;
}

void Exchange::heard(PeerId peer, const transport::TaskAccepted& message) {
  Lock lock(mutex_);
  const auto node = node_of(peer);
  if (!node) return;
  const std::uint64_t epoch = nodes_[node->value].epoch;
  const Instant at = outside_.now();
  placing_.told(at, *node, message.load);
  placing_.accepted(at, message.task, message.attempt);
  tell({delivery::Accepted{*node, epoch, message.task, message.attempt}, {}, {}, {}});
  settle(lock);
}

void Exchange::heard(PeerId peer, transport::TaskRejected&& message) {
  Lock lock(mutex_);
  const auto node = node_of(peer);
  if (!node) return;
  const Instant at = outside_.now();
  placing_.told(at, *node, message.load);
  placing_.rejected(message.task, message.attempt);
  const delivery::Rejected event{*node,
                                 nodes_[node->value].epoch,
                                 message.task,
                                 message.attempt,
                                 message.why.code,
                                 message.retry_after,
                                 is_its_own_reason(at, *node, message.task, message.why.code)};
  tell({event, {}, {}, std::move(message.why)});
  settle(lock);
}

void Exchange::heard(PeerId peer, transport::TaskResult&& message) {
  Lock lock(mutex_);
  const auto node = node_of(peer);
  if (!node) return;
  const Instant at = outside_.now();
  placing_.told(at, *node, message.load);
  const TaskId task = message.outcome.id;
  const auto error = code_of(message.outcome);
  const delivery::ResultCame event{*node, nodes_[node->value].epoch, task, error,
                                   error && is_its_own_reason(at, *node, task, *error)};
  tell({event, {}, std::move(message.outcome), {}});
  settle(lock);
}

// --- others' tasks -------------------------------------------------------------------------------

void Exchange::guest_up(PeerId peer, const transport::PeerInfo& info) {
  Lock lock(mutex_);
  OriginId id{0};
  const bool client = info.role == transport::Role::client;
  for (auto entry = origins_.begin(); info.delivery && entry != origins_.end();) {
    const auto& [known, origin] = *entry;
    const bool namesake =
        known != own && origin.delivery && origin.client == client && origin.name == info.name;
    if (namesake && origin.epoch == info.epoch) id = known;
    // A node is one process at a time: an earlier one of the name is gone for good. Of a client
    // there may be several.
    if (namesake && origin.epoch != info.epoch && !client) {
      tell({delivery::OriginGone{known}, {}, {}, {}});
      guests_.erase(origin.peer.value);
      entry = origins_.erase(entry);
    } else {
      ++entry;
    }
  }
  if (id == own) id = OriginId{++origins_ever_};
  Origin& origin = origins_[id];
  guests_.erase(origin.peer.value);
  guests_[peer.value] = id;
  origin.name = info.name;
  origin.epoch = info.epoch;
  origin.peer = peer;
  origin.delivery = info.delivery;
  origin.client = client;
  absent_clients_.erase(id);
  tell({delivery::OriginUp{id}, {}, {}, {}});
  settle(lock);
}

void Exchange::guest_down(PeerId peer) {
  Lock lock(mutex_);
  const auto id = origin_of(peer);
  if (!id) return;
  guests_.erase(peer.value);
  if (origins_.at(*id).delivery) {
    origins_.at(*id).peer = {};
    if (origins_.at(*id).client) absent_clients_.insert(*id);
    tell({delivery::OriginDown{*id}, {}, {}, {}});
    pump(outside_.now());
    forget_absent_clients();
  } else {
    origins_.erase(*id);
    tell({delivery::OriginGone{*id}, {}, {}, {}});
  }
  settle(lock);
}

void Exchange::heard(PeerId peer, transport::SubmitTask&& message) {
  Lock lock(mutex_);
  const auto id = origin_of(peer);
  if (!id) return;
  Origin& origin = origins_.at(*id);
  const std::uint32_t attempt = origin.delivery ? message.attempt : ++origin.attempts;
  const delivery::Offered event{*id, message.request.id, attempt};
  tell({event, std::move(message.request), {}, {}});
  pump(outside_.now());
  run_waiting(lock);
  settle(lock);
}

void Exchange::heard(PeerId peer, const transport::CancelTask& message) {
  Lock lock(mutex_);
  const auto id = origin_of(peer);
  if (!id) return;
  // Whoever speaks no delivery waits for the outcome of what it canceled.
  if (origins_.at(*id).delivery) {
    tell({delivery::Withdrawn{*id, message.task}, {}, {}, {}});
  } else if (const auto found = theirs_.find({*id, message.task}); found != theirs_.end()) {
    outside_.stop_running(found->second.ours);
  }
  settle(lock);
}

void Exchange::heard(PeerId peer, const transport::ResultAck& message) {
  Lock lock(mutex_);
  const auto id = origin_of(peer);
  if (!id) return;
  tell({delivery::Acknowledged{*id, message.task}, {}, {}, {}});
  settle(lock);
}

// On the dispatcher's thread.
void Exchange::done(std::vector<Answer> answers) {
  Lock lock(mutex_);
  for (Answer& answer : answers) {
    const auto found = running_.find(answer.outcome.id);
    if (found == running_.end()) continue;
    const Key key = found->second;
    running_.erase(found);
    const auto theirs = theirs_.find(key);
    if (theirs == theirs_.end()) continue;
    TaskOutcome& outcome = theirs->second.result.emplace(std::move(answer.outcome));
    outcome.id = key.second;
    const auto origin = origins_.find(key.first);
    const bool counts = origin != origins_.end() && origin->second.delivery;
    const bool again = !counts || may_come_again(outcome);
    tell({delivery::Finished{key.first, key.second, bytes_of(outcome), again}, {}, {}, {}});
  }
  settle(lock);
}

// --- the clockwork -------------------------------------------------------------------------------

std::optional<Instant> Exchange::work() {
  Lock lock(mutex_);
  nudged_ = false;
  if (closed_) return std::nullopt;
  const Instant at = outside_.now();
  if (armed_ <= at) armed_ = never;
  advance(at);
  forget_absent_clients();
  pump(at);
  run_waiting(lock);
  std::optional<Instant> arm;
  if (const Instant next = next_wakeup(); next < armed_) arm = armed_ = next;
  settle(lock);
  return arm;
}

void Exchange::close() {
  Lock lock(mutex_);
  closed_ = true;
  for (auto& [id, task] : pending_)
    answers_.emplace_back(std::move(task.reply), TaskOutcome{id, draining_error(), {}});
  pending_.clear();
  request_bytes_ = 0;
  settle(lock);
}

std::size_t Exchange::pending() const {
  const std::lock_guard lock(mutex_);
  return pending_.size();
}

OfferCounts Exchange::offers() const {
  const std::lock_guard lock(mutex_);
  return offers_;
}

std::size_t Exchange::origins() const {
  const std::lock_guard lock(mutex_);
  return origins_.size();
}

void Exchange::advance(Instant at) {
  Step nothing;
  wanted_.clear();
  sender_.advance(at, wanted_);
  for (const auto& action : wanted_)
    std::visit([&](const auto& one) { carry_out(at, one, nothing); }, action);
  ordered_.clear();
  executor_.advance(at, ordered_);
  for (const auto& action : ordered_)
    std::visit([&](const auto& one) { carry_out(at, one, nothing); }, action);
}

// Those of which nothing is left: a client says nothing when it goes for good.
void Exchange::forget_absent_clients() {
  std::erase_if(absent_clients_, [this](OriginId client) {
    if (executor_.knows(client)) return false;
    tell({delivery::OriginGone{client}, {}, {}, {}});
    origins_.erase(client);
    return true;
  });
}

// Carrying a decision out only ever adds steps.
void Exchange::pump(Instant at) {
  for (; !steps_.empty(); steps_.pop_front()) {
    if (closed_) continue;
    Step step = std::move(steps_.front());
    if (const auto* to_sender = std::get_if<delivery::SenderEvent>(&step.event)) {
      wanted_.clear();
      sender_.handle(at, *to_sender, wanted_);
      for (const auto& action : wanted_)
        std::visit([&](const auto& one) { carry_out(at, one, step); }, action);
    } else {
      ordered_.clear();
      executor_.handle(at, std::get<delivery::ExecutorEvent>(step.event), ordered_);
      for (const auto& action : ordered_)
        std::visit([&](const auto& one) { carry_out(at, one, step); }, action);
    }
  }
}

void Exchange::run_waiting(Lock& lock) {
  while (!to_run_.empty() && !closed_) {
    ToRun next = std::move(to_run_.front());
    to_run_.pop_front();
    Theirs& task = theirs_.at(next.key);
    std::optional<Error> refused;
    if (task.unwanted) {
      refused = Error{ErrorCode::canceled, "nobody waits for the task any more", ""};
    } else {
      task.handed = true;
      lock.unlock();
      const auto taken = outside_.run(std::move(next.request), {outcomes_, 0}, next.key.second);
      lock.lock();
      if (!taken) refused = taken.error();
    }
    const auto& [origin, id] = next.key;
    if (!refused) {
      tell({delivery::Stored{origin, id}, {}, {}, {}});
    } else {
      const Duration pause =
          refused->code == ErrorCode::queue_full ? door_opens_after : Duration::zero();
      tell({delivery::Refused{origin, id, pause}, {}, {}, std::move(refused)});
    }
    pump(outside_.now());
  }
}

// Everything that the caller has told is decided, and the answers leave.
void Exchange::settle(Lock& lock) {
  pump(outside_.now());
  if (!closed_ && !nudged_ && (!to_run_.empty() || next_wakeup() < armed_)) {
    nudged_ = true;
    outside_.nudge();
  }
  auto answers = std::exchange(answers_, {});
  lock.unlock();
  for (auto& [reply, outcome] : answers) answer_one(reply, std::move(outcome));
}

Instant Exchange::next_wakeup() const {
  return std::min(sender_.next_wakeup().value_or(never), executor_.next_wakeup().value_or(never));
}

// --- who is who ----------------------------------------------------------------------------------

std::optional<NodeId> Exchange::node_of(PeerId peer) const {
  for (std::uint32_t i = 0; i < nodes_.size(); ++i)
    if (nodes_[i].peer == peer && peer.value != 0) return NodeId{i};
  return std::nullopt;
}

std::optional<OriginId> Exchange::origin_of(PeerId peer) const {
  const auto found = guests_.find(peer.value);
  if (found == guests_.end()) return std::nullopt;
  return found->second;
}

std::optional<NodeLoad> Exchange::load_for(const Origin& origin) const {
  if (!origin.delivery) return std::nullopt;
  return placing_.own_load();
}

Exchange::Origin* Exchange::reachable(OriginId id) {
  const auto found = origins_.find(id);
  if (found == origins_.end() || found->second.peer.value == 0) return nullptr;
  return &found->second;
}

}  // namespace troupe::actors
