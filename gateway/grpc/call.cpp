#include "gateway/grpc/call.hpp"

#include <algorithm>
#include <array>

#include "gateway/grpc/translation.hpp"
#include "gateway/status.hpp"

namespace troupe::gateway {
namespace {

// Of a response's header fields, those that tell a program something in gRPC as well.
constexpr std::array<std::string_view, 4> told = {"troupe-task-id", "troupe-error", "traceparent",
                                                  "retry-after"};

void add_metadata(grpc::CallbackServerContext& context, const Response& response) {
  for (const auto& [name, value] : response.headers) {
    std::string lower = name;  // as gRPC wants its keys
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (std::find(told.begin(), told.end(), lower) != told.end())
      context.AddTrailingMetadata(lower, value);
  }
}

}  // namespace

void Call::answer(Response&& response) {
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return;
    ended_ = true;
    gone_ = nullptr;
  }
  // From here on nobody else touches the context or the message.
  add_metadata(context_, response);
  reactor_.finish(fill_(response));
}

void Call::when_gone(std::function<void()> call) {
  const std::lock_guard lock(mutex_);
  if (!ended_)
    gone_ = std::move(call);
  else  // later: whoever asks is in the middle of something
    desks_.post(loop_, std::move(call));
}

void Call::cancelled() {
  std::function<void()> gone;
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return;
    ended_ = true;
    gone = std::exchange(gone_, nullptr);
  }
  if (gone) desks_.post(loop_, std::move(gone));
  reactor_.finish(grpc::Status::CANCELLED);
}

void CallReactor::begin(Desks& desks, grpc::CallbackServerContext& context, Request&& request,
                        Fill fill) {
  const std::size_t loop = desks.choose_loop();
  call_ = std::make_shared<Call>(desks, loop, context, *this, std::move(fill));
  desks.take(loop, std::move(request), call_);
}

void CallReactor::OnCancel() {
  if (call_) call_->cancelled();
}

void CallReactor::finish(const grpc::Status& status) {
  load_.bytes.fetch_sub(bytes_);
  load_.calls.fetch_sub(1);
  Finish(status);
}

void CallReactor::OnDone() {
  delete this;
}

grpc::StatusCode status_code(unsigned http) noexcept {
  switch (http) {
    case 200:
      return grpc::StatusCode::OK;
    case 400:
    case 413:
      return grpc::StatusCode::INVALID_ARGUMENT;
    case 401:
      return grpc::StatusCode::UNAUTHENTICATED;
    case 404:
      return grpc::StatusCode::NOT_FOUND;
    case 429:
      return grpc::StatusCode::RESOURCE_EXHAUSTED;
    case 499:
      return grpc::StatusCode::CANCELLED;
    case 501:
      return grpc::StatusCode::UNIMPLEMENTED;
    case 503:
      return grpc::StatusCode::UNAVAILABLE;
    case 504:
      return grpc::StatusCode::DEADLINE_EXCEEDED;
    default:
      return grpc::StatusCode::INTERNAL;
  }
}

grpc::Status error_status(const Response& response) {
  return {status_code(response.status), error_text(response)};
}

grpc::Status error_status(const Error& why) {
  return {status_code(status_of(why.code)), why.to_string()};
}

}  // namespace troupe::gateway
