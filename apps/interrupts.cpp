#include "apps/interrupts.hpp"

#include <fcntl.h>
#include <unistd.h>

namespace troupe::apps {
namespace {
constexpr Duration watch_interval = std::chrono::milliseconds(100);

// Whether this process can still reach a terminal of its own.
bool has_terminal() {
  const int terminal = ::open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
  if (terminal >= 0) ::close(terminal);
  return terminal >= 0;
}

}  // namespace

void let_writes_fail() {
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
}

Interrupts::Interrupts(Hangups hangups) : had_terminal_(has_terminal()) {
  ::sigemptyset(&signals_);
  ::sigaddset(&signals_, SIGINT);
  ::sigaddset(&signals_, SIGTERM);
  if (hangups == Hangups::are_told) ::sigaddset(&signals_, SIGHUP);
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
  const int signal = ::sigtimedwait(&signals_, nullptr, &time);
  if (signal == SIGHUP && (!had_terminal_ || has_terminal()))
    hung_up_ = true;
  else if (signal > 0)
    interrupted_ = true;
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
