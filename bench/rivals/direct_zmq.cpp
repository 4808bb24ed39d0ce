#include "bench/rivals/direct_zmq.hpp"

#include <zmq.h>

#include <array>
#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"

namespace troupe::bench::rivals {
namespace {

constexpr int limit_ms = 10'000;
constexpr std::size_t key_bytes = 41;

Error zmq_problem(const std::string& what) {
  return {ErrorCode::io, what + ": " + ::zmq_strerror(::zmq_errno()), ""};
}

struct Context {
  Context() : raw(::zmq_ctx_new()) {}
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  ~Context() { ::zmq_ctx_term(raw); }
  void* raw;
};

struct Socket {
  Socket(Context& context, int type) : raw(::zmq_socket(context.raw, type)) {
    set(ZMQ_LINGER, 0);
    set(ZMQ_SNDTIMEO, limit_ms);
    set(ZMQ_RCVTIMEO, limit_ms);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() { ::zmq_close(raw); }
  void set(int option, int value) const { ::zmq_setsockopt(raw, option, &value, sizeof value); }
  void set(int option, const std::array<char, key_bytes>& key) const {
    ::zmq_setsockopt(raw, option, key.data(), key.size());
  }
  void* raw;
};

// Binds `server`, connects `client`.
Status join(Wire wire, const Socket& server, const Socket& client) {
  if (wire == Wire::curve) {
    std::array<char, key_bytes> server_public{};
    std::array<char, key_bytes> server_secret{};
    std::array<char, key_bytes> client_public{};
    std::array<char, key_bytes> client_secret{};
    if (::zmq_curve_keypair(server_public.data(), server_secret.data()) != 0 ||
        ::zmq_curve_keypair(client_public.data(), client_secret.data()) != 0)
      return zmq_problem("libzmq has no CURVE");
    server.set(ZMQ_CURVE_SERVER, 1);
    server.set(ZMQ_CURVE_SECRETKEY, server_secret);
    client.set(ZMQ_CURVE_SERVERKEY, server_public);
    client.set(ZMQ_CURVE_PUBLICKEY, client_public);
    client.set(ZMQ_CURVE_SECRETKEY, client_secret);
  }
  std::array<char, 256> endpoint{};
  std::size_t size = endpoint.size();
  if (::zmq_bind(server.raw, "tcp://127.0.0.1:*") != 0 ||
      ::zmq_getsockopt(server.raw, ZMQ_LAST_ENDPOINT, endpoint.data(), &size) != 0 ||
      ::zmq_connect(client.raw, endpoint.data()) != 0)
    return zmq_problem("cannot connect over the loopback interface");
  return {};
}

}  // namespace

Result<harness::LatencyHistogram> zmq_round_trips(Wire wire, std::size_t bytes,
                                                  std::uint32_t times) {
  Context context;
  Socket server(context, ZMQ_DEALER);
  Socket client(context, ZMQ_DEALER);
  if (auto joined = join(wire, server, client); !joined) return joined.error();
  std::thread echo([&server, bytes, times] {
    std::vector<char> buffer(bytes);
    for (std::uint32_t i = 0; i < times; ++i)
      if (::zmq_recv(server.raw, buffer.data(), bytes, 0) < 0 ||
          ::zmq_send(server.raw, buffer.data(), bytes, 0) < 0)
        return;
  });
  harness::LatencyHistogram latency;
  std::vector<char> buffer(bytes);
  bool whole = true;
  for (std::uint32_t i = 0; whole && i < times; ++i) {
    const Instant begin = now();
    whole = ::zmq_send(client.raw, buffer.data(), bytes, 0) >= 0 &&
            ::zmq_recv(client.raw, buffer.data(), bytes, 0) >= 0;
    if (i >= times / 10) latency.add(now() - begin);
  }
  echo.join();  // after at most its time limit
  if (!whole) return zmq_problem("a message was not sent back");
  return latency;
}

Result<double> zmq_messages_per_s(Wire wire, std::size_t bytes, std::size_t per_frame,
                                  Duration length) {
  Context context;
  Socket pull(context, ZMQ_PULL);
  Socket push(context, ZMQ_PUSH);
  if (auto joined = join(wire, pull, push); !joined) return joined.error();
  std::atomic<std::uint64_t> frames{0};
  std::atomic<bool> failed{false};
  std::thread reader([&pull, &frames, &failed, size = bytes * per_frame] {
    std::vector<char> buffer(size);
    for (;;) {
      const int got = ::zmq_recv(pull.raw, buffer.data(), buffer.size(), 0);
      if (got == 0) return;  // the empty frame is the end
      if (got < 0) {
        failed = true;
        return;
      }
      frames.fetch_add(1, std::memory_order_relaxed);
    }
  });
  const std::vector<char> buffer(bytes * per_frame);
  bool whole = true;
  const auto send_one = [&] { whole = ::zmq_send(push.raw, buffer.data(), buffer.size(), 0) >= 0; };
  send_one();  // when it is there, so is the connection
  while (whole && frames == 0 && !failed) std::this_thread::yield();
  const Instant begin = now();
  const std::uint64_t before = frames;
  Duration took{};
  while (whole && !failed && took < length) {
    send_one();
    took = now() - begin;
  }
  const std::uint64_t count = frames - before;
  if (whole) whole = ::zmq_send(push.raw, nullptr, 0, 0) >= 0;
  reader.join();
  if (!whole || failed) return zmq_problem("a message was not sent");
  return static_cast<double>(count * per_frame) * 1e9 / static_cast<double>(took.count());
}

}  // namespace troupe::bench::rivals
