// The owner's ear: takes messages from the sockets, knows who speaks, and lets through what is
// valid.
#include <algorithm>
#include <array>
#include <span>
#include <string_view>

#include "base/limits.hpp"
#include "transport/owner.hpp"
#include "transport/tuning.hpp"
#include "transport/wire.hpp"

namespace troupe::transport {
namespace {

Error malformed(const char* what) {
  return {ErrorCode::malformed, what, ""};
}

Result<Message> decode_from(const std::vector<Frame>& frames, std::size_t first) {
  std::array<std::string_view, limits::frames_per_message_max + 1> views;
  std::size_t count = 0;
  for (std::size_t i = first; i < frames.size(); ++i) views[count++] = frames[i].bytes();
  return decode(std::span(views.data(), count));
}

Result<Message> decode_one(std::string_view frame) {
  return decode(std::span(&frame, 1));
}

}  // namespace

void Owner::receive() {
  receive_urgent(readable_[static_cast<std::size_t>(Lane::urgent)]);
  auto& sources = readable_[static_cast<std::size_t>(Lane::ordinary)];
  // Looking costs a little per socket, so with many sockets it is done less often.
  const std::size_t messages_between =
      std::max(messages_between_urgent_checks, urgent_sources_.size());
  std::size_t messages = 0;
  std::size_t messages_unchecked = 0;
  std::size_t bytes_unchecked = 0;
  bytes_taken_ = 0;
  for (std::size_t at = 0; !sources.empty() && messages < ordinary_messages_per_turn_max &&
                           bytes_taken_ < ordinary_bytes_per_turn_max;) {
    // One message of each in turn.
    at %= sources.size();
    const std::size_t bytes_before = bytes_taken_;
    if (!receive_one(sources[at])) {
      sources.erase(sources.begin() + static_cast<std::ptrdiff_t>(at));
      continue;
    }
    ++at;
    ++messages;
    bytes_unchecked += bytes_taken_ - bytes_before;
    if (++messages_unchecked < messages_between && bytes_unchecked < bytes_between_urgent_checks)
      continue;
    messages_unchecked = bytes_unchecked = 0;
    receive_urgent(urgent_sources_);
  }
}

void Owner::receive_urgent(const std::vector<Source>& sources) {
  const std::size_t bytes = bytes_taken_;
  for (const Source& source : sources)
    for (std::size_t i = 0; i < urgent_messages_per_turn_max && receive_one(source); ++i) {
    }
  bytes_taken_ = bytes;  // the budget is for ordinary ones
}

Socket* Owner::socket_of(const Source& source) {
  const auto lane = static_cast<std::size_t>(source.lane);
  if (source.peer == 0) return &doors_[lane];
  const auto peer = peers_.find(source.peer);
  // It may have been closed since the wait.
  if (peer == peers_.end() || !peer->second.dial->sockets[lane].is_open()) return nullptr;
  return &peer->second.dial->sockets[lane];
}

bool Owner::receive_one(const Source& source) {
  Socket* const socket = socket_of(source);
  if (socket == nullptr) return false;
  const auto received = socket->receive(frames_, limits::frames_per_message_max);
  if (received == Socket::Received::nothing) return false;
  for (const Frame& frame : frames_) bytes_taken_ += frame.bytes().size();
  const bool oversized = received == Socket::Received::oversized;
  if (source.peer == 0) {
    from_guest(source.lane, oversized);
    return true;
  }
  Peer& peer = peers_.at(source.peer);
  open_frames(&peer, source.lane, 0, oversized);
  for (auto& message : heard_) {
    if (!peer.dial->sockets[static_cast<std::size_t>(source.lane)].is_open()) break;  // hung up
    from_dialed(peer, source.lane, std::move(message));
  }
  return true;
}

// Reads the message, or the messages, in frames_ from `first` on into heard_; none where a message
// is still to be continued. `peer` is null for a stranger, whose frames hold one message each.
void Owner::open_frames(Peer* peer, Lane lane, std::size_t first, bool oversized) {
  heard_.clear();
  const std::string_view frame = frames_[first].bytes();
  if (oversized) {
    heard_.emplace_back(malformed("a message has too many frames"));
  } else if (peer == nullptr || frames_.size() != first + 1 ||
             (!is_shared_frame(frame) && !is_part(frame))) {
    heard_.emplace_back(decode_from(frames_, first));
  } else if (is_part(frame)) {
    auto whole = peer->flow.parts[static_cast<std::size_t>(lane)].add(frame);
    if (!whole)
      heard_.emplace_back(whole.error());
    else if (*whole)
      heard_.emplace_back(decode_one(**whole));
  } else if (auto shared = SharedFrameReader::open(frame); !shared) {
    heard_.emplace_back(shared.error());
  } else {
    while (const auto one = shared->next()) heard_.emplace_back(decode_one(*one));
  }
  if (peer == nullptr) return;
  std::size_t bytes = 0;
  for (std::size_t i = first; i < frames_.size(); ++i) bytes += frames_[i].bytes().size();
  came(*peer, lane, bytes);
}

void Owner::from_guest(Lane lane, bool oversized) {
  // The route, then at least one frame. Only that one is sure to know its sender.
  const AllowedKey* const who = frames_.size() < 2 ? nullptr : allowed_.find(frames_[1].user_id());
  if (who == nullptr) {
    count(shared_->counters.ignored);
    return;
  }
  const Guests::Caller caller{lane, std::string(frames_[0].bytes()), who};
  const auto known = guests_.peer_of(caller);
  const auto found = peers_.find(known.value);
  Peer* const peer = found == peers_.end() ? nullptr : &found->second;
  if (peer == nullptr && (is_shared_frame(frames_[1].bytes()) || is_part(frames_[1].bytes()))) {
    obey(caller, guests_.message(caller, now_));  // of a conversation that we have forgotten
    return;
  }
  open_frames(peer, lane, 1, oversized);
  for (auto& message : heard_) from_guest(caller, std::move(message));
}

void Owner::from_guest(const Guests::Caller& caller, Result<Message>&& message) {
  if (!message) {
    obey(caller, guests_.malformed(caller, now_));
    return;
  }
  if (const auto* hello = std::get_if<Hello>(&*message)) {
    admit(caller, *hello, guests_.hello(caller, *hello, now_));
    return;
  }
  const auto answer = guests_.message(caller, now_);
  if (answer.verdict != Guests::Verdict::deliver) {
    obey(caller, answer);
    return;
  }
  Peer& peer = peers_.at(answer.peer.value);
  const auto* const heartbeat = std::get_if<Heartbeat>(&*message);
  if (heartbeat != nullptr && heartbeat->epoch != peer.info.epoch)
    obey(caller, guests_.malformed(caller, now_));
  else if (heartbeat != nullptr && heartbeat->last)
    end(peer, caller.lane);
  else if (!deliver(peer, std::move(*message)))
    obey(caller, guests_.malformed(caller, now_));
}

// False for a heartbeat that says what cannot be.
bool Owner::deliver(Peer& peer, Message&& message) {
  if (const auto* const heartbeat = std::get_if<Heartbeat>(&message)) {
    if (heartbeat->received && !told(peer, *heartbeat->received)) return false;
    peer.life.heard();
    return true;
  }
  peer.life.heard();
  count(shared_->counters.messages_received);
  if (events_.on_message) events_.on_message(peer.id, std::move(message));
  return true;
}

void Owner::obey(const Guests::Caller& caller, const Guests::Answer& answer) {
  using Verdict = Guests::Verdict;
  if (answer.verdict == Verdict::refuse || answer.verdict == Verdict::cut)
    count(shared_->counters.malformed);
  else
    count(shared_->counters.ignored);
  if (answer.verdict == Verdict::ask) answer_hello(caller.lane, caller.route, 0);
  if (answer.verdict == Verdict::cut && answer.peer.value != 0)
    drop(peers_.at(answer.peer.value),
         {ErrorCode::malformed,
          "'" + caller.who->name + "' sent " + std::to_string(Guests::malformed_max) +
              " malformed messages and was cut off",
          "run the same release of troupe on all nodes"});
}

void Owner::admit(const Guests::Caller& caller, const Hello& hello, const Guests::Answer& answer) {
  switch (answer.verdict) {
    case Guests::Verdict::wait:
      return;
    case Guests::Verdict::repeat:
      peers_.at(answer.peer.value).life.heard();
      answer_hello(caller.lane, caller.route, hello.connection);
      return;
    case Guests::Verdict::pair:
      break;
    default:
      obey(caller, answer);
      return;
  }

  // A node is one process: its newer connection replaces the older one. Clients may share a key.
  if (caller.who->role == Role::node) {
    std::vector<std::uint64_t> old;
    for (const auto& [id, peer] : peers_)
      if (peer.dial == nullptr && peer.info.name == caller.who->name) old.push_back(id);
    for (const std::uint64_t id : old) {
      Peer& peer = peers_.at(id);
      const bool restarted = peer.info.epoch != hello.epoch;
      drop(peer,
           {ErrorCode::unreachable,
            "'" + caller.who->name + "' " + (restarted ? "was restarted" : "connected anew"), ""});
    }
  }

  const PeerId id = shared_->slots.open(true);
  if (id.value == 0) {
    count(shared_->counters.ignored);
    return;
  }
  guests_.bind(answer.routes, id);
  Peer& peer = add_peer(id);
  peer.info = {caller.who->name, caller.who->role, hello.epoch, hello.delivery};
  peer.flow.framing = hello.framing;
  peer.routes = answer.routes;
  peer.life.hello(hello.epoch);
  next_due_ = std::min(next_due_, peer.life.next());
  for (const Lane lane : {Lane::urgent, Lane::ordinary})
    answer_hello(lane, peer.routes[static_cast<std::size_t>(lane)], hello.connection);
  if (events_.on_up) events_.on_up(id, peer.info);
}

void Owner::from_dialed(Peer& peer, Lane lane, Result<Message>&& message) {
  if (!message) {
    dialed_malformed(peer, message.error());
  } else if (const auto* hello = std::get_if<Hello>(&*message)) {
    dialed_hello(peer, *hello);
  } else if (!peer.life.up()) {
    count(shared_->counters.ignored);
  } else if (const auto* heartbeat = std::get_if<Heartbeat>(&*message);
             heartbeat != nullptr && heartbeat->epoch != peer.life.epoch()) {
    dialed_malformed(peer, malformed("a heartbeat has another epoch"));
  } else if (heartbeat != nullptr && heartbeat->last) {
    end(peer, lane);
  } else if (!deliver(peer, std::move(*message))) {
    dialed_malformed(peer, malformed("a heartbeat tells of more than was sent"));
  }
}

void Owner::dialed_hello(Peer& peer, const Hello& hello) {
  const std::string name = "'" + hello.node + "'";
  if (hello.connection == 0) {
    // It has no memory of our hello: it, or the connection, began anew behind our back.
    const bool restarted = peer.life.up() && hello.epoch != peer.life.epoch();
    hang_up(peer,
            {ErrorCode::unreachable, name + (restarted ? " was restarted" : " lost the connection"),
             ""},
            reopen_delay, false);
    return;
  }
  const AllowedKey* const known = allowed_.find(peer.dial->server_keys[peer.dial->trying].z85);
  if (hello.connection != peer.dial->connection) {
    dialed_malformed(peer, malformed("a hello answers another connection"));
    return;
  }
  if (known != nullptr && known->name != hello.node) {
    count(shared_->counters.malformed);
    hang_up(peer,
            {ErrorCode::unauthorized, name + " answers with the key of '" + known->name + "'",
             "check which .pub file belongs to which node"},
            refused_reopen_delay, true);
    return;
  }
  switch (peer.life.hello(hello.epoch)) {
    case Liveness::Change::none:
      return;
    case Liveness::Change::restarted:
      hang_up(peer, {ErrorCode::unreachable, name + " was restarted", ""}, reopen_delay, false);
      return;
    case Liveness::Change::came_up:
      break;
  }
  peer.info = {hello.node, known != nullptr ? known->role : Role::node, hello.epoch,
               hello.delivery};
  peer.flow.framing = hello.framing;
  peer.dial->first = peer.dial->trying;
  set_writable(peer, true);
  for (const Lane lane : {Lane::urgent, Lane::ordinary})
    if (!peer.waiting[static_cast<std::size_t>(lane)].empty()) mark_ready(peer, lane);
  if (events_.on_up) events_.on_up(peer.id, peer.info);
}

void Owner::dialed_malformed(Peer& peer, const Error& why) {
  count(shared_->counters.malformed);
  // Another version will still be another version in a moment.
  if (why.code == ErrorCode::unsupported || ++peer.dial->malformed >= Guests::malformed_max)
    hang_up(peer, why, refused_reopen_delay, true);
}

}  // namespace troupe::transport
