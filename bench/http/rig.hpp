// What the HTTP scenarios measure: a real node whose device is done at once, its HTTP door, and the
// C++ client beside it, all in this process and over the loopback interface.
#pragma once

#include <memory>
#include <string>

#include "base/log.hpp"
#include "bench/http/load.hpp"
#include "bench/http/tiny_model.hpp"
#include "bench/scenarios/real.hpp"
#include "gateway/front_door.hpp"

namespace troupe::bench::http {

class Rig {
 public:
  // Errors: io, and those of starting a node.
  static Result<std::unique_ptr<Rig>> start();
  ~Rig();

  [[nodiscard]] std::uint16_t port() const noexcept { return door_->port(); }
  [[nodiscard]] Client& client() noexcept { return node_->client(); }

  // The same task for both: one short text to encode.
  static TaskRequest task();
  static std::string request();

 private:
  explicit Rig(TinyModel model) : model_(std::move(model)) {}

  TinyModel model_;
  NullLog log_;
  std::unique_ptr<scenarios::RealNode> node_;
  std::unique_ptr<gateway::FrontDoor> door_;
};

// Our server without a node behind it: every request is answered with the same bytes.
class CannedServer {
 public:
  // Errors: io.
  static Result<std::unique_ptr<CannedServer>> start(std::string body);
  ~CannedServer();

  [[nodiscard]] std::uint16_t port() const noexcept { return server_->port(); }

 private:
  class Handler;
  CannedServer() = default;

  NullLog log_;
  std::unique_ptr<Handler> handler_;
  std::unique_ptr<gateway::Server> server_;
};

// A load of `connections` for as long as the options want.
Load load_of(std::uint16_t port, std::uint32_t connections, const harness::RunOptions& options);

}  // namespace troupe::bench::http
