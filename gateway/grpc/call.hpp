// One call on its way: the exchange that a desk answers, on one side, and gRPC's reactor on the
// other. Whichever comes first ends it, the desk's answer or the client that has gone (or whose
// deadline has passed); then the desk's tasks are withdrawn.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>

#include "gateway/desks.hpp"
#include "gateway/server.hpp"

namespace troupe::gateway {

// What a response becomes: the call's message is filled, or the status says why not.
using Fill = std::function<grpc::Status(const Response& response)>;

class CallReactor;

class Call final : public Exchange, public std::enable_shared_from_this<Call> {
 public:
  // `context` and `reactor` live until gRPC says that the call is done, which is after it was
  // ended.
  Call(Desks& desks, std::size_t loop, grpc::CallbackServerContext& context, CallReactor& reactor,
       Fill fill)
      : desks_(desks), loop_(loop), context_(context), reactor_(reactor), fill_(std::move(fill)) {}

  // On the loop's thread.
  void answer(Response&& response) override;
  void when_gone(std::function<void()> call) override;
  // No call is answered by a stream.
  void begin_stream(Response&& head) override { answer(std::move(head)); }
  bool send(std::string_view /*piece*/) override { return false; }
  void finish_stream() override {}

  // On a thread of gRPC's.
  void cancelled();

 private:
  Desks& desks_;
  const std::size_t loop_;
  grpc::CallbackServerContext& context_;
  CallReactor& reactor_;
  const Fill fill_;
  std::mutex mutex_;
  bool ended_ = false;  // guarded by mutex_, as what follows
  std::function<void()> gone_;
};

// What the calls under way take together, of what they may.
struct Load {
  std::atomic<std::uint32_t> calls{0};
  std::atomic<std::uint64_t> bytes{0};  // of their messages
};

// What gRPC tells of a call: nothing before the service has returned it. It deletes itself when
// gRPC has done with it.
class CallReactor final : public grpc::ServerUnaryReactor {
 public:
  // Counts itself and the bytes of its message; `load` outlives it.
  CallReactor(Load& load, std::size_t bytes) : load_(load), bytes_(bytes) {
    load_.calls.fetch_add(1);
    load_.bytes.fetch_add(bytes_);
  }

  // Ends the call, once. What it took is free before the client knows, who may ask again at once.
  void finish(const grpc::Status& status);

  // Hands the request to a desk; at most once.
  void begin(Desks& desks, grpc::CallbackServerContext& context, Request&& request, Fill fill);

 private:
  void OnDone() override;
  void OnCancel() override;

  Load& load_;
  const std::size_t bytes_;
  std::shared_ptr<Call> call_;
};

// The status that goes with one of HTTP's.
grpc::StatusCode status_code(unsigned http) noexcept;

// Of an error response.
grpc::Status error_status(const Response& response);
grpc::Status error_status(const Error& why);

}  // namespace troupe::gateway
