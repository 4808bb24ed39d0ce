// ZeroMQ behind values: contexts, sockets and frames that clean up after themselves, and outcomes
// instead of errno or exceptions. The C API on purpose: nothing here can throw across the loop.
//
// A Context may be used from any thread; a Socket belongs to one thread at a time; a Frame to
// whoever holds it. All sends and receives are non-blocking and retry when a signal interrupts.
#pragma once

#include <zmq.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

namespace troupe::transport {

class Frame {
 public:
  Frame() noexcept { ::zmq_msg_init(&message_); }
  ~Frame() { ::zmq_msg_close(&message_); }
  Frame(Frame&& other) noexcept : Frame() { ::zmq_msg_move(&message_, &other.message_); }
  Frame& operator=(Frame&& other) noexcept {
    ::zmq_msg_move(&message_, &other.message_);
    return *this;
  }

  static Frame copy(std::string_view bytes);
  // Without a copy. `freed` is called when the last byte has left, on any thread.
  static Frame hold(std::string bytes, std::function<void()> freed);

  [[nodiscard]] std::string_view bytes() const noexcept;
  // Who sent it, as the ZAP handler named the sender; empty if nobody did.
  [[nodiscard]] std::string_view user_id() const noexcept;
  zmq_msg_t* raw() noexcept { return &message_; }

 private:
  mutable zmq_msg_t message_;
};

class Context {
 public:
  explicit Context(int io_threads = 1) noexcept;
  ~Context();  // waits for lingering messages of sockets that were closed
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  void* raw() noexcept { return context_; }

 private:
  void* context_;
};

class Socket {
 public:
  Socket() = default;
  ~Socket() { close(); }
  Socket(Socket&& other) noexcept : socket_(std::exchange(other.socket_, nullptr)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(socket_, other.socket_);
    return *this;
  }

  // Errors: io when the process has no descriptors left.
  static Result<Socket> make(Context& context, int type);

  // The options that we use are valid by construction; anything else is a bug and aborts.
  void set(int option, int value) noexcept;
  void set(int option, std::string_view value) noexcept;
  // For an option that this libzmq may not have.
  void try_set(int option, int value) noexcept;
  void set_large(int option, std::int64_t value) noexcept;

  // 0 or what errno says.
  int bind(const std::string& address) noexcept;
  int connect(const std::string& address) noexcept;

  // A socket that has a message for each time that a connection of this one breaks which had stood.
  // Of the same thread; closed after this one. Errors: as make().
  Result<Socket> monitor_breaks(Context& context) noexcept;

  enum class Sent { yes, full, gone };
  // On yes the frame is empty afterwards, else as before.
  Sent send(Frame& frame, bool more) noexcept;

  enum class Received { message, nothing, oversized };
  // One whole message, or nothing. One with more than `frames_max` frames is taken and thrown away.
  Received receive(std::vector<Frame>& frames, std::size_t frames_max);

  void close() noexcept;
  [[nodiscard]] bool is_open() const noexcept { return socket_ != nullptr; }
  [[nodiscard]] void* raw() const noexcept { return socket_; }

 private:
  void* socket_ = nullptr;
};

}  // namespace troupe::transport
