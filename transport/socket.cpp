#include "transport/socket.hpp"

#include <atomic>
#include <cerrno>
#include <cstring>
#include <memory>

#include "base/assert.hpp"

namespace troupe::transport {
namespace {

struct Held {
  std::string bytes;
  std::function<void()> freed;
};

void free_held(void*, void* hint) {
  const std::unique_ptr<Held> held(static_cast<Held*>(hint));
  if (held->freed) held->freed();
}

}  // namespace

Frame Frame::copy(std::string_view bytes) {
  Frame frame;
  // Fails only without memory, where operator new would end the process too.
  TROUPE_ASSERT(::zmq_msg_init_size(&frame.message_, bytes.size()) == 0, "memory for a frame");
  if (!bytes.empty()) std::memcpy(::zmq_msg_data(&frame.message_), bytes.data(), bytes.size());
  return frame;
}

Frame Frame::hold(std::string bytes, std::function<void()> freed) {
  auto held = std::make_unique<Held>(Held{std::move(bytes), std::move(freed)});
  Frame frame;
  std::string& kept = held->bytes;
  TROUPE_ASSERT(
      ::zmq_msg_init_data(&frame.message_, kept.data(), kept.size(), free_held, held.get()) == 0,
      "memory for a frame");
  static_cast<void>(held.release());
  return frame;
}

std::string_view Frame::bytes() const noexcept {
  return {static_cast<const char*>(::zmq_msg_data(&message_)), ::zmq_msg_size(&message_)};
}

std::string_view Frame::user_id() const noexcept {
  const char* const id = ::zmq_msg_gets(&message_, "User-Id");
  return id == nullptr ? std::string_view{} : std::string_view{id};
}

Context::Context(int io_threads) noexcept : context_(::zmq_ctx_new()) {
  TROUPE_ASSERT(context_ != nullptr, "a ZeroMQ context can be made");
  ::zmq_ctx_set(context_, ZMQ_IO_THREADS, io_threads);
}

Context::~Context() {
  while (::zmq_ctx_term(context_) != 0 && errno == EINTR) {
  }
}

Result<Socket> Socket::make(Context& context, int type) {
  Socket socket;
  socket.socket_ = ::zmq_socket(context.raw(), type);
  if (socket.socket_ == nullptr)
    return Error{ErrorCode::io, std::string("no further socket: ") + ::zmq_strerror(errno),
                 "raise the limit of open files (ulimit -n)"};
  return socket;
}

void Socket::set(int option, int value) noexcept {
  TROUPE_ASSERT(::zmq_setsockopt(socket_, option, &value, sizeof value) == 0,
                "a socket option of ours is valid");
}

void Socket::set(int option, std::string_view value) noexcept {
  TROUPE_ASSERT(::zmq_setsockopt(socket_, option, value.data(), value.size()) == 0,
                "a socket option of ours is valid");
}

void Socket::try_set(int option, int value) noexcept {
  ::zmq_setsockopt(socket_, option, &value, sizeof value);
}

void Socket::set_large(int option, std::int64_t value) noexcept {
  TROUPE_ASSERT(::zmq_setsockopt(socket_, option, &value, sizeof value) == 0,
                "a socket option of ours is valid");
}

int Socket::bind(const std::string& address) noexcept {
  return ::zmq_bind(socket_, address.c_str()) == 0 ? 0 : errno;
}

int Socket::connect(const std::string& address) noexcept {
  return ::zmq_connect(socket_, address.c_str()) == 0 ? 0 : errno;
}

Result<Socket> Socket::monitor_breaks(Context& context) noexcept {
  auto monitor = make(context, ZMQ_PAIR);
  if (!monitor) return monitor.error();
  // A name that no other socket of the process has.
  static std::atomic<std::uint64_t> monitors{0};
  const std::string address = "inproc://breaks-" + std::to_string(monitors.fetch_add(1));
  if (::zmq_socket_monitor(socket_, address.c_str(), ZMQ_EVENT_DISCONNECTED) != 0 ||
      monitor->connect(address) != 0)
    return Error{ErrorCode::io, std::string("a socket cannot be watched: ") + ::zmq_strerror(errno),
                 "raise the limit of open files (ulimit -n)"};
  monitor->set(ZMQ_LINGER, 0);
  return monitor;
}

Socket::Sent Socket::send(Frame& frame, bool more) noexcept {
  const int flags = ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0);
  for (;;) {
    if (::zmq_msg_send(frame.raw(), socket_, flags) >= 0) return Sent::yes;
    if (errno == EINTR) continue;
    return errno == EAGAIN ? Sent::full : Sent::gone;
  }
}

Socket::Received Socket::receive(std::vector<Frame>& frames, std::size_t frames_max) {
  frames.clear();
  bool oversized = false;
  for (bool more = true; more;) {
    Frame frame;
    // Messages arrive whole: only the first frame can be missing.
    if (::zmq_msg_recv(frame.raw(), socket_, ZMQ_DONTWAIT) < 0) {
      if (errno == EINTR) continue;
      return Received::nothing;
    }
    more = ::zmq_msg_more(frame.raw()) != 0;
    // Some frames of an oversized message stay, so that its sender is known.
    if (frames.size() < frames_max)
      frames.push_back(std::move(frame));
    else
      oversized = true;
  }
  return oversized ? Received::oversized : Received::message;
}

void Socket::close() noexcept {
  if (socket_ == nullptr) return;
  // ZeroMQ's own thread still closes the connection, would tell of it, and would wait for ever when
  // nobody listens any more.
  ::zmq_socket_monitor(socket_, nullptr, 0);
  ::zmq_close(std::exchange(socket_, nullptr));
}

}  // namespace troupe::transport
