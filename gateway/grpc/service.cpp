#include "gateway/grpc/service.hpp"

#include <algorithm>
#include <chrono>
#include <optional>

#include "gateway/grpc/translation.hpp"
#include "gateway/status.hpp"

namespace troupe::gateway {
namespace {

using Context = GrpcService::Context;

// What is left of the call's deadline; nothing where it has none, or one that no task would notice.
std::optional<Duration> time_left(const Context& context) {
  constexpr std::chrono::hours longest(24 * 365);
  const auto deadline = context.deadline();
  const auto now = std::chrono::system_clock::now();
  if (deadline >= now + longest) return std::nullopt;
  return std::chrono::duration_cast<Duration>(deadline - now);
}

std::string metadata(const Context& context, const char* key) {
  const auto found = context.client_metadata().find(key);
  if (found == context.client_metadata().end()) return {};
  return {found->second.data(), found->second.size()};
}

Request simple(std::string_view method, std::string_view target) {
  Request request;
  request.method = method;
  request.target = target;
  return request;
}

// Ready is a yes, everything that keeps it from being so a no; an error is neither.
template <class Message>
Fill fill_ready(Message& message) {
  return [&message](const Response& response) {
    const bool answers = response.status == 200 || response.status == 503 || response.status == 404;
    if (!answers) return error_status(response);
    message.set_ready(response.status == 200);
    return grpc::Status::OK;
  };
}

template <class Message>
Fill fill(Message& message) {
  return [&message](const Response& response) {
    if (response.status != 200) return error_status(response);
    if (from_response(response, message)) return grpc::Status::OK;
    return error_status(Error{ErrorCode::internal, "the answer has no form that gRPC has", ""});
  };
}

}  // namespace

GrpcService::Reactor* GrpcService::ask(Context& context, Result<Request>&& request, Fill fill,
                                       std::size_t bytes) {
  auto* const reactor = new CallReactor(load_, bytes);  // its OnDone() deletes it
  const auto refuse = [&](const Error& why) {
    desks_.note_refusal(status_of(why.code));
    if (is_worth_retrying(why.code)) context.AddTrailingMetadata("retry-after", "1");
    context.AddTrailingMetadata("troupe-error", std::string(name(why.code)));
    reactor->finish(error_status(why));
    return reactor;
  };
  if (load_.calls.load() > calls_max_)
    return refuse({ErrorCode::queue_full,
                   std::to_string(calls_max_) + " calls are under way, as many as may be",
                   "try again soon, or raise calls_max in [grpc]"});
  if (load_.bytes.load() > bytes_max_)
    return refuse({ErrorCode::queue_full,
                   "the messages of all calls have more than " + std::to_string(bytes_max_) +
                       " bytes together",
                   "try again soon, or raise messages_bytes_max in [grpc]"});
  if (!request) return refuse(request.error());
  request->by_grpc = true;
  request->authorization = metadata(context, "authorization");
  request->traceparent = metadata(context, "traceparent");
  reactor->begin(desks_, context, std::move(*request), std::move(fill));
  return reactor;
}

GrpcService::Reactor* GrpcService::ServerLive(Context* context,
                                              const inference::ServerLiveRequest* /*request*/,
                                              inference::ServerLiveResponse* response) {
  return ask(*context, simple("GET", "/v2/health/live"), [response](const Response& answer) {
    if (answer.status != 200) return error_status(answer);
    response->set_live(true);
    return grpc::Status::OK;
  });
}

GrpcService::Reactor* GrpcService::ServerReady(Context* context,
                                               const inference::ServerReadyRequest* /*request*/,
                                               inference::ServerReadyResponse* response) {
  return ask(*context, simple("GET", "/v2/health/ready"), fill_ready(*response));
}

GrpcService::Reactor* GrpcService::ModelReady(Context* context,
                                              const inference::ModelReadyRequest* request,
                                              inference::ModelReadyResponse* response) {
  auto asked = to_request("GET", "/v2/models/", request->name(), request->version(), "/ready");
  if (asked) return ask(*context, std::move(asked), fill_ready(*response));
  auto* const reactor = context->DefaultReactor();  // what has no such name is not ready
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

GrpcService::Reactor* GrpcService::ServerMetadata(
    Context* context, const inference::ServerMetadataRequest* /*request*/,
    inference::ServerMetadataResponse* response) {
  return ask(*context, simple("GET", "/v2"), fill(*response));
}

GrpcService::Reactor* GrpcService::ModelMetadata(Context* context,
                                                 const inference::ModelMetadataRequest* request,
                                                 inference::ModelMetadataResponse* response) {
  return ask(*context, to_request("GET", "/v2/models/", request->name(), request->version(), ""),
             fill(*response));
}

GrpcService::Reactor* GrpcService::ModelInfer(Context* context,
                                              const inference::ModelInferRequest* request,
                                              inference::ModelInferResponse* response) {
  return ask(*context, to_request(*request, time_left(*context)), fill(*response),
             request->ByteSizeLong());
}

GrpcService::Reactor* GrpcService::ModelStatistics(Context* context,
                                                   const inference::ModelStatisticsRequest* request,
                                                   inference::ModelStatisticsResponse* response) {
  if (request->name().empty())
    return ask(*context, simple("GET", "/v2/models/stats"), fill(*response));
  return ask(*context,
             to_request("GET", "/v2/models/", request->name(), request->version(), "/stats"),
             fill(*response));
}

GrpcService::Reactor* GrpcService::RepositoryIndex(Context* context,
                                                   const inference::RepositoryIndexRequest* request,
                                                   inference::RepositoryIndexResponse* response) {
  const bool only_ready = request->ready();
  return ask(*context, simple("POST", "/v2/repository/index"),
             [response, only_ready](const Response& answer) {
               auto status = fill(*response)(answer);
               if (!only_ready) return status;
               auto& models = *response->mutable_models();
               models.erase(std::remove_if(models.begin(), models.end(),
                                           [](const auto& one) { return one.state() != "READY"; }),
                            models.end());
               return status;
             });
}

GrpcService::Reactor* GrpcService::change(Context& context, const std::string& model,
                                          std::string_view then) {
  return ask(context, to_request("POST", "/v2/repository/models/", model, "", then),
             [](const Response& answer) {
               return answer.status == 200 ? grpc::Status::OK : error_status(answer);
             });
}

GrpcService::Reactor* GrpcService::RepositoryModelLoad(
    Context* context, const inference::RepositoryModelLoadRequest* request,
    inference::RepositoryModelLoadResponse* /*response*/) {
  return change(*context, request->model_name(), "/load");
}

GrpcService::Reactor* GrpcService::RepositoryModelUnload(
    Context* context, const inference::RepositoryModelUnloadRequest* request,
    inference::RepositoryModelUnloadResponse* /*response*/) {
  return change(*context, request->model_name(), "/unload");
}

}  // namespace troupe::gateway
