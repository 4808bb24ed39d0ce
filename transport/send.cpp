// The owner's mouth: hands waiting messages to the sockets, urgent ones first, and says the link's
// own words (hello, heartbeat).
#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "transport/owner.hpp"
#include "transport/tuning.hpp"
#include "transport/wire.hpp"

namespace troupe::transport {

// As a message of the link itself.
OutMessage Owner::own_words(const Message& message) {
  auto frames = encode(message);
  TROUPE_ASSERT(frames.has_value(), "the link's own messages are valid");
  return {Frame::copy(frames->head), std::nullopt, 0, 0};
}

void Owner::flush() {
  more_to_send_ = false;
  // Callbacks of this turn have often left answers.
  if (!shared_->mailbox.empty()) take_commands();
  tell_received();
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

// Sends one frame of the next peer that takes one. False when none does.
bool Owner::flush_one_ordinary() {
  auto& ready = ready_[static_cast<std::size_t>(Lane::ordinary)];
  for (std::size_t left = ready.size(); left > 0; --left) {
    const std::uint64_t id = ready.front();
    ready.pop_front();
    const auto peer = peers_.find(id);
    if (peer == peers_.end()) continue;
    const std::uint64_t before = frames_sent_;
    if (!flush_peer(peer->second, Lane::ordinary, 1)) ready.push_back(id);
    if (frames_sent_ != before) return true;
  }
  return false;
}

// Sends up to `frames_max` of a peer that stands first in the ready list. True when nothing is
// left, or what is left waits for the peer's word, and the peer need not stand there any more.
bool Owner::flush_peer(Peer& peer, Lane lane, std::size_t frames_max) {
  const auto index = static_cast<std::size_t>(lane);
  auto& waiting = peer.waiting[index];
  peer.blocked[index] = false;
  peer.ready[index] = false;
  if (!peer.life.up()) return true;
  for (std::size_t sent = 0; sent < frames_max && !waiting.empty(); ++sent) {
    if (lane == Lane::ordinary && is_starved(peer)) return true;
    const auto outcome = send_next(peer, lane);
    if (outcome == Socket::Sent::full) {
      peer.blocked[index] = true;
      break;
    }
    ++frames_sent_;
    if (outcome == Socket::Sent::gone) {
      gone_.push_back({peer.id.value, lane});
      break;
    }
  }
  peer.ready[index] = !waiting.empty();
  return waiting.empty();
}

// The next frame: a part of the first message, that message, or it and those behind it.
Socket::Sent Owner::send_next(Peer& peer, Lane lane) {
  auto& waiting = peer.waiting[static_cast<std::size_t>(lane)];
  OutMessage& first = waiting.front();
  if (peer.flow.framing) {
    if (lane == Lane::ordinary && goes_in_parts(peer, first)) return send_part(peer);
    if (waiting.size() > 1 && !first.tensor && first.bytes() <= shared_message_bytes_max)
      return send_shared(peer, lane);
  }
  const std::size_t bytes = first.bytes();
  const auto outcome = transmit(peer, lane, first);
  if (outcome == Socket::Sent::full) return outcome;
  has_left(peer, lane, bytes);
  pop(peer, lane, outcome);
  return outcome;
}

// Cutting costs copies at both ends: a message that is gone in the time of a few parts is sent
// whole.
bool Owner::goes_in_parts(const Peer& peer, const OutMessage& message) {
  constexpr double parts_worth_it = 2.5;
  if (message.tensor) return false;
  const auto parts =
      static_cast<double>(message.bytes()) / static_cast<double>(peer.flow.window.part_bytes());
  return message.sent != 0 || parts > parts_worth_it;
}

Socket::Sent Owner::send_part(Peer& peer) {
  OutMessage& message = peer.waiting[static_cast<std::size_t>(Lane::ordinary)].front();
  const std::string_view whole = message.head.bytes();
  const std::size_t taken = std::min(whole.size() - message.sent, peer.flow.window.part_bytes());
  OutMessage part;
  part.head = Frame::hold(write_part(whole, message.sent, taken), {});
  const std::size_t bytes = part.bytes();
  const auto outcome = transmit(peer, Lane::ordinary, part);
  if (outcome == Socket::Sent::full) return outcome;
  has_left(peer, Lane::ordinary, bytes);
  message.sent += taken;
  if (message.sent == whole.size() || outcome == Socket::Sent::gone)
    pop(peer, Lane::ordinary, outcome);
  return outcome;
}

Socket::Sent Owner::send_shared(Peer& peer, Lane lane) {
  auto& waiting = peer.waiting[static_cast<std::size_t>(lane)];
  SharedFrame frame;
  for (const OutMessage& message : waiting)
    if (message.tensor || !frame.add(message.head.bytes())) break;
  const std::size_t messages = frame.messages();
  OutMessage shared;
  // A neighbour that does not fit leaves the first alone.
  shared.head = messages == 1 ? Frame::copy(waiting.front().head.bytes())
                              : Frame::hold(std::move(frame).take(), {});
  const std::size_t bytes = shared.bytes();
  const auto outcome = transmit(peer, lane, shared);
  if (outcome == Socket::Sent::full) return outcome;
  has_left(peer, lane, bytes);
  for (std::size_t i = 0; i < messages; ++i) pop(peer, lane, outcome);
  return outcome;
}

void Owner::pop(Peer& peer, Lane lane, Socket::Sent outcome) {
  auto& waiting = peer.waiting[static_cast<std::size_t>(lane)];
  shared_->slots.release(peer.id, lane, waiting.front().claim_bytes);
  count(outcome == Socket::Sent::gone ? shared_->counters.undeliverable
                                      : shared_->counters.messages_sent);
  waiting.pop_front();
  --waiting_;
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
    OutMessage hello =
        own_words(Hello{options_.name, epoch_, peer.dial->connection, options_.delivery, true});
    socket.send(hello.head, false);
  }
}

void Owner::answer_hello(Lane lane, const std::string& route, std::uint64_t connection) {
  Socket& door = doors_[static_cast<std::size_t>(lane)];
  Frame to = Frame::copy(route);
  OutMessage hello = own_words(Hello{options_.name, epoch_, connection, options_.delivery, true});
  if (door.send(to, true) == Socket::Sent::yes) door.send(hello.head, false);
}

void Owner::beat(Peer& peer) {
  // Not to one that stops: a socket closed over something unread throws away what it has not sent.
  // What waits on the urgent lane says as much.
  if (!peer.writable || !peer.waiting[static_cast<std::size_t>(Lane::urgent)].empty()) return;
  OutMessage heartbeat = own_words(Heartbeat{epoch_});
  if (transmit(peer, Lane::urgent, heartbeat) == Socket::Sent::gone)
    gone_.push_back({peer.id.value, Lane::urgent});
}

void Owner::say_last(Peer& peer) {
  if (!peer.life.up()) return;
  for (const Lane lane : {Lane::urgent, Lane::ordinary}) {
    OutMessage last = own_words(Heartbeat{epoch_, true});
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
