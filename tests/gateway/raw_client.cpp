#include "tests/gateway/raw_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "tests/catch.hpp"

namespace troupe::tests {

RawClient::RawClient(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
  const timeval give_up{20, 0};  // of a broken test
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &give_up, sizeof(give_up));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
}

RawClient::~RawClient() {
  ::close(socket_);
}

void RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;  // the server has closed; what it said before that counts
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

void RawClient::finish() {
  ::shutdown(socket_, SHUT_WR);
}

bool RawClient::fill() {
  std::array<char, 16384> block{};
  const auto got = ::recv(socket_, block.data(), block.size(), 0);
  closed_ = got == 0 || (got < 0 && errno == ECONNRESET);
  if (got <= 0) return false;
  buffer_.append(block.data(), static_cast<std::size_t>(got));
  return true;
}

Answered RawClient::read(bool head) {
  Answered answered = read_head();
  if (answered.status == 100) {
    answered = read(head);
    answered.interim = true;
    return answered;
  }
  const std::size_t length = head ? 0 : std::stoul(answered.headers.at("content-length"));
  while (buffer_.size() < length) REQUIRE(fill());
  answered.body = buffer_.substr(0, length);
  buffer_.erase(0, length);
  return answered;
}

std::string RawClient::read_chunk() {
  std::size_t end = 0;
  while ((end = buffer_.find("\r\n")) == std::string::npos) REQUIRE(fill());
  const std::size_t length = std::stoul(buffer_.substr(0, end), nullptr, 16);
  while (buffer_.size() < end + length + 4) REQUIRE(fill());
  REQUIRE(buffer_.substr(end + 2 + length, 2) == "\r\n");
  std::string chunk = buffer_.substr(end + 2, length);
  buffer_.erase(0, end + length + 4);
  return chunk;
}

std::string RawClient::read_rest() {
  while (fill()) continue;
  return std::exchange(buffer_, {});
}

Answered RawClient::read_head() {
  std::size_t end = 0;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    INFO("received: " << buffer_);
    REQUIRE(fill());
  }
  Answered answered;
  const std::string top = buffer_.substr(0, end + 2);
  buffer_.erase(0, end + 4);
  REQUIRE(top.size() > 12);
  answered.status = static_cast<unsigned>(std::stoul(top.substr(9, 3)));
  for (std::size_t at = top.find("\r\n") + 2; at < top.size();) {
    const auto line = top.substr(at, top.find("\r\n", at) - at);
    at += line.size() + 2;
    const auto colon = line.find(": ");
    std::string name = line.substr(0, colon);
    for (char& c : name)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    answered.headers[name] = line.substr(colon + 2);
  }
  return answered;
}

bool RawClient::is_closed() {
  while (fill()) continue;
  return closed_;
}

Answered RawClient::ask(std::string_view method, std::string_view target, std::string_view body,
                        const std::vector<std::pair<std::string, std::string>>& headers) {
  send(request(method, target, body, headers));
  return read(method == "HEAD");
}

std::string request(std::string_view method, std::string_view target, std::string_view body,
                    const std::vector<std::pair<std::string, std::string>>& headers) {
  std::string text;
  ((text += method) += ' ') += target;
  text += " HTTP/1.1\r\nHost: test\r\n";
  for (const auto& [name, value] : headers) text += name + ": " + value + "\r\n";
  if (!body.empty() || method == "POST")
    text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  text += "\r\n";
  return text += body;
}

}  // namespace troupe::tests
