// The owner's mouth: hands waiting messages to the sockets, urgent ones first, and says the link's
// own words (hello, heartbeat).
#include "base/assert.hpp"
#include "transport/owner.hpp"
#include "transport/tuning.hpp"
#include "transport/wire.hpp"

namespace troupe::transport {
namespace {

OutMessage own(const Message& message) {
  auto frames = encode(message);
  TROUPE_ASSERT(frames.has_value(), "the link's own messages are valid");
  return {Frame::copy(frames->head), std::nullopt, 0};
}

}  // namespace

void Owner::flush() {
  more_to_send_ = false;
  // Callbacks of this turn have often left answers.
  if (!shared_->mailbox.empty()) take_commands();
  flush_urgent();
  std::size_t sent = 0;
  while (flush_one_ordinary()) {
    if (++sent >= ordinary_messages_per_turn_max) {
      more_to_send_ = true;
      break;
    }
    // Somebody may have become urgent meanwhile.
    if (!shared_->mailbox.empty()) {
      take_commands();
      flush_urgent();
    }
  }
  take_gone();
}

void Owner::flush_urgent() {
  auto& ready = ready_[static_cast<std::size_t>(Lane::urgent)];
  for (std::size_t left = ready.size(); left > 0; --left) {
    const std::uint64_t id = ready.front();
    ready.pop_front();
    const auto peer = peers_.find(id);
    if (peer == peers_.end()) continue;
    if (!flush_peer(peer->second, Lane::urgent, urgent_messages_per_turn_max)) ready.push_back(id);
  }
}

// Sends one message of the next peer that takes one. False when none does.
bool Owner::flush_one_ordinary() {
  auto& ready = ready_[static_cast<std::size_t>(Lane::ordinary)];
  for (std::size_t left = ready.size(); left > 0; --left) {
    const std::uint64_t id = ready.front();
    ready.pop_front();
    const auto peer = peers_.find(id);
    if (peer == peers_.end()) continue;
    const std::size_t before = waiting_;
    if (!flush_peer(peer->second, Lane::ordinary, 1)) ready.push_back(id);
    if (waiting_ != before) return true;
  }
  return false;
}

// Sends up to `messages_max` of a peer that stands first in the ready list. True when nothing is
// left, and the peer need not stand there any more.
bool Owner::flush_peer(Peer& peer, Lane lane, std::size_t messages_max) {
  const auto index = static_cast<std::size_t>(lane);
  auto& waiting = peer.waiting[index];
  peer.blocked[index] = false;
  if (!peer.life.up()) {
    peer.ready[index] = false;
    return true;
  }
  for (std::size_t sent = 0; sent < messages_max && !waiting.empty(); ++sent) {
    OutMessage& message = waiting.front();
    const auto outcome = transmit(peer, lane, message);
    if (outcome == Socket::Sent::full) {
      peer.blocked[index] = true;
      return false;
    }
    shared_->slots.release(peer.id, lane, message.claim_bytes);
    const bool gone = outcome == Socket::Sent::gone;
    count(gone ? shared_->counters.undeliverable : shared_->counters.messages_sent);
    waiting.pop_front();
    --waiting_;
    if (gone) {
      gone_.push_back({peer.id.value, lane});
      break;
    }
  }
  peer.ready[index] = !waiting.empty();
  return waiting.empty();
}

Socket::Sent Owner::transmit(Peer& peer, Lane lane, OutMessage& message) {
  const auto index = static_cast<std::size_t>(lane);
  Socket& socket = peer.dial != nullptr ? peer.dial->sockets[index] : doors_[index];
  if (!socket.is_open()) return Socket::Sent::gone;
  if (peer.dial == nullptr) {
    // Only the first frame can be refused: the ones after it belong to a message begun.
    Frame route = Frame::copy(peer.routes[index]);
    if (const auto sent = socket.send(route, true); sent != Socket::Sent::yes) return sent;
    const auto head = socket.send(message.head, message.tensor.has_value());
    if (head != Socket::Sent::yes || !message.tensor)
      return head == Socket::Sent::yes ? head : Socket::Sent::gone;
  } else {
    const auto sent = socket.send(message.head, message.tensor.has_value());
    if (sent != Socket::Sent::yes || !message.tensor) return sent;
  }
  return socket.send(*message.tensor, false) == Socket::Sent::yes ? Socket::Sent::yes
                                                                  : Socket::Sent::gone;
}

void Owner::mark_ready(Peer& peer, Lane lane) {
  const auto index = static_cast<std::size_t>(lane);
  if (peer.ready[index]) return;
  peer.ready[index] = true;
  ready_[index].push_back(peer.id.value);
}

// On both lanes, so that the other side can tie them together. Repeated with each beat until it is
// answered: a server may have come up, heard it and gone down before it could answer.
void Owner::say_hello(Peer& peer) {
  for (Socket& socket : peer.dial->sockets) {
    OutMessage hello = own(Hello{options_.name, epoch_, peer.dial->connection, options_.delivery});
    socket.send(hello.head, false);
  }
}

void Owner::answer_hello(Lane lane, const std::string& route, std::uint64_t connection) {
  Socket& door = doors_[static_cast<std::size_t>(lane)];
  Frame to = Frame::copy(route);
  OutMessage hello = own(Hello{options_.name, epoch_, connection, options_.delivery});
  if (door.send(to, true) == Socket::Sent::yes) door.send(hello.head, false);
}

void Owner::beat(Peer& peer) {
  // Not to one that stops: a socket closed over something unread throws away what it has not sent.
  // What waits on the urgent lane says as much.
  if (!peer.writable || !peer.waiting[static_cast<std::size_t>(Lane::urgent)].empty()) return;
  OutMessage heartbeat = own(Heartbeat{epoch_});
  if (transmit(peer, Lane::urgent, heartbeat) == Socket::Sent::gone)
    gone_.push_back({peer.id.value, Lane::urgent});
}

void Owner::say_last(Peer& peer) {
  if (!peer.life.up()) return;
  for (const Lane lane : {Lane::urgent, Lane::ordinary}) {
    OutMessage last = own(Heartbeat{epoch_, true});
    transmit(peer, lane, last);
  }
}

// Peers whose connection turned out to be closed while something was sent to them.
void Owner::take_gone() {
  for (const auto& source : std::exchange(gone_, {})) {
    const auto found = peers_.find(source.peer);
    if (found == peers_.end()) continue;
    Peer& peer = found->second;
    if (peer.dial != nullptr) {
      hang_up(peer, closed_by(peer), reopen_delay, false);
      continue;
    }
    set_writable(peer, false);
    discard(peer);
    lost_.push_back(source);
  }
}

}  // namespace troupe::transport
