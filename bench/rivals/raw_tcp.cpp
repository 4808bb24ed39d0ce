#include "bench/rivals/raw_tcp.hpp"

#include <sys/socket.h>

#include <atomic>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "bench/harness/socket.hpp"

namespace troupe::bench::rivals {
namespace {

using harness::Socket;

bool send_all(const Socket& socket, const std::vector<char>& bytes) {
  for (std::size_t sent = 0; sent < bytes.size();) {
    const auto n = ::send(socket.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) return false;
    sent += static_cast<std::size_t>(n);
  }
  return true;
}

bool receive_all(const Socket& socket, std::vector<char>& bytes) {
  for (std::size_t got = 0; got < bytes.size();) {
    const auto n = ::recv(socket.get(), bytes.data() + got, bytes.size() - got, 0);
    if (n <= 0) return false;
    got += static_cast<std::size_t>(n);
  }
  return true;
}

}  // namespace

Result<harness::LatencyHistogram> tcp_round_trips(std::size_t bytes, std::uint32_t times) {
  auto pair = harness::connected_pair();
  if (!pair) return pair.error();
  const auto& [near, far] = *pair;
  std::thread echo([&far = far, bytes] {
    std::vector<char> buffer(bytes);
    while (receive_all(far, buffer) && send_all(far, buffer)) continue;
  });
  harness::LatencyHistogram latency;
  std::vector<char> buffer(bytes);
  bool whole = true;
  for (std::uint32_t i = 0; whole && i < times; ++i) {
    const Instant begin = now();
    whole = send_all(near, buffer) && receive_all(near, buffer);
    if (i >= times / 10) latency.add(now() - begin);
  }
  near.shut();
  echo.join();
  if (!whole) return harness::system_error("a message was not sent back");
  return latency;
}

Result<double> tcp_messages_per_s(std::size_t bytes, Duration length) {
  auto pair = harness::connected_pair();
  if (!pair) return pair.error();
  const auto& [near, far] = *pair;
  std::atomic<std::uint64_t> received{0};
  std::thread reader([&far = far, &received, bytes] {
    std::vector<char> buffer(bytes);
    while (receive_all(far, buffer)) received.fetch_add(1, std::memory_order_relaxed);
  });
  const std::vector<char> buffer(bytes);
  const Instant begin = now();
  bool whole = true;
  Duration took{};
  while (whole && took < length) {
    whole = send_all(near, buffer);
    took = now() - begin;
  }
  const std::uint64_t count = received;
  near.shut();
  reader.join();
  if (!whole) return harness::system_error("a message was not sent");
  return static_cast<double>(count) * 1e9 / static_cast<double>(took.count());
}

}  // namespace troupe::bench::rivals
