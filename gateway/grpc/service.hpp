// The calls of GRPCInferenceService, each a request to the desks.
#pragma once

#include <atomic>
#include <string_view>

#include <inference.grpc.pb.h>
#include "gateway/desks.hpp"
#include "gateway/grpc/call.hpp"

namespace troupe::gateway {

class GrpcService final : public inference::GRPCInferenceService::CallbackService {
 public:
  // `desks` outlive it.
  GrpcService(Desks& desks, std::uint32_t calls_max, std::uint64_t bytes_max)
      : desks_(desks), calls_max_(calls_max), bytes_max_(bytes_max) {}

  using Context = grpc::CallbackServerContext;
  using Reactor = grpc::ServerUnaryReactor;
  Reactor* ServerLive(Context* context, const inference::ServerLiveRequest* request,
                      inference::ServerLiveResponse* response) override;
  Reactor* ServerReady(Context* context, const inference::ServerReadyRequest* request,
                       inference::ServerReadyResponse* response) override;
  Reactor* ModelReady(Context* context, const inference::ModelReadyRequest* request,
                      inference::ModelReadyResponse* response) override;
  Reactor* ServerMetadata(Context* context, const inference::ServerMetadataRequest* request,
                          inference::ServerMetadataResponse* response) override;
  Reactor* ModelMetadata(Context* context, const inference::ModelMetadataRequest* request,
                         inference::ModelMetadataResponse* response) override;
  Reactor* ModelInfer(Context* context, const inference::ModelInferRequest* request,
                      inference::ModelInferResponse* response) override;
  Reactor* ModelStatistics(Context* context, const inference::ModelStatisticsRequest* request,
                           inference::ModelStatisticsResponse* response) override;
  Reactor* RepositoryIndex(Context* context, const inference::RepositoryIndexRequest* request,
                           inference::RepositoryIndexResponse* response) override;
  Reactor* RepositoryModelLoad(Context* context,
                               const inference::RepositoryModelLoadRequest* request,
                               inference::RepositoryModelLoadResponse* response) override;
  Reactor* RepositoryModelUnload(Context* context,
                                 const inference::RepositoryModelUnloadRequest* request,
                                 inference::RepositoryModelUnloadResponse* response) override;

 private:
  // `bytes` are those of the message, where it may be large.
  Reactor* ask(Context& context, Result<Request>&& request, Fill fill, std::size_t bytes = 0);
  Reactor* change(Context& context, const std::string& model, std::string_view then);

  Desks& desks_;
  const std::uint32_t calls_max_;
  const std::uint64_t bytes_max_;
  Load load_;
};

}  // namespace troupe::gateway
