#include "actors/wakeup.hpp"

#include <linux/futex.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <ctime>

namespace troupe::actors {
namespace {

constexpr unsigned long timer_slack_ns = 1000;

}  // namespace

void Wakeup::wait_until(Instant at) noexcept {
  std::uint32_t expected = awake;
  if (!word_.compare_exchange_strong(expected, asleep, std::memory_order_seq_cst)) return;
  constexpr Duration::rep second = 1'000'000'000;
  const Duration::rep ns = at.time_since_epoch().count();
  const timespec time{static_cast<std::time_t>(ns / second), static_cast<long>(ns % second)};
  // The bitset form takes an absolute time of the monotonic clock, which now() reads.
  ::syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word_), FUTEX_WAIT_BITSET_PRIVATE, asleep,
            at == never ? nullptr : &time, nullptr, FUTEX_BITSET_MATCH_ANY);
}

void Wakeup::wake() noexcept {
  ::syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word_), FUTEX_WAKE_PRIVATE, 1, nullptr,
            nullptr, 0);
}

void name_thread(const char* name) noexcept {
  ::pthread_setname_np(::pthread_self(), name);
}

void wake_precisely() noexcept {
  ::prctl(PR_SET_TIMERSLACK, timer_slack_ns);
}

}  // namespace troupe::actors
