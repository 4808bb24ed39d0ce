// The node's door for programs that speak HTTP: the Open Inference Protocol (KServe V2), OpenAI's
// embeddings, Prometheus' metrics. docs/http.md is the page for whoever uses it.
//
// open() binds the address and answers from then on; without one (server.host is empty) it has
// desks alone, for the door for gRPC (gateway/grpc). A request becomes tasks of the node, in the
// name of the tenant to whom its key belongs.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "actors/node.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "gateway/api_keys.hpp"
#include "gateway/desks.hpp"
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

class FrontDoor final : public Handler, public Desks {
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

  // Of the doors that have none of their own.
  std::size_t choose_loop() noexcept override { return next_loop_++ % desks_.size(); }
  void take(std::size_t loop, Request&& request, std::shared_ptr<Exchange> exchange) override;
  void post(std::size_t loop, std::function<void()> work) override;
  void note_refusal(unsigned status) override {
    grpc_stats_.note(Ask::unknown, status, Duration::zero());
  }

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
  [[nodiscard]] HttpStats& stats_of(bool by_grpc) noexcept {
    return by_grpc ? grpc_stats_ : stats_;
  }

  HttpStats stats_;
  HttpStats grpc_stats_;
  StreamCount streams_;
  Jobs jobs_;
  std::unique_ptr<Server> server_;
  std::vector<std::unique_ptr<Desk>> desks_;  // by loop
  std::atomic<bool> draining_{false};
  std::atomic<std::size_t> next_loop_{0};  // of calls
  std::mutex mutex_;
  std::condition_variable idle_;
  std::size_t under_way_ = 0;  // guarded by mutex_
  mutable std::mutex keys_mutex_;
  std::shared_ptr<const ApiKeys> keys_;  // guarded by keys_mutex_
};

}  // namespace troupe::gateway
