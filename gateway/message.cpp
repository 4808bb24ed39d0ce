#include "gateway/message.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "gateway/status.hpp"

namespace troupe::gateway {
namespace {

void add_field(std::string& head, std::string_view name, std::string_view value) {
  (((head += "\r\n") += name) += ": ") += value;
}

std::string begin_head(const Response& response, unsigned version) {
  std::string head = version >= 11 ? "HTTP/1.1 " : "HTTP/1.0 ";
  ((head += std::to_string(response.status)) += ' ') += reason_phrase(response.status);
  add_field(head, "Content-Type", response.content_type);
  for (const auto& [name, value] : response.headers) add_field(head, name, value);
  return head;
}

}  // namespace

bool prefers(std::string_view header, std::string_view preference) noexcept {
  const auto low = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  while (!header.empty()) {
    const auto end = std::min(header.find(','), header.size());
    std::string_view one = header.substr(0, std::min(end, header.find_first_of(";,")));
    while (!one.empty() && one.front() == ' ') one.remove_prefix(1);
    while (!one.empty() && one.back() == ' ') one.remove_suffix(1);
    if (std::equal(one.begin(), one.end(), preference.begin(), preference.end(),
                   [&](char a, char b) { return low(a) == b; }))
      return true;
    header.remove_prefix(std::min(end + 1, header.size()));
  }
  return false;
}

std::string response_head(const Response& response, unsigned version, bool keep_alive) {
  std::string head = begin_head(response, version);
  add_field(head, "Content-Length", std::to_string(response.body.size()));
  if (!keep_alive)
    add_field(head, "Connection", "close");
  else if (version < 11)
    add_field(head, "Connection", "keep-alive");
  return head += "\r\n\r\n";
}

std::string stream_head(const Response& response, unsigned version) {
  std::string head = begin_head(response, version);
  if (version >= 11) add_field(head, "Transfer-Encoding", "chunked");
  add_field(head, "Connection", "close");
  return head += "\r\n\r\n";
}

std::string stream_piece(std::string_view piece, unsigned version) {
  if (version < 11) return std::string(piece);
  std::array<char, 16> length{};
  const auto end =
      std::to_chars(length.data(), length.data() + length.size(), piece.size(), 16).ptr;
  std::string chunk(length.data(), end);
  return ((chunk += "\r\n") += piece) += "\r\n";
}

}  // namespace troupe::gateway
