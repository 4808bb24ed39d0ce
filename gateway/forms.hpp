// What we answer, in the forms of the protocols. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "actors/node.hpp"
#include "gateway/body_reader.hpp"
#include "gateway/jobs.hpp"
#include "gateway/message.hpp"

namespace troupe::gateway {

// The names of an encoder's tensors: texts in, one vector each out.
inline constexpr std::string_view text_tensor = "text";
inline constexpr std::string_view embedding_tensor = "embedding";
inline constexpr std::string_view only_version = "1";

// An error in the form that `target`'s protocol has: {"error": "queue_full: ..."} (KServe) or
// {"error": {"message", "type", "param", "code"}} (OpenAI). The stable code stands in the header
// Troupe-Error as well; Retry-After where trying again makes sense. `status` 0: by the code.
Response error_response(std::string_view target, const Error& why, unsigned status = 0);

// What more than one request can run into.
Error no_such_model(const std::string& name);
Error going_away();

Response json_response(std::string body);
// How a job is (gateway/jobs.hpp), and where it can be asked again.
Response job_response(const std::string& id, const JobFacts& facts);
std::string job_path(const std::string& id);
Response model_ready(std::string_view model);
Response server_metadata(std::string_view version);
Response model_metadata(const actors::ModelFacts& model);
Response repository_index(const std::vector<actors::ModelFacts>& models);
Response openai_models(const std::vector<actors::ModelFacts>& models);
Response openai_model(const actors::ModelFacts& model);

// Of the models named by their number in `facts`.
Response model_statistics(const actors::NodeFacts& facts, const std::vector<std::uint32_t>& models);

// One row for each text, in their order.
Response infer_response(const std::string& model, const InferRequest& request, TaskId first,
                        const std::vector<Embedding>& rows);
// An error where the model has other dimensions than were asked for.
Response embeddings_response(std::string_view target, const EmbeddingsRequest& request,
                             const std::vector<Embedding>& rows);

}  // namespace troupe::gateway
