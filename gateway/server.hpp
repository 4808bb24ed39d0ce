// The HTTP server: connections in, requests to a handler, its responses out. It knows HTTP and no
// protocol above it. Boost.Asio moves the bytes, in server*; Boost.Beast reads the requests, in
// server_connection.cpp; neither is seen anywhere else.
//
// With a certificate it speaks TLS (1.2 and later), and no plain HTTP. The two files are looked at
// now and then; when they were replaced, new connections get the new certificate. One that cannot
// be used is logged, and the former stays.
//
// A few threads, each with its own event loop; a connection belongs to one loop for its life, so
// nothing of it is locked. Keep-alive and pipelining (one request of a connection at a time);
// HTTP/1.0 and 1.1.
//
// Limits, all of them in ServerOptions: connections, bytes of a header and of a body, bytes of all
// bodies that are held at one time, and the time for each step. A request that breaks one is
// answered by Handler::problem() and its connection ends; a silent or a stuck one just ends.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/log.hpp"
#include "base/result.hpp"
#include "base/time.hpp"
#include "gateway/message.hpp"

namespace troupe::gateway {

struct ServerOptions {
  std::string host = "127.0.0.1";  // empty: it listens nowhere, and only runs what is posted
  std::uint16_t port = 0;          // 0: one that is free
  std::string tls_certificate;     // a file: PEM, its chain behind it; empty: plain HTTP
  std::string tls_key;             // a file: PEM, not for everybody to read
  std::uint32_t threads = 1;
  std::uint32_t connections_max = 4096;
  std::uint64_t header_bytes_max = 16 * 1024;
  std::uint64_t body_bytes_max = std::uint64_t{8} << 20;
  std::uint64_t bodies_bytes_max = std::uint64_t{256} << 20;  // of all connections together
  Duration idle_timeout = std::chrono::seconds(75);           // between two requests
  Duration request_timeout = std::chrono::seconds(30);  // from its first byte to its last; also the
                                                        // limit of a TLS handshake
  Duration write_timeout = std::chrono::seconds(30);    // until the client has the response
};

// One request's way back. Used on its loop's thread only.
class Exchange {
 public:
  Exchange() = default;
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  virtual ~Exchange() = default;

  // Once. Ignored when the connection is gone.
  virtual void answer(Response&& response) = 0;

  // Called if the client closes before the answer, its sending half included, or before
  // finish_stream(); never after it. A stream's client is also gone when it has not read a piece
  // within the write timeout.
  virtual void when_gone(std::function<void()> call) = 0;

  // In place of answer(): the response goes out now, with its body as the first of many pieces,
  // until finish_stream(), which ends the connection. To a request for the head only, the head is
  // all.
  virtual void begin_stream(Response&& head) = 0;
  // False, and the piece is dropped, while the one before it is on its way still, or after the end:
  // so a client that reads slowly misses some, and holds one piece at most.
  virtual bool send(std::string_view piece) = 0;
  virtual void finish_stream() = 0;
};

class Handler {
 public:
  Handler() = default;
  Handler(const Handler&) = delete;
  Handler& operator=(const Handler&) = delete;
  virtual ~Handler() = default;

  // On the thread of loop number `loop`; must not block. The exchange may be kept and answered
  // later, on the same thread (Server::post).
  virtual void handle(std::size_t loop, Request&& request, std::shared_ptr<Exchange> exchange) = 0;

  // The answer to a request that HTTP itself forbids, in the form of the protocol that `target`
  // belongs to; empty if not even that was read. On any loop's thread.
  virtual Response problem(std::string_view target, unsigned status, const Error& why) = 0;
};

struct ServerCounters {
  std::uint64_t connections = 0;          // open now
  std::uint64_t connections_refused = 0;  // over the limit
  std::uint64_t handshakes_failed = 0;    // of TLS
  std::uint64_t bodies_bytes = 0;         // held now
};

class Server {
 public:
  // Binds the address; nobody is served yet. `log` outlives it. Errors: io (the address is not this
  // machine's, the port is in use, a file cannot be read), config (an address that is none, a
  // certificate or a key that is none or not for the other).
  static Result<std::unique_ptr<Server>> open(const ServerOptions& options, Log& log);

  // Starts the threads. `handler` outlives stop(). Once.
  void serve(Handler& handler);

  // Takes no connection any more, waits at most `limit` for the answers that are owed, closes every
  // connection and ends the threads. Idempotent; the destructor calls it and waits for nothing.
  void stop(Duration limit = {});
  ~Server();

  [[nodiscard]] std::uint16_t port() const noexcept;
  [[nodiscard]] ServerCounters counters() const noexcept;

  // Runs `work` on a loop's thread. Thread-safe; after stop() it is dropped.
  void post(std::size_t loop, std::function<void()> work);
  // The same after a while. On that loop's thread.
  void post_after(std::size_t loop, Duration delay, std::function<void()> work);

 private:
  struct State;
  explicit Server(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace troupe::gateway
