#include "tests/transport/raw_peer.hpp"

#include "transport/address.hpp"
#include "transport/wire.hpp"

namespace troupe::transport::testing {

RawPeer::RawPeer(const Member& server, const std::string& routing_id) {
  open(server, nullptr, routing_id);
}

RawPeer::RawPeer(const Member& server, const KeyPair& keys, const std::string& routing_id) {
  open(server, &keys, routing_id);
}

void RawPeer::open(const Member& server, const KeyPair* keys, const std::string& routing_id) {
  const Endpoint& endpoint = *server.endpoint;
  for (const Lane lane : {Lane::urgent, Lane::ordinary}) {
    auto socket = Socket::make(context_, ZMQ_DEALER);
    REQUIRE(socket);
    socket->set(ZMQ_LINGER, 0);
    if (!routing_id.empty()) socket->set(ZMQ_ROUTING_ID, routing_id);
    if (keys != nullptr) {
      socket->set(ZMQ_CURVE_SERVERKEY, server.keys.public_key.z85);
      socket->set(ZMQ_CURVE_PUBLICKEY, keys->public_key.z85);
      socket->set(ZMQ_CURVE_SECRETKEY, keys->secret_z85);
    }
    const auto port = lane == Lane::urgent ? endpoint.urgent_port : endpoint.ordinary_port;
    REQUIRE(socket->connect("tcp://" + host_and_port(endpoint.host, port)) == 0);
    sockets_[static_cast<std::size_t>(lane)] = std::move(*socket);
  }
}

void RawPeer::send(Lane lane, const std::vector<std::string>& frames) {
  for (std::size_t i = 0; i < frames.size(); ++i) {
    Frame frame = Frame::copy(frames[i]);
    REQUIRE(sockets_[static_cast<std::size_t>(lane)].send(frame, i + 1 < frames.size()) ==
            Socket::Sent::yes);
  }
}

void RawPeer::send(Lane lane, const Message& message) {
  auto frames = encode(message);
  REQUIRE(frames);
  send(lane, std::vector<std::string>{frames->head});
}

Result<Message> RawPeer::receive(Lane lane) {
  Socket& socket = sockets_[static_cast<std::size_t>(lane)];
  std::vector<Frame> frames;
  const bool came =
      eventually([&] { return socket.receive(frames, 8) == Socket::Received::message; });
  if (!came) return Error{ErrorCode::unreachable, "nothing came", ""};
  std::vector<std::string_view> views;
  for (const Frame& frame : frames) views.push_back(frame.bytes());
  return decode(views);
}

std::string RawPeer::receive_frame(Lane lane) {
  Socket& socket = sockets_[static_cast<std::size_t>(lane)];
  std::vector<Frame> frames;
  REQUIRE(eventually([&] { return socket.receive(frames, 8) == Socket::Received::message; }));
  REQUIRE(frames.size() == 1);
  return std::string(frames[0].bytes());
}

bool RawPeer::has_heard(Lane lane) {
  std::vector<Frame> frames;
  return sockets_[static_cast<std::size_t>(lane)].receive(frames, 8) != Socket::Received::nothing;
}

void RawPeer::enter(const std::string& name, std::uint64_t epoch, std::uint64_t connection,
                    bool framing) {
  for (const Lane lane : {Lane::urgent, Lane::ordinary})
    send(lane, Hello{name, epoch, connection, false, framing});
  for (const Lane lane : {Lane::urgent, Lane::ordinary}) {
    auto answer = receive(lane);
    REQUIRE(answer);
    const auto* hello = std::get_if<Hello>(&*answer);
    REQUIRE(hello != nullptr);
    REQUIRE(hello->connection == connection);
  }
}

}  // namespace troupe::transport::testing
