#include "transport/sockets.hpp"

#include <cerrno>

#include "base/limits.hpp"
#include "transport/address.hpp"
#include "transport/zap.hpp"

namespace troupe::transport {
namespace {

// What ZeroMQ may hold itself, in messages. The urgent lane never backs up for long; of the
// ordinary one we want the backlog in our own queue, where it is bounded in bytes.
constexpr int urgent_messages_held_max = 4096;
constexpr int ordinary_messages_held_max = 256;
constexpr int handshake_ms_max = 3000;
constexpr int reconnect_ms_min = 50;
constexpr int reconnect_ms_max = 1000;
constexpr int keepalive_idle_s = 30;
constexpr int keepalive_interval_s = 10;
constexpr int keepalive_probes = 3;
constexpr int backlog = 512;
// ZMQ_ZAP_ENFORCE_DOMAIN: "without a ZAP handler, nobody". Stable libraries have it, only their
// header hides the name. A second bolt: our handler stands before the door is opened.
constexpr int zap_enforce_domain = 93;

void set_common(Socket& socket, Lane lane) {
  const int held = lane == Lane::urgent ? urgent_messages_held_max : ordinary_messages_held_max;
  socket.set(ZMQ_SNDHWM, held);
  socket.set(ZMQ_RCVHWM, held);
  socket.set(ZMQ_LINGER, 0);
  // Each lane has a thread of ZeroMQ's to itself: encryption of the one does not hold up the other.
  socket.set_large(ZMQ_AFFINITY, std::int64_t{1} << static_cast<int>(lane));
  socket.set(ZMQ_IPV6, 1);
  socket.set(ZMQ_HANDSHAKE_IVL, handshake_ms_max);
  socket.set(ZMQ_TCP_KEEPALIVE, 1);
  socket.set(ZMQ_TCP_KEEPALIVE_IDLE, keepalive_idle_s);
  socket.set(ZMQ_TCP_KEEPALIVE_INTVL, keepalive_interval_s);
  socket.set(ZMQ_TCP_KEEPALIVE_CNT, keepalive_probes);
  socket.set_large(ZMQ_MAXMSGSIZE, static_cast<std::int64_t>(limits::frame_bytes_max));
}

Error bind_error(int failed, const std::string& host, std::uint16_t port) {
  const std::string where = host_and_port(host, port);
  if (failed == EADDRINUSE)
    return {ErrorCode::io, where + " is in use",
            "choose another port, or stop the process that has it (ss -ltnp)"};
  if (failed == EADDRNOTAVAIL || failed == ENODEV)
    return {ErrorCode::io, where + " is not an address of this machine",
            "give the address of one of its interfaces (ip addr)"};
  if (failed == EACCES)
    return {ErrorCode::io, where + " may not be bound by this user", "choose a port over 1023"};
  return {ErrorCode::io, "cannot listen on " + where + ": " + ::zmq_strerror(failed), ""};
}

}  // namespace

Result<Socket> listen_socket(Context& context, const KeyPair& keys, const std::string& host,
                             std::uint16_t port, Lane lane) {
  auto address = bind_address(host, port);
  if (!address) return address.error();
  auto socket = Socket::make(context, ZMQ_ROUTER);
  if (!socket) return socket.error();
  set_common(*socket, lane);
  socket->set(ZMQ_ROUTER_MANDATORY, 1);
  socket->set(ZMQ_BACKLOG, backlog);
  socket->set(ZMQ_CURVE_SERVER, 1);
  socket->set(ZMQ_CURVE_SECRETKEY, keys.secret_z85);
  socket->set(ZMQ_ZAP_DOMAIN, zap_domain);
  socket->try_set(zap_enforce_domain, 1);
  if (const int failed = socket->bind(*address); failed != 0) return bind_error(failed, host, port);
  return socket;
}

Result<Socket> dial_socket(Context& context, const KeyPair& keys, const std::string& address,
                           const PublicKey& server_key, Lane lane) {
  auto socket = Socket::make(context, ZMQ_DEALER);
  if (!socket) return socket.error();
  set_common(*socket, lane);
  // Queued from the first moment (IMMEDIATE stays 0): what would be lost is in our hands anyway.
  socket->set(ZMQ_RECONNECT_IVL, reconnect_ms_min);
  socket->set(ZMQ_RECONNECT_IVL_MAX, reconnect_ms_max);
  socket->set(ZMQ_CONNECT_TIMEOUT, handshake_ms_max);
  socket->set(ZMQ_CURVE_SERVERKEY, server_key.z85);
  socket->set(ZMQ_CURVE_PUBLICKEY, keys.public_key.z85);
  socket->set(ZMQ_CURVE_SECRETKEY, keys.secret_z85);
  if (const int failed = socket->connect(address); failed != 0)
    return Error{ErrorCode::io, "cannot connect to " + address + ": " + ::zmq_strerror(failed), ""};
  return socket;
}

}  // namespace troupe::transport
