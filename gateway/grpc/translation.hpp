// Between the messages of gRPC and the requests and responses of HTTP: the protocol says the same
// in both. Raw tensors are the binary tensor extension's, byte for byte; what is typed is written
// so.
//
// Pure functions. What a message says is checked where the request is read
// (gateway/body_reader.hpp); here only what HTTP has no words for.
#pragma once

#include <optional>
#include <string>

#include <inference.pb.h>
#include "base/result.hpp"
#include "base/time.hpp"
#include "gateway/message.hpp"

namespace troupe::gateway {

// "POST /v2/models/M/versions/V/infer" with its body. A deadline that is nearer than the request's
// own `timeout` takes its place. Errors: invalid_argument (contents that do not belong to the
// inputs, a deadline that has passed: expired), unsupported (shared memory).
Result<Request> to_request(const inference::ModelInferRequest& message,
                           std::optional<Duration> deadline);

// "GET /v2/models/M", "POST /v2/repository/models/M/load". `under` is "/v2/models/" or
// "/v2/repository/models/", `then` what follows, "/load". Errors: model_missing for a name that no
// model can have.
Result<Request> to_request(std::string_view method, std::string_view under,
                           const std::string& model, const std::string& version,
                           std::string_view then);

// Fill the message from a response of status 200. False where it is not what it should be: a bug.
bool from_response(const Response& response, inference::ServerMetadataResponse& message);
bool from_response(const Response& response, inference::ModelMetadataResponse& message);
bool from_response(const Response& response, inference::ModelInferResponse& message);
bool from_response(const Response& response, inference::ModelStatisticsResponse& message);
bool from_response(const Response& response, inference::RepositoryIndexResponse& message);

// The words of an error response, "queue_full: ...".
std::string error_text(const Response& response);

}  // namespace troupe::gateway
