#include "transport/zap.hpp"

#include <array>
#include <string>
#include <vector>

namespace troupe::transport {
namespace {

constexpr const char* zap_address = "inproc://zeromq.zap.01";
constexpr std::size_t curve_key_bytes = 32;

// A request's frames, in order.
enum Field : std::size_t { version, request_id, domain, address, identity, mechanism, key, fields };

const AllowedKey* admit(const std::vector<Frame>& request, const AllowList& allowed) {
  if (request[domain].bytes() != zap_domain || request[mechanism].bytes() != "CURVE" ||
      request[key].bytes().size() != curve_key_bytes)
    return nullptr;
  std::array<char, 41> z85{};
  ::zmq_z85_encode(z85.data(), reinterpret_cast<const std::uint8_t*>(request[key].bytes().data()),
                   curve_key_bytes);
  return allowed.find(z85.data());
}

}  // namespace

Result<Zap> Zap::make(Context& context) {
  auto socket = Socket::make(context, ZMQ_REP);
  if (!socket) return socket.error();
  socket->set(ZMQ_LINGER, 0);
  Zap zap;
  zap.socket_ = std::move(*socket);
  if (const int failed = zap.socket_.bind(zap_address); failed != 0)
    return Error{ErrorCode::io,
                 std::string("cannot answer ZeroMQ handshakes: ") + ::zmq_strerror(failed), ""};
  return zap;
}

std::uint64_t Zap::serve(const AllowList& allowed) {
  std::uint64_t refused = 0;
  std::vector<Frame> request;
  for (int turn = 0; turn < handshakes_per_turn_max; ++turn) {
    const auto received = socket_.receive(request, fields);
    if (received == Socket::Received::nothing) break;
    const bool well_formed = received == Socket::Received::message && request.size() == fields;
    const AllowedKey* const who = well_formed ? admit(request, allowed) : nullptr;
    if (who == nullptr) ++refused;

    std::array<Frame, 6> reply = {
        Frame::copy("1.0"),
        Frame::copy(request.size() > request_id ? request[request_id].bytes() : ""),
        Frame::copy(who != nullptr ? "200" : "400"),
        Frame::copy(who != nullptr ? "OK" : "this key is not on the allow-list"),
        Frame::copy(who != nullptr ? who->key.z85 : ""),
        Frame::copy("")};
    for (std::size_t i = 0; i < reply.size(); ++i) socket_.send(reply[i], i + 1 < reply.size());
  }
  return refused;
}

}  // namespace troupe::transport
