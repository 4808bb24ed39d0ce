#include "transport/client.hpp"

#include <random>

namespace troupe::transport {
namespace {

// Answers wait here until receive() takes them; a client that never asks must not grow without end.
constexpr std::size_t mail_max = 1'000'000;

Error no_answer(const std::string& node) {
  return {ErrorCode::unreachable, "node '" + node + "' did not answer in time",
          "is it running (troupe status), and does its allow-list name this client's key?"};
}

}  // namespace

Result<std::unique_ptr<Client>> Client::open(std::string name, KeyPair keys,
                                             const std::vector<ClientNode>& nodes,
                                             Duration heartbeat_interval) {
  std::unique_ptr<Client> client(new Client());
  std::random_device entropy;
  client->epoch_ = static_cast<std::uint64_t>(entropy()) << 32 | entropy() | 1U;

  LinkOptions options;
  options.name = std::move(name);
  options.keys = std::move(keys);
  options.heartbeat_interval = heartbeat_interval;
  LinkEvents events;
  events.on_up = [self = client.get()](PeerId peer, const PeerInfo&) {
    const std::lock_guard lock(self->mutex_);
    self->up_[peer] = true;
    self->changed_.notify_all();
  };
  events.on_down = [self = client.get()](PeerId peer, const Error&) {
    const std::lock_guard lock(self->mutex_);
    self->up_[peer] = false;
    self->changed_.notify_all();
  };
  events.on_message = [self = client.get()](PeerId, Message&& message) {
    self->on_message(std::move(message));
  };
  auto link = Link::open(std::move(options), std::move(events));
  if (!link) return link.error();
  client->link_ = std::move(*link);
  for (const auto& node : nodes)
    client->nodes_[node.name] = client->link_->connect(node.endpoint, node.key);
  return client;
}

Client::~Client() {
  if (link_) link_->stop(std::chrono::milliseconds(200));
}

Status Client::wait_up(const std::string& node, Duration limit) {
  const auto peer = peer_of(node);
  if (!peer) return peer.error();
  std::unique_lock lock(mutex_);
  if (changed_.wait_for(lock, limit, [&] { return up_[*peer]; })) return {};
  return no_answer(node);
}

Result<std::string> Client::control(const std::string& node, const std::string& verb,
                                    const std::string& body, Duration limit) {
  const auto peer = peer_of(node);
  if (!peer) return peer.error();
  const std::uint64_t id = ++last_id_;
  {
    const std::lock_guard lock(mutex_);
    awaited_reply_ = id;
  }
  if (auto sent = link_->send(*peer, Lane::urgent, ControlRequest{id, verb, body}); !sent)
    return sent.error();
  std::unique_lock lock(mutex_);
  const bool answered = changed_.wait_for(lock, limit, [&] { return replies_.contains(id); });
  awaited_reply_.reset();
  if (!answered) return no_answer(node);
  ControlReply reply = std::move(replies_.extract(id).mapped());
  if (reply.ok) return std::move(reply.body);
  return Error{ErrorCode::invalid_argument, "node '" + node + "' answered " + reply.body, ""};
}

Result<TaskOutcome> Client::submit(const std::string& node, TaskRequest request, Duration limit) {
  const auto peer = peer_of(node);
  if (!peer) return peer.error();
  const TaskId id{epoch_, ++last_id_};
  request.id = id;
  {
    const std::lock_guard lock(mutex_);
    awaited_task_ = id;
  }
  const Lane lane = request.lane.value_or(Lane::ordinary);
  if (auto sent = link_->send(*peer, lane, SubmitTask{std::move(request)}); !sent)
    return sent.error();
  std::unique_lock lock(mutex_);
  const bool answered = changed_.wait_for(lock, limit, [&] { return outcomes_.contains(id); });
  awaited_task_.reset();
  if (!answered) return no_answer(node);
  return std::move(outcomes_.extract(id).mapped());
}

Status Client::send(const std::string& node, const AgentId& to, std::uint64_t reply,
                    std::string topic, std::string body) {
  const auto peer = peer_of(node);
  if (!peer) return peer.error();
  return link_->send(*peer, Lane::ordinary,
                     AgentMessage{to, {}, reply, std::move(topic), std::move(body)});
}

std::optional<ClientMail> Client::receive(Duration limit) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, limit, [&] { return !mail_.empty(); })) return std::nullopt;
  ClientMail mail = std::move(mail_.front());
  mail_.pop_front();
  return mail;
}

Result<PeerId> Client::peer_of(const std::string& node) const {
  if (const auto found = nodes_.find(node); found != nodes_.end()) return found->second;
  return Error{ErrorCode::not_found, "there is no node '" + node + "' in this cluster",
               "look at the [node.*] tables of the cluster's file"};
}

// On the link's thread. Answers that nobody waits for any more are dropped.
void Client::on_message(Message&& message) {
  const std::lock_guard lock(mutex_);
  if (auto* mail = std::get_if<AgentMessage>(&message)) {
    if (mail_.size() < mail_max)
      mail_.push_back(
          {std::move(mail->from), mail->reply, std::move(mail->topic), std::move(mail->body)});
  } else if (auto* reply = std::get_if<ControlReply>(&message)) {
    if (reply->id == awaited_reply_) replies_.emplace(reply->id, std::move(*reply));
  } else if (auto* result = std::get_if<TaskResult>(&message)) {
    if (result->outcome.id == awaited_task_)
      outcomes_.emplace(result->outcome.id, std::move(result->outcome));
  }
  changed_.notify_all();
}

}  // namespace troupe::transport
