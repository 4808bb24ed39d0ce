#include "transport/window.hpp"

#include <algorithm>

namespace troupe::transport {
namespace {

// Shorter ones say more about threads than about links.
constexpr Duration round_min = std::chrono::milliseconds(2);
constexpr Duration stretch = std::chrono::seconds(1);

constexpr double doubling_pays = 1.25;
constexpr std::uint32_t rounds_kept = 8;  // between trials
constexpr std::uint32_t rounds_doubled = 2;
constexpr std::uint32_t rounds_tried = 3;
constexpr std::uint32_t trials_per_less = 4;  // one of so many, for it costs something
constexpr double more = 1.5;
constexpr double more_pays = 1.15;
constexpr double less = 0.75;
constexpr double less_suffices = 0.95;

std::uint64_t times(std::uint64_t bytes, double factor) {
  return static_cast<std::uint64_t>(static_cast<double>(bytes) * factor);
}

}  // namespace

std::uint64_t Window::bytes() const noexcept {
  const double factor = phase_ == Phase::trying_more   ? more
                        : phase_ == Phase::trying_less ? less
                                                       : 1.0;
  const std::uint64_t frames = 2 * std::max(frames_[0], frames_[1]);
  return std::clamp(std::max(times(bytes_, factor), frames), bytes_min, bytes_max);
}

bool Window::takes(std::uint64_t bytes) noexcept {
  if (outstanding() <= unsaid_bytes_max || outstanding() + bytes <= this->bytes()) return true;
  round_.limited = true;
  return false;
}

void Window::sent(Instant now, std::uint64_t bytes) {
  if (now - stretch_began_ > stretch) {
    frames_ = {0, frames_[0]};
    stretch_began_ = now;
  }
  frames_[0] = std::max(frames_[0], bytes);
  if (outstanding() == 0) begin_round(now);  // the silence before says nothing about the link
  sent_ += bytes;
}

bool Window::received(Instant now, std::uint64_t total) {
  if (total > sent_ || total < received_) return false;
  received_ = total;
  if (received_ > round_.sent && now - round_.began >= round_min) end_round(now);
  return true;
}

void Window::begin_round(Instant now) {
  round_ = {now, sent_, received_, false};
}

void Window::end_round(Instant now) {
  const Round over = round_;
  begin_round(now);
  if (over.limited)
    learn(static_cast<double>(received_ - over.received),
          static_cast<double>((now - over.began).count()));
}

void Window::learn(double bytes, double ns) {
  // What comes in the first round after a change was sent before it.
  if (++tally_.rounds > 1 || phase_ == Phase::keeping) {
    tally_.bytes += bytes;
    tally_.ns += ns;
  }
  switch (phase_) {
    case Phase::doubling:
      if (tally_.rounds < rounds_doubled) return;
      if (tally_.rate() > doubling_pays * rate_) {
        rate_ = tally_.rate();
        bytes_ = std::min(2 * bytes_, bytes_max);
        enter(Phase::doubling);
      } else {
        bytes_ /= 2;  // the last time was in vain
        enter(Phase::keeping);
      }
      break;
    case Phase::keeping:
      if (tally_.rounds < rounds_kept) return;
      rate_ = tally_.rate();
      enter(++trials_ % trials_per_less == 0 ? Phase::trying_less : Phase::trying_more);
      break;
    case Phase::trying_more:
    case Phase::trying_less:
      if (tally_.rounds < rounds_tried) return;
      conclude_trial();
      break;
  }
  part_bytes_ =
      std::clamp(static_cast<std::uint64_t>(rate_ * static_cast<double>(part_takes.count())),
                 part_bytes_min, part_bytes_max);
}

void Window::conclude_trial() {
  const bool tried_more = phase_ == Phase::trying_more;
  const double rate = tally_.rate();
  const bool better = rate >= rate_ * (tried_more ? more_pays : less_suffices);
  if (better) {
    bytes_ = std::clamp(times(bytes_, tried_more ? more : less), bytes_min, bytes_max);
    rate_ = rate;
  }
  enter(better ? phase_ : Phase::keeping);
}

void Window::enter(Phase phase) {
  phase_ = phase;
  tally_ = {};
}

}  // namespace troupe::transport
