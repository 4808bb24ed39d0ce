// The bridge's mail: to agents here, on other nodes and of hosts, and back to clients.
#include <utility>

#include "actors/bridge.hpp"
#include "actors/directory.hpp"
#include "actors/error_mail.hpp"
#include "base/clock.hpp"

namespace troupe::actors {
namespace {

Error client_gone() {
  return {ErrorCode::unreachable, "the client that wrote has gone", ""};
}

// The client's own number for the conversation is the key, as clients expect it.
transport::AgentMessage to_client(transport::AgentMessage message) {
  message.to = {std::string(client_type), std::to_string(message.reply)};
  return message;
}

// Who is not named is the client at the other end.
Sender sender_of(transport::PeerId peer, const transport::AgentMessage& message) {
  return {message.from, message.from.type.empty() ? peer.value : 0, message.reply};
}

}  // namespace

Status Bridge::send(const AgentId& to, AgentMail mail) {
  if (to.type == client_type)
    return send_to_client(to, {to, mail.from.agent, mail.from.reply, std::move(mail.topic),
                               std::move(mail.body), mail.trace});
  // Again where who lives has changed in between.
  while (true) {
    const auto home = world_.members->home_of(to_string(to));
    const auto sent =
        home == world_.members->self() ? deliver(to, mail) : send_to_node(home, to, mail);
    if (!sent) return sent.error();
    if (*sent) return {};
  }
}

Result<bool> Bridge::deliver(const AgentId& to, AgentMail& mail) {
  if (world_.directory->makes(to.type)) return world_.directory->deliver(to, mail);
  const auto host = hosts_.host_of(to);
  if (!host)
    return Error{
        ErrorCode::not_found,
        "no module on this node makes agents of type '" + to.type + "', and no process hosts them",
        "check the address, load the module on every node, or start the process that "
        "hosts them"};
  auto from = mail.from.agent;
  if (mail.from.peer != 0) {
    const auto client = hosts_.address_of(transport::PeerId{mail.from.peer});
    if (!client) return client_gone();
    from = *client;
  }
  const transport::AgentMessage message{
      to,        std::move(from), mail.from.reply, std::move(mail.topic), std::move(mail.body),
      mail.trace};
  if (auto sent = link_->send(*host, Lane::ordinary, message); !sent) return sent.error();
  return true;
}

Result<bool> Bridge::send_to_node(std::size_t node, const AgentId& to, AgentMail& mail) {
  auto from = address_of(mail.from);
  if (!from) return from.error();
  std::unique_lock lock(mutex_);
  const auto known = nodes_.find(world_.members->name(node));
  if (known == nodes_.end()) return false;  // it has just left
  const auto peer = known->second.peer;
  const bool is_up = up_.contains(peer.value) && !waiting_.any_for(node);
  if (!is_up && !world_.members->lives(node)) return false;
  transport::AgentMessage letter{
      to,        std::move(*from), mail.from.reply, std::move(mail.topic), std::move(mail.body),
      mail.trace};
  if (is_up) {
    lock.unlock();
    const auto sent = link_->send(peer, Lane::ordinary, letter);
    if (sent) return true;
    if (sent.error().code != ErrorCode::unreachable) return sent.error();
    lock.lock();  // it went down this moment
    if (!world_.members->lives(node)) {
      mail.topic = std::move(letter.topic);
      mail.body = std::move(letter.body);
      return false;
    }
  }
  if (auto kept = waiting_.keep(node, letter); !kept) return kept.error();
  return true;
}

Result<AgentId> Bridge::address_of(const Sender& sender) const {
  if (sender.peer == 0) return sender.agent;
  auto address = hosts_.address_of(transport::PeerId{sender.peer});
  if (!address) return client_gone();
  address->key += '@' + world_.node;
  return *address;
}

Status Bridge::reply(const Sender& to, const AgentId& from, std::string topic, std::string body,
                     const Trace& trace) {
  if (to.is_agent())
    return send(to.agent, {Sender{from, 0, 0}, std::move(topic), std::move(body), trace});
  transport::AgentMessage answer{to.agent,        from, to.reply, std::move(topic),
                                 std::move(body), trace};
  if (to.agent.type == client_type) return send_to_client(to.agent, std::move(answer));
  if (to.peer == 0)
    return Error{ErrorCode::not_found, "the message came from nobody who could be answered", ""};
  return link_->send(transport::PeerId{to.peer}, Lane::ordinary, to_client(std::move(answer)));
}

// `client/ADDRESS` is one of ours, `client/ADDRESS@NODE` that node's.
Status Bridge::send_to_client(const AgentId& address, transport::AgentMessage message) {
  const auto at = address.key.find('@');
  const AgentId there{address.type, address.key.substr(0, at)};
  if (at != std::string::npos && address.key.substr(at + 1) != world_.node) {
    const auto node = other(std::string_view(address.key).substr(at + 1));
    if (!node) return node.error();
    message.to = there;
    return link_->send(node->peer, Lane::ordinary, message);
  }
  const auto client = hosts_.client_at(there);
  if (!client) return client_gone();
  return link_->send(*client, Lane::ordinary, to_client(std::move(message)));
}

// --- what comes in -------------------------------------------------------------------------------

void Bridge::handle_mail(transport::PeerId peer, transport::AgentMessage& message) {
  const auto info = info_of(peer);
  if (!info) return;  // went down while the message waited
  if (info->role != transport::Role::node) {
    if (!message.from.type.empty()) return handle_hosted(peer, message);
    if (message.to.type == client_type)
      return refuse_mail(peer, message,
                         {ErrorCode::not_found, "a client cannot write to a client",
                          "write to an agent, type/key"});
  }
  pass_on(peer, message);
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
               to_client({{}, message.to, message.reply, error_topic, error_body(why)}));
    return;
  }
  pass_on(host, message);
}

// Not just delivered: who wrote may see other nodes than we do.
void Bridge::pass_on(transport::PeerId peer, transport::AgentMessage& message) {
  const auto sent = send(message.to, {sender_of(peer, message), message.topic,
                                      std::move(message.body), message.trace});
  if (!sent && message.to.type == client_type)
    world_.log->debug("an answer to a client that has gone was dropped",
                      {{"agent", to_string(message.from)}});
  else if (!sent)
    refuse_mail(peer, message, sent.error());
}

void Bridge::refuse_mail(transport::PeerId peer, const transport::AgentMessage& message,
                         const Error& why) {
  if (message.topic == error_topic) return;
  if (const auto told =
          reply(sender_of(peer, message), message.to, error_topic, error_body(why), message.trace);
      !told)
    world_.log->debug("nobody could be told that mail was refused", {{"what", why.what}},
                      message.trace);
}

std::size_t Bridge::mail_waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_.letters();
}

void Bridge::send_waiting(std::size_t node) {
  const Held still_in_hand(world_.in_hand);
  std::vector<std::pair<transport::AgentMessage, Error>> refused;
  WaitingMail::Letters elsewhere;
  {
    // Under the lock, so that nothing overtakes what waits.
    const std::lock_guard lock(mutex_);
    auto letters = waiting_.take(node);
    const auto known = nodes_.find(world_.members->name(node));
    if (known != nodes_.end() && world_.members->lives(node)) {
      const auto peer = known->second.peer;
      for (auto& letter : letters) {
        auto sent = link_->send(peer, Lane::ordinary, letter);
        if (!sent && sent.error().code == ErrorCode::unreachable)
          sent = waiting_.keep(node, letter);  // down again
        if (!sent) refused.emplace_back(std::move(letter), sent.error());
      }
    } else {
      elsewhere = std::move(letters);
    }
  }
  for (const auto& [letter, why] : refused) refuse_mail({}, letter, why);
  for (auto& letter : elsewhere) pass_on({}, letter);
}

}  // namespace troupe::actors
