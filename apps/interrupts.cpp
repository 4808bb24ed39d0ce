#include "apps/interrupts.hpp"

namespace troupe::apps {
namespace {
constexpr Duration watch_interval = std::chrono::milliseconds(100);
}

void let_writes_fail() {
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
}

Interrupts::Interrupts() {
  ::sigemptyset(&signals_);
  ::sigaddset(&signals_, SIGINT);
  ::sigaddset(&signals_, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
}

Interrupts::~Interrupts() {
  stop_watching_ = true;
  if (watcher_.joinable()) watcher_.join();
}

bool Interrupts::wait(Duration limit) {
  if (interrupted_) return true;
  timespec time{};
  time.tv_sec = static_cast<std::time_t>(limit.count() / 1'000'000'000);
  time.tv_nsec = static_cast<long>(limit.count() % 1'000'000'000);
  if (::sigtimedwait(&signals_, nullptr, &time) > 0) interrupted_ = true;
  return interrupted_;
}

const std::atomic<bool>& Interrupts::watch() {
  if (!watcher_.joinable())
    watcher_ = std::thread([this] {
      ::pthread_setname_np(::pthread_self(), "tr-signals");
      while (!stop_watching_ && !wait(watch_interval)) {
      }
    });
  return interrupted_;
}

}  // namespace troupe::apps
