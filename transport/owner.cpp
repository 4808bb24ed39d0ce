#include "transport/owner.hpp"

#include <pthread.h>
#include <signal.h>  // pthread_sigmask
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/assert.hpp"
#include "base/clock.hpp"
#include "base/limits.hpp"
#include "transport/secret.hpp"
#include "transport/sockets.hpp"
#include "transport/tuning.hpp"

namespace troupe::transport {
namespace {

// Not zero, and not to be guessed.
std::uint64_t random_number() {
  std::uint64_t number = 0;
  while (number == 0)
    TROUPE_ASSERT(::getentropy(&number, sizeof number) == 0, "the system has entropy");
  return number;
}

// Interrupts are for the program's main thread.
void block_signals() {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

}  // namespace

Owner::Owner(LinkOptions options, LinkEvents events, std::shared_ptr<Shared> shared,
             AllowList allowed)
    : options_(std::move(options)),
      events_(std::move(events)),
      shared_(std::move(shared)),
      allowed_(std::move(allowed)),
      epoch_(random_number()) {}

Owner::~Owner() {
  wipe(options_.keys.secret_z85);
}

Result<std::unique_ptr<Owner>> Owner::make(LinkOptions options, LinkEvents events,
                                           std::shared_ptr<Shared> shared) {
  auto allowed = AllowList::make(options.allowed);
  if (!allowed) return allowed.error();
  std::unique_ptr<Owner> owner(
      new Owner(std::move(options), std::move(events), std::move(shared), std::move(*allowed)));
  if (!owner->options_.listen) return owner;

  auto zap = Zap::make(owner->context_);
  if (!zap) return zap.error();
  owner->zap_ = std::move(*zap);
  const Endpoint& listen = *owner->options_.listen;
  for (const Lane lane : {Lane::urgent, Lane::ordinary}) {
    const auto port = lane == Lane::urgent ? listen.urgent_port : listen.ordinary_port;
    auto door = listen_socket(owner->context_, owner->options_.keys, listen.host, port, lane);
    if (!door) return door.error();
    owner->doors_[static_cast<std::size_t>(lane)] = std::move(*door);
  }
  return owner;
}

void Owner::run() {
  ::pthread_setname_np(::pthread_self(), "troupe-link");
  block_signals();
  now_ = now();
  next_sweep_ = later(now_, strangers_kept);
  next_due_ = next_sweep_;
  while (!finished()) {
    wait();
    turn();
  }
  finish();
}

void Owner::turn() {
  now_ = now();
  take_commands();
  if (zap_) count(shared_->counters.unauthorized, zap_->serve(allowed_));
  receive();
  if (any_broken_) hang_up_broken();
  if (!lost_.empty()) drop_lost();
  if (now_ >= next_due_) keep_time();
  flush();
}

void Owner::wait() {
  items_.clear();
  sources_.clear();
  urgent_sources_.clear();
  items_.push_back({nullptr, shared_->mailbox.descriptor(), ZMQ_POLLIN, 0});
  if (zap_) items_.push_back({zap_->socket().raw(), 0, ZMQ_POLLIN, 0});
  const std::size_t first = items_.size();
  for (const Lane lane : {Lane::urgent, Lane::ordinary}) {
    Socket& door = doors_[static_cast<std::size_t>(lane)];
    // A door is always writable for somebody: retries to a slow guest are timed instead.
    if (door.is_open()) watch(door, {0, lane}, false);
    for (const std::uint64_t id : dialed_) {
      const auto index = static_cast<std::size_t>(lane);
      Peer& peer = peers_.at(id);
      if (peer.dial->sockets[index].is_open())
        watch(peer.dial->sockets[index], {id, lane}, peer.blocked[index]);
    }
  }

  watch_breaks();
  // An interrupted wait is a short one.
  const int ready = ::zmq_poll(items_.data(), static_cast<int>(items_.size()), wait_ms());
  for (auto& readable : readable_) readable.clear();
  if (ready <= 0) return;
  // Before the mailbox is drained, or a push in between would be slept through.
  if ((items_[0].revents & ZMQ_POLLIN) != 0) shared_->mailbox.clear();
  for (std::size_t i = 0; i < sources_.size(); ++i)
    if ((items_[first + i].revents & ZMQ_POLLIN) != 0)
      readable_[static_cast<std::size_t>(sources_[i].lane)].push_back(sources_[i]);
  take_breaks(first + sources_.size());
}

// A process that is killed takes its connections with it: heard of at once, where silence would
// take all the heartbeats.
void Owner::watch_breaks() {
  watched_.clear();
  for (const std::uint64_t id : dialed_)
    for (const Lane lane : {Lane::urgent, Lane::ordinary}) {
      Socket& breaks = peers_.at(id).dial->breaks[static_cast<std::size_t>(lane)];
      if (!breaks.is_open()) continue;
      items_.push_back({breaks.raw(), 0, ZMQ_POLLIN, 0});
      watched_.push_back({id, lane});
    }
}

void Owner::take_breaks(std::size_t first) {
  for (std::size_t i = 0; i < watched_.size(); ++i) {
    if ((items_[first + i].revents & ZMQ_POLLIN) == 0) continue;
    Peer& peer = peers_.at(watched_[i].peer);
    const auto lane = static_cast<std::size_t>(watched_[i].lane);
    if (!peer.dial->breaks[lane].is_open()) continue;  // closed for what the other lane told
    bool heard_break = false;
    while (peer.dial->breaks[lane].receive(frames_, limits::frames_per_message_max) !=
           Socket::Received::nothing)
      heard_break = true;
    if (!heard_break) continue;
    if (peer.life.up())
      peer.dial->broken[lane] = any_broken_ = true;
    else if (peer.dial->server_keys.size() > 1)
      try_other_key(peer);
  }
}

// ZeroMQ would connect again by itself, and the peer would not know who that is: the conversation
// is over either way. Not before both lanes broke, though: of a peer that stops, one may be done
// sooner than the other. What the peer said before is read first.
void Owner::hang_up_broken() {
  any_broken_ = false;
  for (const std::uint64_t id : dialed_) {
    Peer& peer = peers_.at(id);
    const auto& broken = peer.dial->broken;
    const auto gone = [&] {
      return std::find(broken.begin(), broken.end(), false) == broken.end();
    };
    bool more = false;  // for the next turn
    for (const Lane lane : {Lane::urgent, Lane::ordinary})
      for (std::size_t i = 0; gone() && receive_one({id, lane}); ++i)
        if (more = more || i == urgent_messages_per_turn_max; more) break;
    any_broken_ = any_broken_ || more;
    if (more || !gone()) continue;
    hang_up(peer, {ErrorCode::unreachable, "the connection to '" + peer.info.name + "' broke", ""},
            Duration::zero(), false);
  }
}

// A guest's connection may be closed because it was killed or because it stops, and what it said
// before stands in the door, behind that of others. One that stops says which lane ends, and may
// have more to say on the other.
void Owner::drop_lost() {
  for (const Lane lane : {Lane::urgent, Lane::ordinary})
    for (std::size_t i = 0; receive_one({0, lane}); ++i)
      if (i == urgent_messages_per_turn_max) return;  // in the next turn
  for (const auto& [id, lane] : std::exchange(lost_, {})) {
    const auto found = peers_.find(id);
    if (found != peers_.end() && !found->second.ended[static_cast<std::size_t>(lane)])
      drop(found->second, closed_by(found->second));
  }
}

void Owner::watch(Socket& socket, Source source, bool writable) {
  const short events = writable ? ZMQ_POLLIN | ZMQ_POLLOUT : ZMQ_POLLIN;
  items_.push_back({socket.raw(), 0, events, 0});
  sources_.push_back(source);
  if (source.lane == Lane::urgent) urgent_sources_.push_back(source);
}

long Owner::wait_ms() const {
  if (more_to_send_ || any_broken_ || !lost_.empty() || !shared_->mailbox.empty()) return 0;
  Instant until = stop_at_ ? std::min(*stop_at_, next_due_) : next_due_;
  if (!owing_.empty()) until = std::min(until, now_ + guest_retry_interval);
  for (const auto& ready : ready_)
    for (const std::uint64_t id : ready) {
      const auto peer = peers_.find(id);
      if (peer != peers_.end() && peer->second.dial == nullptr)
        until = std::min(until, now_ + guest_retry_interval);
    }
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(until - now());
  return std::clamp<long>(static_cast<long>(wait.count()), 0, wait_ms_max);
}

bool Owner::finished() const {
  return stop_at_ && ((waiting_ == 0 && shared_->mailbox.empty()) || now_ >= *stop_at_);
}

void Owner::finish() {
  const Duration left = std::max(Duration::zero(), *stop_at_ - now());
  const auto linger =
      static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(left).count());
  for (auto& [id, peer] : peers_) say_last(peer);
  for (Socket& door : doors_)
    if (door.is_open()) {
      door.set(ZMQ_LINGER, linger);
      door.close();
    }
  for (auto& [id, peer] : peers_) {
    discard(peer);
    shared_->slots.close(peer.id);
    if (peer.dial != nullptr) close_dialed(peer, linger);
  }
  peers_.clear();
  dialed_.clear();
  zap_.reset();
}

void Owner::close_dialed(Peer& peer, int linger_ms) {
  for (Socket& socket : peer.dial->sockets) {
    // Nobody is there to take what lingers on a socket that never got through.
    if (socket.is_open() && peer.life.up()) socket.set(ZMQ_LINGER, linger_ms);
    socket.close();
  }
}

void Owner::take_commands() {
  shared_->mailbox.drain([this](Command&& command) {
    std::visit([this](auto&& one) { accept(std::forward<decltype(one)>(one)); },
               std::move(command));
  });
}

void Owner::accept(SendCommand&& command) {
  const auto found = peers_.find(command.peer.value);
  const auto lane = static_cast<std::size_t>(command.lane);
  // Senders look at the slot, which may have changed since.
  if (found == peers_.end() || !found->second.writable) {
    shared_->slots.release(command.peer, command.lane, command.message.claim_bytes);
    count(shared_->counters.undeliverable);
    return;
  }
  Peer& peer = found->second;
  peer.waiting[lane].push_back(std::move(command.message));
  ++waiting_;
  if (peer.life.up()) mark_ready(peer, command.lane);
}

void Owner::accept(ConnectCommand&& command) {
  if (command.refused) {
    shared_->slots.close(command.peer);
    if (events_.on_down) events_.on_down(command.peer, *command.refused);
    return;
  }
  Peer& peer = add_peer(command.peer);
  dialed_.push_back(command.peer.value);
  peer.dial = std::make_unique<Dial>();
  peer.dial->addresses = std::move(command.addresses);
  peer.dial->server_keys = std::move(command.server_keys);
  dial(peer);
}

void Owner::accept(const DisconnectCommand& command) {
  const auto found = peers_.find(command.peer.value);
  if (found == peers_.end() || found->second.dial == nullptr) return;
  Peer& peer = found->second;
  const bool was_up = peer.life.up();
  say_last(peer);
  close_dialed(peer, last_words_linger_ms);
  shared_->slots.close(peer.id);
  discard(peer);
  std::erase(dialed_, command.peer.value);
  peers_.erase(found);
  if (was_up && events_.on_down)
    events_.on_down(command.peer, {ErrorCode::unreachable, "we ended the connection", ""});
}

Owner::Peer& Owner::add_peer(PeerId id) {
  return peers_.emplace(id.value, Peer(id, fresh_liveness())).first->second;
}

void Owner::accept(const StopCommand& command) {
  if (!stop_at_) stop_at_ = later(now(), std::max(Duration::zero(), command.linger));
}

void Owner::keep_time() {
  next_due_ = next_sweep_;
  std::vector<std::uint64_t> ids;
  ids.reserve(peers_.size());
  for (const auto& [id, peer] : peers_) ids.push_back(id);
  for (const std::uint64_t id : ids) {
    // A callback or another peer's end cannot remove it, but its own end can.
    if (const auto found = peers_.find(id); found != peers_.end()) keep_time(found->second);
    if (const auto found = peers_.find(id); found != peers_.end()) {
      const Peer& peer = found->second;
      const bool closed = peer.dial != nullptr && !peer.dial->sockets[0].is_open();
      next_due_ = std::min(next_due_, closed ? peer.dial->reopen_at : peer.life.next());
    }
  }
  if (now_ >= next_sweep_) {
    guests_.sweep(now_ - strangers_kept);
    next_sweep_ = later(now_, strangers_kept);
    next_due_ = std::min(next_due_, next_sweep_);
  }
}

void Owner::keep_time(Peer& peer) {
  if (peer.dial != nullptr && !peer.dial->sockets[0].is_open()) {
    if (now_ >= peer.dial->reopen_at) dial(peer);
    return;
  }
  const Liveness::Due due = peer.life.advance(now_);
  if (due.beat) {
    if (peer.life.up())
      beat(peer);
    else
      say_hello(peer);
  }
  if (!due.dead) return;
  const Error silent{ErrorCode::unreachable,
                     "nothing was heard of '" + peer.info.name + "' for " +
                         std::to_string(options_.heartbeats_missed_max) + " heartbeats",
                     ""};
  if (peer.dial != nullptr)
    hang_up(peer, silent, Duration::zero(), false);
  else
    drop(peer, silent);
}

Liveness Owner::fresh_liveness() const {
  // A handshake takes several round trips, however short the heartbeats are.
  const auto beats = static_cast<std::uint32_t>(
      std::clamp<Duration::rep>(hello_patience / options_.heartbeat_interval, 1, 10'000));
  return Liveness({.interval = options_.heartbeat_interval,
                   .missed_max = options_.heartbeats_missed_max,
                   .hello_beats_max = std::max(beats, options_.heartbeats_missed_max)},
                  now_);
}

// Begins a connection: two fresh sockets, one number, a hello on both.
void Owner::dial(Peer& peer) {
  Dial& dial = *peer.dial;
  peer.life = fresh_liveness();
  peer.flow = {};
  shared_->slots.set_flow(peer.id, 0, 0);
  dial.connection = random_number();
  dial.malformed = 0;
  for (const Lane lane : {Lane::urgent, Lane::ordinary}) {
    const auto index = static_cast<std::size_t>(lane);
    auto socket = dial_socket(context_, options_.keys, dial.addresses[index],
                              dial.server_keys[dial.trying], lane);
    if (!socket) {
      hang_up(peer, socket.error(), refused_reopen_delay, true);
      return;
    }
    dial.sockets[index] = std::move(*socket);
    auto breaks = dial.sockets[index].monitor_breaks(context_);
    if (!breaks) return hang_up(peer, breaks.error(), refused_reopen_delay, true);
    dial.breaks[index] = std::move(*breaks);
  }
  next_due_ = std::min(next_due_, peer.life.next());
  say_hello(peer);
}

// Ends a connection that we opened, to try again later. Whoever was told that it was up, or has
// waited for nothing, is told.
void Owner::hang_up(Peer& peer, const Error& why, Duration reopen_after, bool tell) {
  const bool was_up = peer.life.up();
  for (Socket& socket : peer.dial->sockets) socket.close();
  for (Socket& breaks : peer.dial->breaks) breaks.close();
  peer.dial->broken = {};
  peer.ended = {};
  peer.life = fresh_liveness();
  peer.dial->reopen_at = later(now_, std::max(reopen_after, reopen_delay));
  next_due_ = std::min(next_due_, peer.dial->reopen_at);
  peer.blocked = {};
  if (events_.on_retry) events_.on_retry(peer.id);
  if (!was_up && !tell) return;
  set_writable(peer, false);
  discard(peer);
  if (events_.on_down) events_.on_down(peer.id, why);
}

// Ends a connection that the peer opened. `peer` is gone afterwards.
void Owner::drop(Peer& peer, const Error& why) {
  const PeerId id = peer.id;
  shared_->slots.close(id);
  discard(peer);
  guests_.forget(id);
  peers_.erase(id.value);
  if (events_.on_down) events_.on_down(id, why);
}

// `peer` is gone afterwards if it was a guest and this its last lane.
void Owner::end(Peer& peer, Lane lane) {
  set_writable(peer, false);
  discard(peer);
  peer.ended[static_cast<std::size_t>(lane)] = true;
  if (std::find(peer.ended.begin(), peer.ended.end(), false) != peer.ended.end()) return;
  const Error stopped{ErrorCode::unreachable, "'" + peer.info.name + "' stopped", ""};
  if (peer.dial != nullptr)
    hang_up(peer, stopped, reopen_delay, false);
  else
    drop(peer, stopped);
}

Error Owner::closed_by(const Peer& peer) {
  return {ErrorCode::unreachable, "'" + peer.info.name + "' closed the connection", ""};
}

void Owner::set_writable(Peer& peer, bool writable) {
  peer.writable = writable;
  shared_->slots.set_writable(peer.id, writable);
}

void Owner::discard(Peer& peer) {
  for (const Lane lane : {Lane::urgent, Lane::ordinary}) {
    auto& waiting = peer.waiting[static_cast<std::size_t>(lane)];
    for (const OutMessage& message : waiting)
      shared_->slots.release(peer.id, lane, message.claim_bytes);
    count(shared_->counters.undeliverable, waiting.size());
    waiting_ -= waiting.size();
    waiting.clear();
  }
}

}  // namespace troupe::transport
