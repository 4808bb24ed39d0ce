// When tasks arrive in an open loop: by a plan that knows nothing of how the tasks before fared.
//
// A closed loop that waits for answers stops asking exactly when the system is slow, and so forgets
// the waiting that it caused ("coordinated omission"). Here every arrival has an intended instant,
// and latencies are counted from that (latency_recorder.hpp), however late it could be sent.
//
// Sans-io: the same process and seed give the same arrivals. Not thread-safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "base/random.hpp"
#include "base/result.hpp"
#include "base/time.hpp"

namespace troupe::bench::harness {

struct Arrival {
  Duration at{};            // since the start of the run
  std::uint32_t units = 1;  // the task's size, where the process knows it
};

// Independent arrivals.
struct Poisson {
  double per_second = 0;
};

// Groups at one instant, themselves Poisson; `per_second` is of tasks, the size of groups is
// geometric.
struct Bursts {
  double per_second = 0;
  double size_mean = 1;  // at least 1
};

// What has been recorded (trace.hpp), `speed` times as fast, and from the start again when it ends.
struct Replay {
  std::shared_ptr<const std::vector<Arrival>> recorded;  // in order
  double speed = 1;
};

using ArrivalProcess = std::variant<Poisson, Bursts, Replay>;

// The mean rate of a recording: its arrivals but the first, over the time from first to last. Zero
// where there is none.
double rate_per_second(const std::vector<Arrival>& recorded) noexcept;

class Arrivals {
 public:
  // Errors: invalid_argument for rates, sizes and speeds that are not above zero or not finite, and
  // for recordings without two instants, or out of order.
  static Result<Arrivals> make(const ArrivalProcess& process, std::uint64_t seed);

  // In order; there is always a next one.
  Arrival next() noexcept;

 private:
  Arrivals(const ArrivalProcess& process, std::uint64_t seed);
  Arrival draw(const Poisson& process) noexcept;
  Arrival draw(const Bursts& process) noexcept;
  Arrival draw(const Replay& process) noexcept;
  void pass_ns(double ns) noexcept;

  ArrivalProcess process_;
  Random random_;
  Duration at_{};
  double fraction_ns_ = 0;  // of the gaps so far, not yet in at_
  std::uint64_t left_in_group_ = 0;
  std::size_t index_ = 0;      // in the recording
  double round_start_ns_ = 0;  // of the recording's present pass
};

// Hands out the arrivals of a run as their time comes; whoever drives it sleeps or spins.
class OpenLoop {
 public:
  // Arrivals from `length` on are not handed out.
  OpenLoop(Arrivals arrivals, Duration length) noexcept;

  // The instant of the next arrival; nothing when the run is over.
  [[nodiscard]] std::optional<Duration> next_due() const noexcept;
  // An arrival whose instant is not after `now` (since the start of the run), if there is one: call
  // it until there is none.
  std::optional<Arrival> take(Duration now) noexcept;

 private:
  Arrivals arrivals_;
  Duration length_;
  Arrival next_;
};

}  // namespace troupe::bench::harness
