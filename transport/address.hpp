// A host and a port as ZeroMQ wants them, checked first: a wildcard would listen to the whole
// world, and a host with odd characters would mean something else to ZeroMQ's parser.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.hpp"

namespace troupe::transport {

// For binding. Resolves names, so it may wait for DNS. Errors: config for a wildcard or port 0, io
// for a host that does not resolve.
Result<std::string> bind_address(const std::string& host, std::uint16_t port);

// For connecting; names are left to ZeroMQ, which resolves them on each attempt. Errors: config.
Result<std::string> connect_address(const std::string& host, std::uint16_t port);

// "host:port", for messages.
std::string host_and_port(const std::string& host, std::uint16_t port);

}  // namespace troupe::transport
