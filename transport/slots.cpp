#include "transport/slots.hpp"

#include "base/assert.hpp"

namespace troupe::transport {

PeerId Slots::open(bool writable) {
  const std::lock_guard lock(opening_);
  for (std::size_t tries = 0; tries < peers_max; ++tries) {
    const PeerId id{next_++};
    Slot& candidate = slot(id);
    if (candidate.peer.load() != 0) continue;
    candidate.writable.store(writable);
    candidate.on_its_way.store(0);
    candidate.window.store(0);
    candidate.peer.store(id.value);
    return id;
  }
  return {};
}

void Slots::close(PeerId peer) noexcept {
  if (slot(peer).peer.load() != peer.value) return;
  slot(peer).writable.store(false);
  slot(peer).peer.store(0);
}

void Slots::set_writable(PeerId peer, bool writable) noexcept {
  if (slot(peer).peer.load() == peer.value) slot(peer).writable.store(writable);
}

Slots::Claim Slots::claim(PeerId peer, Lane lane, std::uint64_t bytes,
                          std::uint64_t bytes_max) noexcept {
  Slot& held = slot(peer);
  // A peer that changes right after this look gets nothing wrong: the owner compares again.
  if (peer.value == 0 || held.peer.load(std::memory_order_acquire) != peer.value ||
      !held.writable.load(std::memory_order_acquire))
    return Claim::unreachable;
  auto& sum = held.bytes[static_cast<std::size_t>(lane)];
  const std::uint64_t before = sum.fetch_add(bytes, std::memory_order_relaxed);
  if (before == 0 || before + bytes <= bytes_max) return Claim::granted;
  sum.fetch_sub(bytes, std::memory_order_relaxed);
  return Claim::full;
}

void Slots::release(PeerId peer, Lane lane, std::uint64_t bytes) noexcept {
  const std::uint64_t before =
      slot(peer).bytes[static_cast<std::size_t>(lane)].fetch_sub(bytes, std::memory_order_relaxed);
  TROUPE_ASSERT(before >= bytes, "no more bytes are released than were claimed");
}

void Slots::set_flow(PeerId peer, std::uint64_t on_its_way, std::uint64_t window) noexcept {
  if (slot(peer).peer.load(std::memory_order_relaxed) != peer.value) return;
  slot(peer).on_its_way.store(on_its_way, std::memory_order_relaxed);
  slot(peer).window.store(window, std::memory_order_relaxed);
}

LinkBacklog Slots::backlog(PeerId peer) const noexcept {
  const Slot& held = slot(peer);
  LinkBacklog backlog;
  if (peer.value == 0 || held.peer.load() != peer.value) return backlog;
  for (std::size_t lane = 0; lane < lane_count; ++lane) backlog.waiting[lane] = held.bytes[lane];
  backlog.on_its_way = held.on_its_way;
  backlog.window = held.window;
  return backlog;
}

std::uint64_t Slots::claimed(PeerId peer, Lane lane) const noexcept {
  return slot(peer).bytes[static_cast<std::size_t>(lane)].load();
}

}  // namespace troupe::transport
