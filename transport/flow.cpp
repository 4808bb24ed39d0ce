// The owner's scales: how much of the ordinary lane is on its way to a peer (window.hpp), and what
// each side tells the other of it.
#include <utility>

#include "base/clock.hpp"
#include "transport/owner.hpp"

namespace troupe::transport {

// Whatever has come on the ordinary lane makes room for more, valid or not: its sender counts it.
void Owner::came(Peer& peer, Lane lane, std::size_t bytes) {
  Flow& flow = peer.flow;
  const bool greeting =
      heard_.size() == 1 && heard_[0] && std::holds_alternative<Hello>(*heard_[0]);
  if (!flow.framing || lane != Lane::ordinary || greeting) return;
  flow.received += bytes;
  if (flow.received - flow.told < Window::unsaid_bytes_max || std::exchange(flow.owing, true))
    return;
  owing_.push_back(peer.id.value);
}

// Whether its next frame waits for a word of the peer's.
bool Owner::is_starved(Peer& peer) {
  if (!peer.flow.framing) return false;
  const auto& next = peer.waiting[static_cast<std::size_t>(Lane::ordinary)].front();
  Window& window = peer.flow.window;
  const std::size_t bytes = goes_in_parts(peer, next) ? window.part_bytes() : next.bytes();
  peer.flow.starved = !window.takes(bytes);
  return peer.flow.starved;
}

void Owner::has_left(Peer& peer, Lane lane, std::size_t bytes) {
  if (!peer.flow.framing || lane != Lane::ordinary) return;
  peer.flow.window.sent(now(), bytes);
  show_flow(peer);
}

void Owner::show_flow(const Peer& peer) {
  const Window& window = peer.flow.window;
  shared_->slots.set_flow(peer.id, window.outstanding(), window.bytes());
}

// It has received so much of what we sent. False if that cannot be.
bool Owner::told(Peer& peer, std::uint64_t received) {
  if (!peer.flow.framing || !peer.flow.window.received(now_, received)) return false;
  show_flow(peer);
  if (std::exchange(peer.flow.starved, false) &&
      !peer.waiting[static_cast<std::size_t>(Lane::ordinary)].empty())
    mark_ready(peer, Lane::ordinary);
  return true;
}

// Tells peers how much of theirs has come, so that they send more. Again, where a socket was full.
void Owner::tell_received() {
  for (const std::uint64_t id : std::exchange(owing_, {})) {
    const auto found = peers_.find(id);
    if (found == peers_.end() || !found->second.flow.owing) continue;
    Peer& peer = found->second;
    // One that stops has sent everything.
    if (!peer.life.up() || !peer.writable) continue;
    OutMessage word = own_words(Heartbeat{epoch_, false, peer.flow.received});
    switch (transmit(peer, Lane::urgent, word)) {
      case Socket::Sent::yes:
        peer.flow.told = peer.flow.received;
        peer.flow.owing = false;
        break;
      case Socket::Sent::full:
        owing_.push_back(id);
        break;
      case Socket::Sent::gone:
        gone_.push_back({id, Lane::urgent});
        break;
    }
  }
}

}  // namespace troupe::transport
