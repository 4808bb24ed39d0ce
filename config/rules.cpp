#include "config/rules.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include "base/limits.hpp"
#include "base/location.hpp"
#include "config/api_key.hpp"

namespace troupe::config {
namespace {

bool is_wildcard(const std::string& host) {
  // inet_aton rather than inet_pton: the system also takes "0" and "0x0" for every interface.
  in_addr v4{};
  if (inet_aton(host.c_str(), &v4) != 0) return v4.s_addr == INADDR_ANY;
  in6_addr v6{};
  if (inet_pton(AF_INET6, host.c_str(), &v6) != 1) return host == "*";
  const std::uint8_t* bytes = v6.s6_addr;
  const bool mapped = IN6_IS_ADDR_V4MAPPED(&v6);
  return std::all_of(bytes + (mapped ? 12 : 0), bytes + 16, [](auto byte) { return byte == 0; });
}

}  // namespace

bool letter_or_digit(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

Complaint name_complaint(const std::string& text) {
  const auto part_of_name = [](char c) {
    return letter_or_digit(c) || c == '-' || c == '_' || c == '.';
  };
  if (!text.empty() && text.size() <= limits::name_bytes_max && letter_or_digit(text.front()) &&
      std::all_of(text.begin(), text.end(), part_of_name))
    return std::nullopt;
  return "must be letters, digits, '-', '_' and '.', start with a letter or digit, and have at "
         "most " +
         std::to_string(limits::name_bytes_max);
}

Complaint machine_complaint(const std::string& machine) {
  constexpr std::size_t machine_bytes_max = 253;
  const auto good = [](char c) {
    return letter_or_digit(c) || std::string_view("-_.:@").find(c) != std::string_view::npos;
  };
  if (machine.empty() || (machine.size() <= machine_bytes_max && letter_or_digit(machine.front()) &&
                          std::all_of(machine.begin(), machine.end(), good)))
    return std::nullopt;
  return "must be a machine's name, like gpu1 or user@gpu1.example";
}

Complaint host_complaint(const std::string& host) {
  constexpr std::size_t host_bytes_max = 253;
  if (is_wildcard(host))
    return "must be one address of this machine (a wildcard would open every network to the node)";
  const auto part_of_host = [](char c) {
    return letter_or_digit(c) || c == '.' || c == '-' || c == '_' || c == ':' || c == '%';
  };
  if (host.empty() || host.size() > host_bytes_max ||
      !std::all_of(host.begin(), host.end(), part_of_host))
    return "must be a host name or an address, without brackets, scheme or port";
  return std::nullopt;
}

Complaint device_complaint(const std::string& device) {
  constexpr std::string_view cuda = "cuda:";
  if (device == "cpu" || device == "auto") return std::nullopt;
  if (device.starts_with(cuda)) {
    const auto number = std::string_view(device).substr(cuda.size());
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    if (!number.empty() && number.size() <= 3 && std::all_of(number.begin(), number.end(), digit))
      return std::nullopt;
  }
  return R"(must name devices as "cpu", "auto" or "cuda:N")";
}

std::optional<ListenAddress> parse_listen(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) return std::nullopt;
  ListenAddress address;
  const char* const end = text.data() + text.size();
  const auto [stop, failed] = std::from_chars(text.data() + colon + 1, end, address.port);
  if (failed != std::errc() || stop != end || address.port == 0) return std::nullopt;
  address.host = text.substr(0, colon);
  if (address.host.front() == '[' && address.host.back() == ']')
    address.host = address.host.substr(1, address.host.size() - 2);
  else if (address.host.find(':') != std::string::npos)
    return std::nullopt;  // where would the port begin?
  if (!is_wildcard(address.host) && host_complaint(address.host)) return std::nullopt;
  return address;
}

Complaint listen_complaint(const std::string& text) {
  if (text.empty() || parse_listen(text)) return std::nullopt;
  return R"(must be an address and a port, as in "127.0.0.1:8080")";
}

Complaint node_listen_complaint(const std::string& text) {
  if (text == "off" || !listen_complaint(text)) return std::nullopt;
  return R"(must be an address and a port, as in "127.0.0.1:8080", or "off")";
}

std::optional<ListenAddress> parse_collector(const std::string& text) {
  constexpr std::string_view scheme = "http://";
  if (!text.starts_with(scheme)) return std::nullopt;
  auto address = parse_listen(text.substr(scheme.size()));
  if (address && (is_wildcard(address->host) || address->port == 0)) address.reset();
  return address;
}

Complaint collector_complaint(const std::string& text) {
  if (text.empty() || parse_collector(text)) return std::nullopt;
  return R"(must be where a collector takes OTLP over HTTP, as in "http://127.0.0.1:4318")";
}

Complaint location_complaint(const std::string& location) {
  if (location.empty() || parse_location(location)) return std::nullopt;
  return R"(must be a latitude and a longitude in degrees, as in "52.52,13.40")";
}

Complaint api_key_complaint(const std::string& line) {
  if (parse_api_key(line)) return std::nullopt;
  return R"(must have lines as `troupe keys api TENANT` prints them, "TENANT sha256:HASH")";
}

bool is_loopback(const std::string& host) {
  const std::string plain = plain_host(host);
  return plain.starts_with("127.") || plain == "::1";
}

Complaint folder_complaint(const std::string& folder) {
  if (folder.empty()) return "must name a folder";
  return std::nullopt;
}

Complaint file_complaint(const std::string& file) {
  if (file.empty()) return "must name files";
  return std::nullopt;
}

std::string plain_host(const std::string& host) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  in_addr v4{};
  if (host == "localhost" || inet_aton(host.c_str(), &v4) != 0) {
    if (host == "localhost") v4.s_addr = htonl(INADDR_LOOPBACK);
    return inet_ntop(AF_INET, &v4, text.data(), text.size());
  }
  in6_addr v6{};
  if (inet_pton(AF_INET6, host.c_str(), &v6) == 1)
    return inet_ntop(AF_INET6, &v6, text.data(), text.size());
  std::string lower = host;
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

}  // namespace troupe::config
