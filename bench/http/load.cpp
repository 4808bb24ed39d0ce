#include "bench/http/load.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "base/clock.hpp"

namespace troupe::bench::http {
namespace {

using harness::Socket;
using harness::system_error;

constexpr Duration answer_limit = std::chrono::seconds(10);
constexpr int look_ms = 100;  // for an interrupt
constexpr std::string_view head_end = "\r\n\r\n";

// Connected, and blocking up to the limit.
Result<Socket> connect_to(std::uint16_t port) {
  auto socket = harness::connect_to(port);
  if (!socket) return socket.error();
  const timeval limit{std::chrono::duration_cast<std::chrono::seconds>(answer_limit).count(), 0};
  if (::setsockopt(socket->get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0)
    return system_error("a socket takes no time limit");
  return socket;
}

// A request is far smaller than what a socket takes at once when nothing is on its way.
Status send_whole(const Socket& socket, const std::string& request) {
  const auto sent = ::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(request.size())) return system_error("cannot send a request");
  return {};
}

// The bytes of one answer as they come.
class AnswerReader {
 public:
  void add(std::string_view bytes) { bytes_.append(bytes); }
  void next() {
    bytes_.clear();
    wanted_.reset();
  }

  // Whether the answer is whole. Errors: malformed.
  Result<bool> whole() {
    if (!wanted_) {
      const auto end = bytes_.find(head_end);
      if (end == std::string::npos) return false;
      const std::string_view head(bytes_.data(), end);
      constexpr std::string_view field = "\r\ncontent-length: ";
      std::string low(head);
      for (char& c : low) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      const auto at = low.find(field);
      std::size_t length = 0;
      if (head.substr(0, 12) != "HTTP/1.1 200" || at == std::string::npos ||
          std::from_chars(low.data() + at + field.size(), low.data() + low.size(), length).ec !=
              std::errc())
        return Error{ErrorCode::malformed,
                     "the server answered: " + std::string(bytes_.substr(0, 500)), ""};
      body_ = end + head_end.size();
      wanted_ = body_ + length;
    }
    return bytes_.size() >= *wanted_;
  }

  [[nodiscard]] std::string body() const { return bytes_.substr(body_); }

 private:
  std::string bytes_;
  std::size_t body_ = 0;
  std::optional<std::size_t> wanted_;
};

// False when nothing is there at the moment.
Result<bool> receive(const Socket& socket, AnswerReader& reader, int flags) {
  std::array<char, 65536> bytes;  // NOLINT(cppcoreguidelines-pro-type-member-init): read into
  const auto got = ::recv(socket.get(), bytes.data(), bytes.size(), flags);
  if (got > 0) {
    reader.add({bytes.data(), static_cast<std::size_t>(got)});
    return true;
  }
  if (got == 0) return Error{ErrorCode::io, "the server closed a connection", ""};
  if (errno == EINTR) return true;
  if (errno == EAGAIN && flags != 0) return false;
  if (errno == EAGAIN) return Error{ErrorCode::expired, "the server did not answer", ""};
  return system_error("cannot read an answer");
}

Result<std::string> ask(const Socket& socket, const std::string& request) {
  if (auto sent = send_whole(socket, request); !sent) return sent.error();
  AnswerReader reader;
  for (;;) {
    if (auto more = receive(socket, reader, 0); !more) return more.error();
    const auto whole = reader.whole();
    if (!whole) return whole.error();
    if (*whole) return reader.body();
  }
}

struct Asker {
  Socket socket;
  AnswerReader reader;
  Instant asked;
};

}  // namespace

Result<LoadResult> run_load(const Load& load, const harness::RunOptions& options) {
  const Socket poll(::epoll_create1(EPOLL_CLOEXEC));
  if (poll.get() < 0) return system_error("cannot wait for sockets");
  std::vector<Asker> askers(load.connections);
  for (std::uint32_t i = 0; i < load.connections; ++i) {
    auto socket = connect_to(load.port);
    if (!socket) return socket.error();
    askers[i].socket = std::move(*socket);
    epoll_event wanted{};
    wanted.events = EPOLLIN;
    wanted.data.u32 = i;
    if (::epoll_ctl(poll.get(), EPOLL_CTL_ADD, askers[i].socket.get(), &wanted) != 0)
      return system_error("cannot wait for a socket");
  }
  for (Asker& one : askers) {
    one.asked = now();
    if (auto sent = send_whole(one.socket, load.request); !sent) return sent.error();
  }

  LoadResult result;
  const Instant begin = now() + load.warm_up;
  const Instant end = begin + load.length;
  Instant heard = now();
  std::array<epoll_event, 256> events{};
  for (Instant at = now(); at < end; at = now()) {
    if (options.is_interrupted()) return harness::interrupted_error();
    const int ready = ::epoll_wait(poll.get(), events.data(), events.size(), look_ms);
    if (ready < 0 && errno != EINTR) return system_error("cannot wait for answers");
    if (ready <= 0 && now() - heard > answer_limit)
      return Error{ErrorCode::expired, "the server did not answer", ""};
    for (int i = 0; i < ready; ++i) {
      Asker& one = askers[events[static_cast<std::size_t>(i)].data.u32];
      if (auto more = receive(one.socket, one.reader, MSG_DONTWAIT); !more) return more.error();
      const auto whole = one.reader.whole();
      if (!whole) return whole.error();
      if (!*whole) continue;
      heard = now();
      if (heard >= begin && heard < end) {
        result.latency.add(heard - one.asked);
        if (load.on_answer) load.on_answer(heard);
      }
      one.reader.next();
      one.asked = heard;
      if (auto sent = send_whole(one.socket, load.request); !sent) return sent.error();
    }
  }
  result.answers_per_s =
      static_cast<double>(result.latency.count()) * 1e9 / static_cast<double>(load.length.count());
  return result;
}

Result<harness::LatencyHistogram> ask_anew(std::uint16_t port, const std::string& request,
                                           std::uint32_t times,
                                           const harness::RunOptions& options) {
  harness::LatencyHistogram latency;
  for (std::uint32_t i = 0; i < times; ++i) {
    if (options.is_interrupted()) return harness::interrupted_error();
    const Instant begin = now();
    const auto socket = connect_to(port);
    if (!socket) return socket.error();
    if (auto answer = ask(*socket, request); !answer) return answer.error();
    if (i >= times / 10) latency.add(now() - begin);
  }
  return latency;
}

Result<std::string> ask_once(std::uint16_t port, const std::string& request) {
  const auto socket = connect_to(port);
  if (!socket) return socket.error();
  return ask(*socket, request);
}

Result<IdleConnections> IdleConnections::open(std::uint16_t port, const std::string& request,
                                              std::uint32_t count) {
  IdleConnections all;
  all.sockets_.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    auto socket = connect_to(port);
    if (!socket) return socket.error();
    if (auto answer = ask(*socket, request); !answer) return answer.error();
    all.sockets_.push_back(std::move(*socket));
  }
  return all;
}

std::string post(const std::string& target, const std::string& body) {
  return "POST " + target +
         " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

}  // namespace troupe::bench::http
