#include "bench/harness/usage.hpp"

#include <sys/resource.h>

namespace troupe::bench::harness {
namespace {

Duration duration_of(const timeval& time) noexcept {
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

Usage usage_of(int who) noexcept {
  rusage usage{};
  if (::getrusage(who, &usage) != 0) return {};  // only for a `who` that does not exist
  return {duration_of(usage.ru_utime), duration_of(usage.ru_stime),
          static_cast<std::uint64_t>(usage.ru_nivcsw), static_cast<std::uint64_t>(usage.ru_nvcsw)};
}

}  // namespace

Usage process_usage() noexcept {
  return usage_of(RUSAGE_SELF);
}

Usage thread_usage() noexcept {
  return usage_of(RUSAGE_THREAD);
}

Usage operator-(const Usage& after, const Usage& before) noexcept {
  return {after.user - before.user, after.system - before.system,
          after.switches_involuntary - before.switches_involuntary,
          after.switches_voluntary - before.switches_voluntary};
}

}  // namespace troupe::bench::harness
