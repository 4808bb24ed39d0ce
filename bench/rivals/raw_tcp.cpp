#include "bench/rivals/raw_tcp.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.hpp"

namespace troupe::bench::rivals {
namespace {

Error system_error(const std::string& what) {
  return {ErrorCode::io, what + ": " + std::strerror(errno), ""};
}

class Socket {
 public:
  explicit Socket(int fd = -1) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const noexcept { return fd_; }
  void shut() const { ::shutdown(fd_, SHUT_RDWR); }

  [[nodiscard]] bool send_all(const std::vector<char>& bytes) const {
    for (std::size_t sent = 0; sent < bytes.size();) {
      const auto n = ::send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) return false;
      sent += static_cast<std::size_t>(n);
    }
    return true;
  }
  [[nodiscard]] bool receive_all(std::vector<char>& bytes) const {
    for (std::size_t got = 0; got < bytes.size();) {
      const auto n = ::recv(fd_, bytes.data() + got, bytes.size() - got, 0);
      if (n <= 0) return false;
      got += static_cast<std::size_t>(n);
    }
    return true;
  }

 private:
  int fd_;
};

// Both ends of a connection.
Result<std::pair<Socket, Socket>> connected_pair() {
  const Socket listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  Socket one(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (listening.get() < 0 || one.get() < 0 || ::bind(listening.get(), any, size) != 0 ||
      ::listen(listening.get(), 1) != 0 || ::getsockname(listening.get(), any, &size) != 0 ||
      ::connect(one.get(), any, size) != 0)
    return system_error("cannot connect over the loopback interface");
  Socket other(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
  const int on = 1;
  if (other.get() < 0 || ::setsockopt(one.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0 ||
      ::setsockopt(other.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) != 0)
    return system_error("cannot accept over the loopback interface");
  return std::pair(std::move(one), std::move(other));
}

}  // namespace

Result<harness::LatencyHistogram> tcp_round_trips(std::size_t bytes, std::uint32_t times) {
  auto pair = connected_pair();
  if (!pair) return pair.error();
  const auto& [near, far] = *pair;
  std::thread echo([&far = far, bytes] {
    std::vector<char> buffer(bytes);
    while (far.receive_all(buffer) && far.send_all(buffer)) continue;
  });
  harness::LatencyHistogram latency;
  std::vector<char> buffer(bytes);
  bool whole = true;
  for (std::uint32_t i = 0; whole && i < times; ++i) {
    const Instant begin = now();
    whole = near.send_all(buffer) && near.receive_all(buffer);
    if (i >= times / 10) latency.add(now() - begin);
  }
  near.shut();
  echo.join();
  if (!whole) return system_error("a message was not sent back");
  return latency;
}

Result<double> tcp_messages_per_s(std::size_t bytes, Duration length) {
  auto pair = connected_pair();
  if (!pair) return pair.error();
  const auto& [near, far] = *pair;
  std::atomic<std::uint64_t> received{0};
  std::thread reader([&far = far, &received, bytes] {
    std::vector<char> buffer(bytes);
    while (far.receive_all(buffer)) received.fetch_add(1, std::memory_order_relaxed);
  });
  const std::vector<char> buffer(bytes);
  const Instant begin = now();
  bool whole = true;
  Duration took{};
  while (whole && took < length) {
    whole = near.send_all(buffer);
    took = now() - begin;
  }
  const std::uint64_t count = received;
  near.shut();
  reader.join();
  if (!whole) return system_error("a message was not sent");
  return static_cast<double>(count) * 1e9 / static_cast<double>(took.count());
}

}  // namespace troupe::bench::rivals
