#include "bench/harness/arrivals.hpp"

#include <algorithm>
#include <cmath>

namespace troupe::bench::harness {
namespace {

constexpr double second_ns = 1e9;
// Far beyond any run, far from where 64 bits end.
constexpr double year_ns = 365.0 * 24 * 3600 * second_ns;

Status positive(double value, const char* what) {
  if (std::isfinite(value) && value > 0 && value < 1e12) return {};
  return Error{ErrorCode::invalid_argument, std::string(what) + " of arrivals must be above zero",
               "give a finite number above zero"};
}

Status check(const Poisson& process) {
  return positive(process.per_second, "the rate");
}

Status check(const Bursts& process) {
  if (!std::isfinite(process.size_mean) || process.size_mean < 1 || process.size_mean > 1e6)
    return Error{ErrorCode::invalid_argument, "the mean size of bursts must be from 1 to a million",
                 "use Poisson arrivals where there are no bursts"};
  return positive(process.per_second, "the rate");
}

Status check(const Replay& process) {
  const auto earlier = [](const Arrival& a, const Arrival& b) { return a.at < b.at; };
  if (process.recorded == nullptr || process.recorded->size() < 2 ||
      !std::is_sorted(process.recorded->begin(), process.recorded->end(), earlier) ||
      process.recorded->front().at >= process.recorded->back().at)
    return Error{ErrorCode::invalid_argument,
                 "a recording needs arrivals at two instants or more, in order",
                 "use a longer trace"};
  return positive(process.speed, "the speed");
}

}  // namespace

double rate_per_second(const std::vector<Arrival>& recorded) noexcept {
  if (recorded.size() < 2 || recorded.back().at <= recorded.front().at) return 0;
  const Duration span = recorded.back().at - recorded.front().at;
  return static_cast<double>(recorded.size() - 1) * second_ns / static_cast<double>(span.count());
}

Result<Arrivals> Arrivals::make(const ArrivalProcess& process, std::uint64_t seed) {
  const auto sound = std::visit([](const auto& one) { return check(one); }, process);
  if (!sound) return sound.error();
  return Arrivals(process, seed);
}

Arrivals::Arrivals(const ArrivalProcess& process, std::uint64_t seed)
    : process_(process), random_(seed) {}

Arrival Arrivals::next() noexcept {
  return std::visit([this](const auto& process) { return draw(process); }, process_);
}

Arrival Arrivals::draw(const Poisson& process) noexcept {
  pass_ns(random_.exponential(second_ns / process.per_second));
  return {at_, 1};
}

Arrival Arrivals::draw(const Bursts& process) noexcept {
  if (left_in_group_ == 0) {
    pass_ns(random_.exponential(second_ns * process.size_mean / process.per_second));
    left_in_group_ = 1;
    // Geometric from 1 on: the chance that one more follows is 1 - 1/mean.
    while (left_in_group_ < 1'000'000 && random_.chance(1 - 1 / process.size_mean))
      ++left_in_group_;
  }
  --left_in_group_;
  return {at_, 1};
}

Arrival Arrivals::draw(const Replay& process) noexcept {
  const auto& recorded = *process.recorded;
  if (index_ == recorded.size()) {
    // The gap between the last and the first of the next round is the mean one.
    const Duration span = recorded.back().at - recorded.front().at;
    const double gap = static_cast<double>(span.count()) / static_cast<double>(recorded.size() - 1);
    round_start_ns_ += static_cast<double>(span.count()) + gap;
    index_ = 0;
  }
  const Arrival& one = recorded[index_++];
  const double offset = static_cast<double>((one.at - recorded.front().at).count());
  at_ = Duration{
      static_cast<Duration::rep>(std::min((round_start_ns_ + offset) / process.speed, year_ns))};
  return {at_, one.units};
}

void Arrivals::pass_ns(double ns) noexcept {
  // Whole nanoseconds go on; what is cut off is kept, or high rates would be too high by half a
  // nanosecond for each arrival.
  fraction_ns_ += std::min(ns, year_ns);
  const double whole = std::floor(fraction_ns_);
  fraction_ns_ -= whole;
  at_ = std::min(at_ + Duration{static_cast<Duration::rep>(whole)},
                 Duration{static_cast<Duration::rep>(year_ns)});
}

OpenLoop::OpenLoop(Arrivals arrivals, Duration length) noexcept
    : arrivals_(std::move(arrivals)), length_(length), next_(arrivals_.next()) {}

std::optional<Duration> OpenLoop::next_due() const noexcept {
  if (next_.at >= length_) return std::nullopt;
  return next_.at;
}

std::optional<Arrival> OpenLoop::take(Duration now) noexcept {
  if (next_.at >= length_ || next_.at > now) return std::nullopt;
  const Arrival due = next_;
  next_ = arrivals_.next();
  return due;
}

}  // namespace troupe::bench::harness
