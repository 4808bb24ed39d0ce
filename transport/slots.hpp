// Which peers may be written to right now, and how many bytes wait for each: the part of the link's
// state that every sending thread reads, kept free of locks.
//
// A PeerId names a slot and a generation of it, so that an id outlives its peer without harm: what
// is sent to it is refused. Bytes are counted per lane, so that a backlog of ordinary messages
// never refuses an urgent one. Claims are released against the same slot even when its peer has
// changed in between, so the sums always come back to zero.
//
// claim() and release(): any thread. open(): any thread, rare. The rest: the owner thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>

#include "base/lane.hpp"
#include "transport/link.hpp"

namespace troupe::transport {

class Slots {
 public:
  static constexpr std::size_t peers_max = 4096;

  enum class Claim { granted, full, unreachable };

  // A new peer, closed to senders at first unless `writable`. No value when all slots are taken.
  PeerId open(bool writable);
  void close(PeerId peer) noexcept;
  void set_writable(PeerId peer, bool writable) noexcept;

  // Reserves room for `bytes` among `bytes_max`. One message always fits into an empty lane.
  Claim claim(PeerId peer, Lane lane, std::uint64_t bytes, std::uint64_t bytes_max) noexcept;
  void release(PeerId peer, Lane lane, std::uint64_t bytes) noexcept;

  // What the owner says of the ordinary lane, for whoever looks.
  void set_flow(PeerId peer, std::uint64_t on_its_way, std::uint64_t window) noexcept;
  // Any thread. What waits is what is reserved. Zeros for a peer that is not there.
  [[nodiscard]] LinkBacklog backlog(PeerId peer) const noexcept;

  // For tests: what is reserved now.
  [[nodiscard]] std::uint64_t claimed(PeerId peer, Lane lane) const noexcept;

 private:
  struct Slot {
    std::atomic<std::uint64_t> peer{0};  // whose it is; 0: nobody's
    std::atomic<bool> writable{false};
    std::array<std::atomic<std::uint64_t>, lane_count> bytes{};
    std::atomic<std::uint64_t> on_its_way{0};
    std::atomic<std::uint64_t> window{0};
  };

  Slot& slot(PeerId peer) noexcept { return slots_[peer.value % peers_max]; }
  [[nodiscard]] const Slot& slot(PeerId peer) const noexcept {
    return slots_[peer.value % peers_max];
  }

  std::array<Slot, peers_max> slots_;
  std::mutex opening_;
  std::uint64_t next_ = 1;  // ids count up, skipping those whose slot is in use
};

}  // namespace troupe::transport
