// A peer that speaks ZeroMQ but need not follow our rules: for playing the hostile, the broken and
// the outdated.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "tests/transport/link_fixture.hpp"
#include "transport/socket.hpp"

namespace troupe::transport::testing {

class RawPeer {
 public:
  // With keys: a CURVE client of the server. Without: plain, unencrypted.
  explicit RawPeer(const Member& server, const std::string& routing_id = "");
  RawPeer(const Member& server, const KeyPair& keys, const std::string& routing_id = "");

  void send(Lane lane, const std::vector<std::string>& frames);
  void send(Lane lane, const Message& message);
  // Waits for the next message; none when the patience ended.
  Result<Message> receive(Lane lane);
  // The same for one of a single frame, as it came; REQUIREs that it comes.
  std::string receive_frame(Lane lane);
  // Whether something has come, without waiting.
  bool has_heard(Lane lane);

  // The whole handshake; REQUIREs the answers.
  void enter(const std::string& name, std::uint64_t epoch, std::uint64_t connection,
             bool framing = false);

 private:
  void open(const Member& server, const KeyPair* keys, const std::string& routing_id);

  Context context_;
  std::array<Socket, lane_count> sockets_;
};

}  // namespace troupe::transport::testing
