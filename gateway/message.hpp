// An HTTP request and its response as values: what the routes and the forms of the protocols are
// written in, so that none of them knows the library that reads and writes HTTP (gateway/server).
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace troupe::gateway {

// Of the header fields, those that anything here reads; empty where the request has none.
struct Request {
  std::string method;  // "GET"
  std::string target;  // "/v2/models/minilm/infer?x=1"
  std::string body;
  std::string content_type;
  std::string authorization;
  std::string json_bytes;  // Inference-Header-Content-Length
  std::string traceparent;
  std::string prefer;    // RFC 7240
  bool by_grpc = false;  // it came as a call (gateway/grpc)
};

struct Response {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  // further ones
};

// Whether a Prefer header (RFC 7240) names `preference`.
bool prefers(std::string_view header, std::string_view preference) noexcept;

// The response's first lines, up to the body, for HTTP/1.0 (`version` 10) or 1.1 (11).
std::string response_head(const Response& response, unsigned version, bool keep_alive);

// The same for a body whose length nobody knows yet: chunks in 1.1, all until the connection ends
// in 1.0. `response.body` is not counted.
std::string stream_head(const Response& response, unsigned version);
// A piece of such a body, as it goes out; the empty one, only in 1.1, is its end.
std::string stream_piece(std::string_view piece, unsigned version);

}  // namespace troupe::gateway
