// How fast the link is on this machine's loopback, beside a bare TCP socket in the same run:
//
//   cmake --build build/release --target measure_link && build/release/tests/transport/measure_link
//
// Two links in one process, CURVE on, agent messages of 256 bytes. Round trips are one at a time;
// the stream is one way, as fast as the outbox takes it, and counted where it arrives.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/units.hpp"
#include "transport/link.hpp"

namespace {

using namespace troupe;
using namespace troupe::transport;

constexpr std::size_t message_bytes = 256;
constexpr int round_trips = 10'000;
constexpr int streamed = 500'000;

struct Report {
  Duration p50{};
  Duration p99{};
};

Report summarize(std::vector<Duration> samples) {
  samples.erase(samples.begin(), samples.begin() + round_trips / 10);  // warming up
  std::sort(samples.begin(), samples.end());
  return {samples[samples.size() / 2], samples[samples.size() * 99 / 100]};
}

void require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "measure_link: %s\n", what);
  std::exit(1);
}

int tcp_socket() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return fd;
}

// A listening socket on a free port, and which.
int tcp_listen(sockaddr_in& address) {
  const int fd = tcp_socket();
  address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  require(::bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0 && ::listen(fd, 1) == 0 &&
              ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0,
          "no port is free");
  return fd;
}

Report bare_tcp() {
  sockaddr_in address{};
  const int door = tcp_listen(address);
  std::thread echo([door] {
    const int peer = ::accept(door, nullptr, nullptr);
    const int on = 1;
    ::setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    std::array<char, message_bytes> bytes{};
    while (::recv(peer, bytes.data(), bytes.size(), MSG_WAITALL) > 0)
      if (::send(peer, bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0) break;
    ::close(peer);
  });
  const int fd = tcp_socket();
  require(::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, "no TCP");
  std::array<char, message_bytes> bytes{};
  std::vector<Duration> samples;
  for (int i = 0; i < round_trips; ++i) {
    const Instant begin = now();
    require(::send(fd, bytes.data(), bytes.size(), 0) > 0, "TCP broke");
    require(::recv(fd, bytes.data(), bytes.size(), MSG_WAITALL) > 0, "TCP broke");
    samples.push_back(now() - begin);
  }
  ::close(fd);
  echo.join();
  ::close(door);
  return summarize(std::move(samples));
}

std::uint16_t free_port() {
  sockaddr_in address{};
  ::close(tcp_listen(address));
  return ntohs(address.sin_port);
}

std::unique_ptr<Link> open(LinkOptions options, LinkEvents events) {
  auto link = Link::open(std::move(options), std::move(events));
  if (!link) std::fprintf(stderr, "%s\n", link.error().to_string().c_str());
  require(link.has_value(), "no link");
  return std::move(*link);
}

}  // namespace

int main() {
  const KeyPair server_keys = *generate_keys();
  const KeyPair client_keys = *generate_keys();
  const Endpoint endpoint{"127.0.0.1", free_port(), free_port()};
  Message message = AgentMessage{
      {"librarian", "017"}, {"reader", "3"}, 0, "ask", std::string(message_bytes, 'x')};

  std::atomic<bool> echoing{true};
  std::atomic<int> arrived{0};
  Link* server_link = nullptr;
  std::promise<void> up;
  std::atomic<int> answers{0};

  LinkOptions server_options;
  server_options.name = "a";
  server_options.keys = server_keys;
  server_options.allowed = {{client_keys.public_key, "client", Role::client}};
  server_options.listen = endpoint;
  auto server = open(server_options,
                     {.on_up = {}, .on_down = {}, .on_message = [&](PeerId peer, Message&& one) {
                        if (echoing)
                          require(server_link->send(peer, Lane::urgent, one).has_value(),
                                  "the echo was refused");
                        else
                          arrived.fetch_add(1);
                      }});
  server_link = server.get();

  LinkOptions client_options;
  client_options.name = "client";
  client_options.keys = client_keys;
  auto client = open(client_options, {.on_up = [&](PeerId, const PeerInfo&) { up.set_value(); },
                                      .on_down = {},
                                      .on_message =
                                          [&](PeerId, Message&&) {
                                            answers.fetch_add(1);
                                            answers.notify_one();
                                          }});
  const PeerId peer = client->connect(endpoint, {server_keys.public_key});
  up.get_future().wait();

  const Report tcp = bare_tcp();
  std::vector<Duration> samples;
  for (int i = 0; i < round_trips; ++i) {
    const Instant begin = now();
    require(client->send(peer, Lane::urgent, message).has_value(), "a message was refused");
    answers.wait(i);
    samples.push_back(now() - begin);
  }
  const Report link = summarize(std::move(samples));

  echoing = false;
  const Instant begin = now();
  for (int i = 0; i < streamed;) {
    if (client->send(peer, Lane::ordinary, message))
      ++i;
    else
      std::this_thread::yield();  // the outbox is full
  }
  while (arrived.load() < streamed) std::this_thread::yield();
  const double seconds = std::chrono::duration<double>(now() - begin).count();

  std::printf("bare TCP round trip  p50 %-10s p99 %s\n", human_duration(tcp.p50).c_str(),
              human_duration(tcp.p99).c_str());
  std::printf("link round trip      p50 %-10s p99 %-10s %.1fx bare TCP\n",
              human_duration(link.p50).c_str(), human_duration(link.p99).c_str(),
              static_cast<double>(link.p50.count()) / static_cast<double>(tcp.p50.count()));
  std::printf("link one way         %.0f messages/s of %zu bytes\n", streamed / seconds,
              message_bytes);
  return 0;
}
