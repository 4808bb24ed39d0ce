// An HTTP request and its response as values: what the routes and the forms of the protocols are
// written in, so that none of them knows the library that reads and writes HTTP (gateway/server).
#pragma once

#include <string>
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
};

struct Response {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;  // further ones
};

// The response's first lines, up to the body, for HTTP/1.0 (`version` 10) or 1.1 (11).
std::string response_head(const Response& response, unsigned version, bool keep_alive);

}  // namespace troupe::gateway
