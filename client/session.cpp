#include "client/session.hpp"

#include <pthread.h>

#include <algorithm>
#include <random>
#include <set>

#include "base/clock.hpp"
#include "base/limits.hpp"
#include "client/node_error.hpp"

namespace troupe {
namespace {

using delivery::NodeId;

// As much as a clock can count to from now on.
Duration bounded(Duration limit) {
  return std::min<Duration>(limit, std::chrono::hours(24 * 365));
}

std::uint64_t entropy() {
  std::random_device device;
  return static_cast<std::uint64_t>(device()) << 32U | device();
}

Error not_connected(std::string_view node) {
  const std::string whom = node.empty() ? "no node" : "node '" + std::string(node) + "'";
  return {ErrorCode::unreachable, whom + (node.empty() ? " answers" : " does not answer"),
          "is it running (troupe status), and does its allow-list name this client's key?"};
}

std::vector<transport::PublicKey> keys_of(const NodeAddress& node) {
  std::vector<transport::PublicKey> keys{{node.public_key}};
  if (!node.next_public_key.empty()) keys.push_back({node.next_public_key});
  return keys;
}

Status check(const ClientOptions& options) {
  const transport::KeyPair keys{{options.public_key}, options.secret_key};
  if (auto good = transport::check_keys(keys); !good) return good;
  if (options.nodes.empty() || options.nodes.size() > limits::nodes_max)
    return Error{ErrorCode::invalid_argument,
                 "a client needs between one and " + std::to_string(limits::nodes_max) + " nodes",
                 "name those of the cluster"};
  std::set<std::string_view> names;
  for (const auto& node : options.nodes) {
    for (const auto& half : keys_of(node))
      if (const auto key = transport::parse_public_key(half.z85); !key) return key.error();
    if (!names.insert(node.name).second)
      return Error{ErrorCode::invalid_argument, "two nodes are called '" + node.name + "'",
                   "name each node of the cluster once"};
  }
  return {};
}

std::vector<std::optional<Location>> locations_of(const ClientOptions& options) {
  std::vector<std::optional<Location>> locations;
  for (const auto& node : options.nodes) locations.push_back(node.location);
  return locations;
}

delivery::SenderOptions sender_options(const ClientOptions& options, delivery::Choose choose) {
  delivery::SenderOptions sender;
  sender.nodes = static_cast<std::uint32_t>(options.nodes.size());
  sender.tasks_max = options.tasks_max;
  if (options.hedge) sender.hedge.emplace();
  sender.choose = std::move(choose);
  return sender;
}

}  // namespace

Client::Session::Session(ClientOptions options)
    : options_(std::move(options)),
      random_(entropy()),
      sender_(sender_options(options_,
                             [this](Instant at, TaskId, auto nodes) { return nearest(at, nodes); }),
              entropy()),
      nearest_(options_.location, locations_of(options_)),
      ids_(entropy()) {}

Result<std::unique_ptr<Client::Session>> Client::Session::open(ClientOptions options) {
  if (auto good = check(options); !good) return good.error();
  // As everybody numbers a cluster's nodes.
  std::sort(options.nodes.begin(), options.nodes.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  std::unique_ptr<Session> session(new Session(std::move(options)));
  Session* const self = session.get();

  transport::LinkOptions link;
  link.name = self->options_.name;
  link.keys = {{self->options_.public_key}, self->options_.secret_key};
  link.heartbeat_interval = self->options_.heartbeat_interval;
  link.delivery = true;
  transport::LinkEvents events;
  events.on_up = [self](auto peer, const auto& info) { self->on_up(peer, info); };
  events.on_down = [self](auto peer, const Error&) { self->on_down(peer); };
  events.on_message = [self](auto peer, auto&& message) {
    self->on_message(peer, std::forward<decltype(message)>(message));
  };
  if (self->options_.fresh_keys) events.on_retry = [self](auto peer) { self->on_retry(peer); };
  auto opened = transport::Link::open(std::move(link), std::move(events));
  if (!opened) return opened.error();
  {
    const std::lock_guard lock(self->mutex_);
    self->link_ = std::move(*opened);
    for (const auto& node : self->options_.nodes) {
      self->names_.push_back(node.name);
      const transport::Endpoint endpoint{node.host, node.urgent_port, node.ordinary_port};
      self->nodes_.push_back({self->link_->connect(endpoint, keys_of(node))});
    }
    self->thread_ = std::thread([self] { self->run(); });
  }
  return session;
}

Client::Session::~Session() {
  {
    Lock lock(mutex_);
    std::vector<TaskId> left;
    for (const auto& [id, task] : pending_) left.push_back(id);
    for (const TaskId id : left) tell(delivery::Canceled{id});
    closing_ = true;
    work_.notify_all();
    settle(lock);
  }
  if (thread_.joinable()) thread_.join();  // after the last callback
  if (link_) link_->stop(std::chrono::milliseconds(200));
}

// Our own thread: what is due, and the callbacks.
void Client::Session::run() {
  ::pthread_setname_np(::pthread_self(), "troupe-client");
  Lock lock(mutex_);
  while (true) {
    if (!calls_.empty()) {
      auto [call, outcome] = std::move(calls_.front());
      calls_.pop_front();
      lock.unlock();
      call(std::move(outcome));
      lock.lock();
      continue;
    }
    if (closing_) return;
    if (!retries_.empty()) {
      const auto node = *retries_.begin();
      retries_.erase(retries_.begin());
      rekey(node, lock);
      continue;
    }
    const auto next = sender_.next_wakeup();
    const Instant at = now();
    if (next && *next <= at) {
      delivery::SenderActions actions;
      sender_.advance(at, actions);
      carry_out(actions, at, nullptr, nullptr);
      tell_more(at);
      settle(lock);
      lock.lock();
    } else if (next) {
      sleeps_until_ = *next;
      work_.wait_for(lock, bounded(*next - at));
    } else {
      sleeps_until_ = never;
      work_.wait(lock);
    }
  }
}

// Somebody may have rotated a key since.
void Client::Session::rekey(std::uint32_t node, Lock& lock) {
  const auto peer = nodes_[node].peer;
  lock.unlock();
  if (auto fresh = options_.fresh_keys(names_[node])) {
    std::vector<transport::PublicKey> keys;
    for (auto& key : fresh->node_keys) keys.push_back({std::move(key)});
    (void)link_->rekey({{std::move(fresh->public_key)}, std::move(fresh->secret_key)});
    (void)link_->rekey(peer, std::move(keys));
  }
  lock.lock();
}

// --- the caller's threads ------------------------------------------------------------------------

Status Client::Session::wait_connected(std::string_view node, Duration limit) {
  Lock lock(mutex_);
  std::optional<NodeId> only;
  if (!node.empty()) {
    const auto named = node_named(node);
    if (!named) return named.error();
    only = *named;
  }
  const auto is_up = [&] {
    if (only) return nodes_[only->value].up;
    return std::any_of(nodes_.begin(), nodes_.end(), [](const Node& one) { return one.up; });
  };
  if (changed_.wait_for(lock, bounded(limit), is_up)) return {};
  return not_connected(node);
}

TaskId Client::Session::new_id() {
  const std::lock_guard lock(mutex_);
  return ids_.next();
}

TaskId Client::Session::submit(TaskRequest request, std::string_view node, Waiter waiter) {
  Lock lock(mutex_);
  if (request.id.is_none()) request.id = ids_.next();
  const TaskId id = request.id;
  const auto first = first_for(request, node);
  std::optional<Error> wrong;
  if (!first) wrong = first.error();
  if (pending_.contains(id))
    wrong = {ErrorCode::invalid_argument, "this task is on its way already",
             "give another task another id, or none"};
  if (closing_) wrong = delivery::error_of(ErrorCode::canceled);
  if (wrong) {
    ready_.emplace_back(std::move(waiter), TaskOutcome{id, std::move(*wrong), {}});
    settle(lock);
    return id;
  }
  const Instant at = now();
  delivery::Submitted task{id, *first, never, std::holds_alternative<Recall>(request.work),
                           request.lane == Lane::urgent};
  if (request.time_limit) task.deadline = later(at, *request.time_limit);
  pending_.emplace(id, Pending{std::move(request), std::move(waiter), at, {}, 0, {}});
  tell(task);
  settle(lock);
  return id;
}

void Client::Session::cancel(TaskId task) {
  Lock lock(mutex_);
  if (pending_.contains(task)) tell(delivery::Canceled{task});
  settle(lock);
}

std::size_t Client::Session::pending() const {
  const std::lock_guard lock(mutex_);
  return pending_.size();
}

Status Client::Session::send(const AgentId& to, std::string topic, std::string body,
                             std::uint64_t reply, std::string_view node, const Trace& trace) {
  const auto id = parse_agent_id(to_string(to));
  if (!id) return id.error();
  const std::lock_guard lock(mutex_);
  const auto home = node.empty() ? Result<NodeId>(way_to(to_string(to))) : node_named(node);
  if (!home) return home.error();
  return link_->send(
      nodes_[home->value].peer, Lane::ordinary,
      transport::AgentMessage{to, {}, reply, std::move(topic), std::move(body), trace});
}

std::optional<Letter> Client::Session::receive(Duration limit) {
  Lock lock(mutex_);
  if (!changed_.wait_for(lock, bounded(limit), [&] { return !letters_.empty(); }))
    return std::nullopt;
  Letter letter = std::move(letters_.front());
  letters_.pop_front();
  return letter;
}

Result<std::string> Client::Session::control(std::string_view node, std::string verb,
                                             std::string body, Duration limit) {
  Lock lock(mutex_);
  const auto named = node_named(node);
  if (!named) return named.error();
  const std::uint64_t id = ++last_question_;
  if (auto sent = link_->send(nodes_[named->value].peer, Lane::urgent,
                              transport::ControlRequest{id, std::move(verb), std::move(body)});
      !sent)
    return sent.error();
  const auto asked = questions_.emplace(id, std::nullopt).first;
  changed_.wait_for(lock, bounded(limit), [&] { return asked->second.has_value(); });
  const auto reply = std::move(asked->second);
  questions_.erase(asked);
  if (!reply) return not_connected(node);
  if (reply->ok) return reply->body;
  return error_of_body(node, reply->body);
}

// --- the link's thread ---------------------------------------------------------------------------

void Client::Session::on_up(transport::PeerId peer, const transport::PeerInfo& info) {
  Lock lock(mutex_);
  const auto node = node_of(peer);
  if (!node) return;
  Node& one = nodes_[node->value];
  one.up = true;
  list_up();
  one.epoch = info.epoch;
  one.delivery = info.delivery;
  tell(delivery::NodeUp{*node, info.epoch});
  changed_.notify_all();
  settle(lock);
}

void Client::Session::on_down(transport::PeerId peer) {
  Lock lock(mutex_);
  const auto node = node_of(peer);
  if (!node) return;
  nodes_[node->value].up = false;
  list_up();
  nearest_.forget(node->value);
  tell(delivery::NodeDown{*node});
  changed_.notify_all();
  settle(lock);
}

void Client::Session::on_retry(transport::PeerId peer) {
  const Lock lock(mutex_);
  const auto node = node_of(peer);
  if (!node) return;
  retries_.insert(node->value);
  work_.notify_all();
}

void Client::Session::on_message(transport::PeerId peer, transport::Message&& message) {
  Lock lock(mutex_);
  const auto node = node_of(peer);
  if (!node) return;
  const std::uint64_t epoch = nodes_[node->value].epoch;
  if (auto* result = std::get_if<transport::TaskResult>(&message)) {
    TaskOutcome& outcome = result->outcome;
    std::optional<ErrorCode> error;
    if (!outcome.result) error = outcome.result.error().code;
    tell(delivery::ResultCame{*node, epoch, outcome.id, error}, &outcome);
  } else if (const auto* accepted = std::get_if<transport::TaskAccepted>(&message)) {
    measure(now(), *node, *accepted);
    tell(delivery::Accepted{*node, epoch, accepted->task, accepted->attempt});
  } else if (const auto* rejected = std::get_if<transport::TaskRejected>(&message)) {
    tell(delivery::Rejected{*node, epoch, rejected->task, rejected->attempt, rejected->why.code,
                            rejected->retry_after},
         nullptr, &rejected->why);
  } else if (auto* mail = std::get_if<transport::AgentMessage>(&message)) {
    if (letters_.size() < options_.letters_max)
      letters_.push_back({std::move(mail->from), mail->reply, std::move(mail->topic),
                          std::move(mail->body), mail->trace});
    changed_.notify_all();
  } else if (auto* reply = std::get_if<transport::ControlReply>(&message)) {
    const auto asked = questions_.find(reply->id);
    if (asked != questions_.end()) asked->second = std::move(*reply);
    changed_.notify_all();
  }
  settle(lock);
}

// --- decisions -----------------------------------------------------------------------------------

void Client::Session::tell(const delivery::SenderEvent& event, TaskOutcome* outcome,
                           const Error* error) {
  const Instant at = now();
  delivery::SenderActions actions;
  sender_.handle(at, event, actions);
  carry_out(actions, at, outcome, error);
  tell_more(at);
}

void Client::Session::tell_more(Instant at) {
  while (!more_.empty()) {
    const auto next = std::exchange(more_, {});
    for (const auto& one : next) {
      delivery::SenderActions actions;
      sender_.handle(at, one, actions);
      carry_out(actions, at, nullptr, nullptr);
    }
  }
}

void Client::Session::carry_out(const delivery::SenderActions& actions, Instant at,
                                TaskOutcome* outcome, const Error* error) {
  for (const auto& action : actions) {
    if (const auto* offer = std::get_if<delivery::Offer>(&action)) {
      carry_out(*offer, at);
    } else if (const auto* end = std::get_if<delivery::Conclude>(&action)) {
      carry_out(*end, at, outcome, error);
    } else if (const auto* withdraw = std::get_if<delivery::Withdraw>(&action)) {
      (void)link_->send(nodes_[withdraw->node.value].peer, Lane::urgent,
                        transport::CancelTask{withdraw->task});
    } else if (const auto* ack = std::get_if<delivery::Acknowledge>(&action)) {
      if (nodes_[ack->node.value].delivery)
        (void)link_->send(nodes_[ack->node.value].peer, Lane::urgent,
                          transport::ResultAck{ack->task});
    }
  }
}

void Client::Session::carry_out(const delivery::Offer& offer, Instant at) {
  const auto found = pending_.find(offer.task);
  if (found == pending_.end()) return;
  Pending& task = found->second;
  Node& node = nodes_[offer.node.value];
  if (!offer.hedge) {
    if (task.node) --nodes_[task.node->value].tasks;
    // Nobody knows which of two equal offers is answered.
    task.sent.reset();
    if (task.node != offer.node || task.attempt != offer.attempt) task.sent = at;
    task.attempt = offer.attempt;
    task.node = offer.node;
    ++node.tasks;
  }
  transport::SubmitTask message{task.request, node.delivery ? offer.attempt : 0};
  message.request.time_limit = offer.time_left;
  const Lane lane = task.request.lane.value_or(Lane::ordinary);
  const auto sent = link_->send(node.peer, lane, message);
  if (!sent)
    more_.push_back(
        delivery::Undelivered{offer.node, offer.task, offer.attempt, sent.error().code});
  else if (!node.delivery)  // an older node says nothing until it is done
    more_.push_back(delivery::Accepted{offer.node, node.epoch, offer.task, offer.attempt});
}

void Client::Session::carry_out(const delivery::Conclude& conclude, Instant at,
                                TaskOutcome* outcome, const Error* error) {
  using With = delivery::Conclude::With;
  const auto found = pending_.find(conclude.task);
  if (found == pending_.end()) return;
  auto task = std::move(pending_.extract(found).mapped());
  if (task.node) --nodes_[task.node->value].tasks;
  TaskOutcome end{conclude.task, delivery::error_of(conclude.code), {}};
  if (outcome != nullptr && conclude.with != With::error && outcome->id == conclude.task) {
    end = std::move(*outcome);
    const Timing& timing = end.timing;
    const Duration there = timing.queue + timing.batch_wait + timing.compute;
    end.timing.network = std::max(Duration::zero(), at - task.submitted - there);
  } else if (error != nullptr && conclude.with == With::refusal) {
    end.result = *error;
  }
  ready_.emplace_back(std::move(task.waiter), std::move(end));
}

void Client::Session::settle(Lock& lock) {
  auto ready = std::exchange(ready_, {});
  for (auto& [waiter, outcome] : ready) {
    auto* call = std::get_if<OnOutcome>(&waiter);
    if (call == nullptr) continue;
    calls_.emplace_back(std::move(*call), std::move(outcome));
  }
  if (!calls_.empty() || sender_.next_wakeup().value_or(never) < sleeps_until_) work_.notify_all();
  lock.unlock();
  for (auto& [waiter, outcome] : ready) {
    if (auto* promise = std::get_if<std::promise<TaskOutcome>>(&waiter))
      promise->set_value(std::move(outcome));
    else if (auto* sink = std::get_if<std::shared_ptr<OutcomeSink>>(&waiter))
      (*sink)->deliver(std::move(outcome));
  }
}

}  // namespace troupe
