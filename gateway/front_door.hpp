// The node's door for programs that speak HTTP: the Open Inference Protocol (KServe V2), OpenAI's
// embeddings, Prometheus' metrics. docs/http.md is the page for whoever uses it.
//
// open() binds the address and answers from then on. A request becomes tasks of the node, in the
// name of the tenant to whom its key belongs.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "actors/node.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "gateway/api_keys.hpp"
#include "gateway/event_streams.hpp"
#include "gateway/http_stats.hpp"
#include "gateway/jobs.hpp"
#include "gateway/server.hpp"

namespace troupe::gateway {

class Desk;

struct FrontDoorOptions {
  ServerOptions server;
  ApiKeys keys;                // none: everybody may ask
  std::string version;         // of the program, for GET /v2
  bool model_control = false;  // whoever may ask may load and unload models
  JobLimits jobs;
};

class FrontDoor final : public Handler {
 public:
  // `node` and `log` outlive it. Errors: those of Server::open().
  static Result<std::unique_ptr<FrontDoor>> open(FrontDoorOptions options, actors::Node& node,
                                                 Log& log);

  // From now on it is not ready and takes no new work, and who watches the node live is let go;
  // returns when the work under way has its answers, or after `limit`. Thread-safe.
  void drain(Duration limit);

  // Who may ask from now on, in place of the options' keys. Requests that have begun go on.
  // Thread-safe.
  void set_keys(ApiKeys keys);

  // Closes every connection and cancels what is still under way. Idempotent; the destructor calls
  // it.
  void stop();
  ~FrontDoor() override;

  [[nodiscard]] std::uint16_t port() const noexcept { return server_->port(); }

  void handle(std::size_t loop, Request&& request, std::shared_ptr<Exchange> exchange) override;
  Response problem(std::string_view target, unsigned status, const Error& why) override;

 private:
  friend class Desk;
  FrontDoor(FrontDoorOptions options, actors::Node& node, Log& log);

  // One piece of work more, or less; false when no more is taken.
  bool begin_work();
  void end_work();
  [[nodiscard]] bool draining() const noexcept { return draining_; }
  [[nodiscard]] std::shared_ptr<const ApiKeys> keys() const;

  const FrontDoorOptions options_;
  actors::Node& node_;
  Log& log_;
  const std::vector<actors::ModelFacts> models_;  // as they were when the door opened
  HttpStats stats_;
  StreamCount streams_;
  Jobs jobs_;
  std::unique_ptr<Server> server_;
  std::vector<std::unique_ptr<Desk>> desks_;  // by loop
  std::atomic<bool> draining_{false};
  std::mutex mutex_;
  std::condition_variable idle_;
  std::size_t under_way_ = 0;  // guarded by mutex_
  mutable std::mutex keys_mutex_;
  std::shared_ptr<const ApiKeys> keys_;  // guarded by keys_mutex_
};

}  // namespace troupe::gateway
