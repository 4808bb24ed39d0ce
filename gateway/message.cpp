#include "gateway/message.hpp"

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
