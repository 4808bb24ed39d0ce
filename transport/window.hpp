// How much of the ordinary lane may be on its way to a peer, sent and not yet said to be received:
// enough to keep the link busy, and hardly more, because what waits in the network's queues holds
// up the urgent lane too, which shares them.
//
// How much that is shows in what changes: where a larger window brings no more bytes a second, the
// rest only stands in a queue, and where a smaller one brings as many, it did. So the window
// doubles at first, until that no longer pays, and from then on tries now and then a little more or
// a little less and keeps what was better. It asks the rate, not the delay as TCP Vegas or BBR do:
// a word of the peer's waits for processors at both ends, at times for far longer than for the
// link, and a window that is small for the sake of such delays would make them the link's speed.
// (The method is that of PCC: Dong et al., "PCC: Re-architecting Congestion Control for Consistent
// High Performance", NSDI 2015.)
//
// How large a part of a large message is follows the rate too: what stands before an urgent frame
// takes a tenth of a millisecond on any link that is not very slow.
//
// Sans-io, one owner. O(1).
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

#include "base/time.hpp"

namespace troupe::transport {

class Window {
 public:
  static constexpr std::uint64_t bytes_min = std::uint64_t{32} << 10;
  static constexpr std::uint64_t bytes_max = std::uint64_t{64} << 20;
  static constexpr std::uint64_t part_bytes_min = std::uint64_t{8} << 10;
  static constexpr std::uint64_t part_bytes_max = std::uint64_t{64} << 10;
  static constexpr Duration part_takes = std::chrono::microseconds(100);
  // A receiver may leave so much unsaid, so a frame is never held back for less.
  static constexpr std::uint64_t unsaid_bytes_max = std::uint64_t{8} << 10;

  // Whether a frame of so many bytes may be sent now.
  [[nodiscard]] bool takes(std::uint64_t bytes) noexcept;
  void sent(Instant now, std::uint64_t bytes);
  // The peer has received so many bytes in all. False if that cannot be.
  bool received(Instant now, std::uint64_t total);

  [[nodiscard]] std::uint64_t outstanding() const noexcept { return sent_ - received_; }
  // How large it is now.
  [[nodiscard]] std::uint64_t bytes() const noexcept;
  // How large parts should be now.
  [[nodiscard]] std::uint64_t part_bytes() const noexcept { return part_bytes_; }

 private:
  enum class Phase : std::uint8_t { doubling, keeping, trying_more, trying_less };

  // From a moment of sending to the word that all that was on its way then has come.
  struct Round {
    Instant began;
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
    bool limited = false;  // something would have been sent if the window had taken it
  };
  // Rounds of one phase.
  struct Tally {
    std::uint32_t rounds = 0;
    double bytes = 0;
    double ns = 0;
    [[nodiscard]] double rate() const { return bytes / ns; }
  };

  void begin_round(Instant now);
  void end_round(Instant now);
  void learn(double bytes, double ns);
  void enter(Phase phase);
  void conclude_trial();

  std::uint64_t sent_ = 0;
  std::uint64_t received_ = 0;
  Round round_;
  Phase phase_ = Phase::doubling;
  Tally tally_;
  double rate_ = 0;  // bytes per ns, to which trials are compared
  std::uint32_t trials_ = 0;
  std::uint64_t bytes_ = std::uint64_t{96} << 10;
  std::uint64_t part_bytes_ = std::uint64_t{16} << 10;
  // The largest frames of this stretch of time and of the one before: two must fit.
  std::array<std::uint64_t, 2> frames_{};
  Instant stretch_began_{};
};

}  // namespace troupe::transport
