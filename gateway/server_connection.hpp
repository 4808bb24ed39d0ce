// One connection of the HTTP server, and what connections share. Internal to gateway/server.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <thread>
#include <unordered_set>

#include "gateway/server.hpp"

namespace troupe::gateway {

class Connection;
class Tls;

// What all loops share.
struct Shared {
  ServerOptions options;
  Log& log;
  std::shared_ptr<Tls> tls = nullptr;  // none: connections are plain
  Handler* handler = nullptr;          // from serve() on
  std::atomic<std::uint64_t> connections{0};
  std::atomic<std::uint64_t> refused{0};
  std::atomic<std::uint64_t> handshakes_failed{0};
  std::atomic<std::uint64_t> bodies_bytes{0};

  // Room for a body; false when all bodies together would be over their limit.
  bool reserve(std::uint64_t bytes) {
    if (bodies_bytes.fetch_add(bytes) + bytes <= options.bodies_bytes_max) return true;
    bodies_bytes.fetch_sub(bytes);
    return false;
  }
};

struct Loop {
  std::size_t number = 0;
  boost::asio::io_context context{1};
  boost::asio::steady_timer sweeper{context};
  boost::asio::steady_timer ender{context};
  std::unordered_set<Connection*> connections;  // this and what follows: of the loop's thread
  bool ending = false;                          // no request is waited for any more
  std::thread thread;
};

// It lives as long as an operation on its socket or the request's exchange holds it. Everything on
// its loop's thread.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  virtual ~Connection() = default;

  virtual void start() = 0;
  // Gives up whatever should have happened by now.
  virtual void sweep(Instant at) = 0;
  // The server ends: only who is owed an answer may stay, to have it.
  virtual void end() = 0;
  virtual void close() = 0;
};

// On loop 0's thread. It counts in `shared.connections` until it is gone; whoever calls has counted
// it.
std::shared_ptr<Connection> make_connection(boost::asio::ip::tcp::socket socket, Loop& loop,
                                            Shared& shared);

}  // namespace troupe::gateway
