#include "apps/end_of_input.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <utility>

#include "base/assert.hpp"

namespace troupe::apps {

EndOfInput::EndOfInput(std::function<void()> at_end)
    : at_end_(std::move(at_end)), stop_(::eventfd(0, EFD_CLOEXEC)) {
  TROUPE_ASSERT(stop_ >= 0, "an eventfd can be made");
  thread_ = std::thread([this] { watch(); });
}

EndOfInput::~EndOfInput() {
  const std::uint64_t one = 1;
  TROUPE_ASSERT(::write(stop_, &one, sizeof one) == sizeof one, "an eventfd takes a one");
  thread_.join();
  ::close(stop_);
}

void EndOfInput::watch() const {
  std::array<pollfd, 2> waits = {pollfd{STDIN_FILENO, POLLIN, 0}, pollfd{stop_, POLLIN, 0}};
  std::array<char, 4096> thrown_away{};
  while (true) {
    if (::poll(waits.data(), waits.size(), -1) < 0 && errno == EINTR) continue;
    if (waits[1].revents != 0) return;
    const auto got = ::read(STDIN_FILENO, thrown_away.data(), thrown_away.size());
    if (got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN))) continue;
    return at_end_();
  }
}

}  // namespace troupe::apps
