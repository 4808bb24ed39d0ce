// The two kinds of sockets of a link, with every option that makes them safe.
//
// No ZMTP heartbeats: libzmq up to 4.3.5 aborts a connecting process that uses them under back
// pressure, and cuts healthy peers; ours go through the same path as the work (liveness.hpp).
#pragma once

#include <string>

#include "transport/keys.hpp"
#include "transport/link.hpp"
#include "transport/socket.hpp"

namespace troupe::transport {

// A bound ROUTER for one lane; the ZAP handler already stands. Errors: io when the address is taken
// or not ours, config for a wildcard.
Result<Socket> listen_socket(Context& context, const KeyPair& keys, const std::string& host,
                             std::uint16_t port, Lane lane);

// A DEALER that tries to connect to `address` until it is closed.
Result<Socket> dial_socket(Context& context, const KeyPair& keys, const std::string& address,
                           const PublicKey& server_key, Lane lane);

}  // namespace troupe::transport
