// The door: answers libzmq's question, for each CURVE handshake, whether that key may come in.
//
// It speaks ZAP 1.0 (ZeroMQ RFC 27) on the context's own inproc address and must stand there before
// a server socket is bound, or libzmq would let everybody in. Admitted keys become the User-Id of
// every message, which is how the rest of the link knows who speaks.
//
// Belongs to the thread that owns the sockets; serve() is called when its socket is readable.
#pragma once

#include <cstdint>
#include <string_view>

#include "transport/allow_list.hpp"
#include "transport/socket.hpp"

namespace troupe::transport {

// The domain that our server sockets name.
inline constexpr std::string_view zap_domain = "troupe";

class Zap {
 public:
  // Binds. Errors: io.
  static Result<Zap> make(Context& context);

  // Answers what has been asked, at most `handshakes_per_turn_max` of them. Returns how many were
  // refused.
  std::uint64_t serve(const AllowList& allowed);

  [[nodiscard]] Socket& socket() noexcept { return socket_; }

 private:
  static constexpr int handshakes_per_turn_max = 32;
  Socket socket_;
};

}  // namespace troupe::transport
