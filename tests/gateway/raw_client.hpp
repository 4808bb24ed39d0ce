// A client of HTTP for tests that says exactly the bytes it is told, right or wrong.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace troupe::tests {

struct Answered {
  unsigned status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  bool interim = false;  // a 100 Continue came before it
};

class RawClient {
 public:
  explicit RawClient(std::uint16_t port);
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  void send(std::string_view bytes);
  // Ends the half that sends.
  void finish();

  // The next response; of one to HEAD no body is read. Fails the test where none comes.
  Answered read(bool head = false);
  // Of a response whose length nobody knows: its head, then chunk by chunk (empty: the end), or all
  // that is left until the server closes.
  Answered read_head();
  std::string read_chunk();
  std::string read_rest();
  // Whether the server has closed, once it is quiet; waits for that.
  bool is_closed();

  Answered ask(std::string_view method, std::string_view target, std::string_view body = "",
               const std::vector<std::pair<std::string, std::string>>& headers = {});

 private:
  bool fill();  // false at the end

  int socket_;
  std::string buffer_;
  bool closed_ = false;
};

// A whole request as bytes.
std::string request(std::string_view method, std::string_view target, std::string_view body = "",
                    const std::vector<std::pair<std::string, std::string>>& headers = {});

}  // namespace troupe::tests
