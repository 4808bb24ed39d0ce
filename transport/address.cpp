#include "transport/address.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>

#include <array>
#include <cstring>
#include <memory>
#include <string_view>

namespace troupe::transport {
namespace {

constexpr std::size_t host_chars_max = 253;  // of a DNS name

bool is_v6(std::string_view host) {
  return host.find(':') != std::string_view::npos;
}

std::string tcp(const std::string& host, std::uint16_t port) {
  return "tcp://" + host_and_port(host, port);
}

Status check(const std::string& host, std::uint16_t port) {
  constexpr std::string_view allowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:";
  if (host.empty() || host.size() > host_chars_max ||
      host.find_first_not_of(allowed) != std::string::npos)
    return Error{ErrorCode::config, "'" + host.substr(0, host_chars_max) + "' is not a host",
                 "give one name or address; to listen, that of one interface and no wildcard"};
  if (port == 0)
    return Error{ErrorCode::config, "the port of " + host + " is 0", "choose one from 1 to 65535"};
  return {};
}

bool is_any(const sockaddr* address) {
  if (address->sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, address, sizeof v4);
    return v4.sin_addr.s_addr == htonl(INADDR_ANY);
  }
  sockaddr_in6 v6{};
  std::memcpy(&v6, address, sizeof v6);
  const auto* const bytes = v6.sin6_addr.s6_addr;
  // "::" and the wildcard of IPv4 in the clothes of IPv6, "::ffff:0.0.0.0".
  constexpr std::array<std::uint8_t, 16> any{};
  constexpr std::array<std::uint8_t, 16> any_v4{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return std::memcmp(bytes, any.data(), any.size()) == 0 ||
         std::memcmp(bytes, any_v4.data(), any_v4.size()) == 0;
}

}  // namespace

std::string host_and_port(const std::string& host, std::uint16_t port) {
  return (is_v6(host) ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<std::string> bind_address(const std::string& host, std::uint16_t port) {
  if (auto valid = check(host, port); !valid) return valid.error();
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int failed = ::getaddrinfo(host.c_str(), nullptr, &hints, &found); failed != 0)
    return Error{ErrorCode::io, "cannot resolve '" + host + "': " + ::gai_strerror(failed),
                 "give the address of one of this machine's interfaces"};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, ::freeaddrinfo);
  if (is_any(addresses->ai_addr))
    return Error{ErrorCode::config, "'" + host + "' would listen on every interface",
                 "give the address of one interface, like 127.0.0.1"};
  std::array<char, NI_MAXHOST> numeric{};
  if (const int failed =
          ::getnameinfo(addresses->ai_addr, addresses->ai_addrlen, numeric.data(),
                        static_cast<socklen_t>(numeric.size()), nullptr, 0, NI_NUMERICHOST);
      failed != 0)
    return Error{ErrorCode::io, "cannot resolve '" + host + "': " + ::gai_strerror(failed), ""};
  return tcp(numeric.data(), port);
}

Result<std::string> connect_address(const std::string& host, std::uint16_t port) {
  if (auto valid = check(host, port); !valid) return valid.error();
  return tcp(host, port);
}

}  // namespace troupe::transport
