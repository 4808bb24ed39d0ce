#include "gateway/message.hpp"

#include "gateway/status.hpp"

namespace troupe::gateway {

std::string response_head(const Response& response, unsigned version, bool keep_alive) {
  std::string head = version >= 11 ? "HTTP/1.1 " : "HTTP/1.0 ";
  ((head += std::to_string(response.status)) += ' ') += reason_phrase(response.status);
  const auto field = [&head](std::string_view name, std::string_view value) {
    (((head += "\r\n") += name) += ": ") += value;
  };
  field("Content-Type", response.content_type);
  field("Content-Length", std::to_string(response.body.size()));
  for (const auto& [name, value] : response.headers) field(name, value);
  if (!keep_alive)
    field("Connection", "close");
  else if (version < 11)
    field("Connection", "keep-alive");
  return head += "\r\n\r\n";
}

}  // namespace troupe::gateway
