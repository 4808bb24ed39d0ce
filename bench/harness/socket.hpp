// A TCP socket of the loopback interface that closes itself: what rivals and loads are made of.
// Errors: io, as the system says it.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "base/result.hpp"

namespace troupe::bench::harness {

class Socket {
 public:
  Socket() = default;
  // Takes it over; one below zero is none.
  explicit Socket(int fd) noexcept : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Socket();

  [[nodiscard]] int get() const noexcept { return fd_; }
  // Both ways, at once; whoever waits for it hears the end.
  void shut() const noexcept;

 private:
  int fd_ = -1;
};

// "cannot connect: Connection refused", by errno.
Error system_error(const std::string& what);

// Blocking, small messages sent at once.
Result<Socket> connect_to(std::uint16_t port);
Result<std::pair<Socket, Socket>> connected_pair();

}  // namespace troupe::bench::harness
