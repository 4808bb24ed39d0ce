#include "bench/harness/socket.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace troupe::bench::harness {
namespace {

bool set_no_delay(const Socket& socket) {
  const int on = 1;
  return ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0;
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace

Socket::~Socket() {
  if (fd_ >= 0) ::close(fd_);
}

void Socket::shut() const noexcept {
  ::shutdown(fd_, SHUT_RDWR);
}

Error system_error(const std::string& what) {
  return {ErrorCode::io, what + ": " + std::strerror(errno), ""};
}

Result<Socket> connect_to(std::uint16_t port) {
  Socket socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in address = loopback(port);
  if (socket.get() < 0 || !set_no_delay(socket) ||
      ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return system_error("cannot connect to port " + std::to_string(port));
  return socket;
}

Result<std::pair<Socket, Socket>> connected_pair() {
  const Socket listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  if (listening.get() < 0 || ::bind(listening.get(), any, size) != 0 ||
      ::listen(listening.get(), 1) != 0 || ::getsockname(listening.get(), any, &size) != 0)
    return system_error("cannot listen on the loopback interface");
  auto near = connect_to(ntohs(address.sin_port));
  if (!near) return near.error();
  Socket far(::accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (far.get() < 0 || !set_no_delay(far))
    return system_error("cannot accept over the loopback interface");
  return std::pair(std::move(*near), std::move(far));
}

}  // namespace troupe::bench::harness
