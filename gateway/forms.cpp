#include "gateway/forms.hpp"

#include <openssl/evp.h>

#include <array>
#include <charconv>
#include <nlohmann/json.hpp>

#include "gateway/routes.hpp"
#include "gateway/status.hpp"

namespace troupe::gateway {
namespace {

using nlohmann::json;

std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

// The shortest digits that read back as the same float.
void append_float(std::string& text, float number) {
  std::array<char, 32> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  text.append(digits.data(), end);
}

void append_floats(std::string& text, const std::vector<float>& numbers) {
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (i != 0) text += ',';
    append_float(text, numbers[i]);
  }
}

std::string base64(std::string_view bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // and the zero that OpenSSL ends it with
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

std::string_view bytes_of(const std::vector<float>& numbers) {
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(float)};
}

json openai_model_json(const actors::ModelFacts& model) {
  return {{"id", model.name}, {"object", "model"}, {"created", 0}, {"owned_by", "troupe"}};
}

json duration_json(std::uint64_t count, Duration sum) {
  return {{"count", count}, {"ns", sum.count()}};
}

std::string_view openai_type(unsigned status) {
  if (status == 401) return "authentication_error";
  if (status == 429) return "rate_limit_error";
  return status < 500 ? "invalid_request_error" : "server_error";
}

}  // namespace

Response json_response(std::string body) {
  Response response;
  response.body = std::move(body);
  return response;
}

Error no_such_model(const std::string& name) {
  return {ErrorCode::model_missing, "there is no model '" + name + "' here",
          "GET /v1/models lists those that are"};
}

Error going_away() {
  return {ErrorCode::draining, "the node is going away and takes no new work",
          "ask another node, or this one once it is back"};
}

std::string job_path(const std::string& id) {
  return "/v2/jobs/" + id;
}

Response job_response(const std::string& id, const JobFacts& facts) {
  json body = {
      {"id", id},           {"state", name(facts.state)}, {"texts", facts.texts},
      {"done", facts.done}, {"url", job_path(id)},        {"events", job_path(id) + "/events"}};
  if (facts.state == JobState::completed) body["result"] = job_path(id) + "/result";
  if (facts.why)
    body["error"] = {{"code", name(facts.why->code)}, {"message", facts.why->to_string()}};
  return json_response(dump(body));
}

Response error_response(std::string_view target, const Error& why, unsigned status) {
  Response response;
  response.status = status == 0 ? status_of(why.code) : status;
  if (is_openai(target))
    response.body = dump({{"error",
                           {{"message", why.to_string()},
                            {"type", openai_type(response.status)},
                            {"param", nullptr},
                            {"code", name(why.code)}}}});
  else
    response.body = dump({{"error", why.to_string()}});
  response.headers.emplace_back("Troupe-Error", name(why.code));
  if (is_worth_retrying(why.code)) response.headers.emplace_back("Retry-After", "1");
  if (response.status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  return response;
}

Response model_ready(std::string_view model) {
  return json_response(dump({{"name", model}, {"ready", true}}));
}

Response server_metadata(std::string_view version) {
  return json_response(
      dump({{"name", "troupe"},
            {"version", version},
            {"extensions", {"binary_tensor_data", "statistics", "model_repository"}}}));
}

Response model_metadata(const actors::ModelFacts& model) {
  return json_response(
      dump({{"name", model.name},
            {"versions", {only_version}},
            {"platform", "troupe"},
            {"inputs", {{{"name", text_tensor}, {"datatype", "BYTES"}, {"shape", {-1}}}}},
            {"outputs",
             {{{"name", embedding_tensor},
               {"datatype", "FP32"},
               {"shape", {-1, model.width == 0 ? -1 : static_cast<int>(model.width)}}}}}}));
}

Response repository_index(const std::vector<actors::ModelFacts>& models) {
  json list = json::array();
  for (const auto& model : models) {
    const bool ready = model.state == actors::ModelState::loaded;
    const std::string reason = ready                   ? ""
                               : model.failure.empty() ? std::string(name(model.state))
                                                       : model.failure;
    list.push_back({{"name", model.name},
                    {"version", only_version},
                    {"state", ready ? "READY" : "UNAVAILABLE"},
                    {"reason", reason}});
  }
  return json_response(dump(list));
}

Response openai_models(const std::vector<actors::ModelFacts>& models) {
  json list = json::array();
  for (const auto& model : models) list.push_back(openai_model_json(model));
  return json_response(dump({{"object", "list"}, {"data", list}}));
}

Response openai_model(const actors::ModelFacts& model) {
  return json_response(dump(openai_model_json(model)));
}

Response model_statistics(const actors::NodeFacts& facts,
                          const std::vector<std::uint32_t>& models) {
  json list = json::array();
  for (const std::uint32_t number : models) {
    actors::KindStats all;
    for (const auto& [kind, stats] : facts.stats.kinds) {
      if (kind.operation != scheduler::Operation::encode || kind.model.value != number) continue;
      all.completed += stats.completed;
      all.failed += stats.failed;
      all.batches += stats.batches;
      all.queue += stats.queue;
      all.compute += stats.compute;
    }
    list.push_back({{"name", facts.models[number].name},
                    {"version", only_version},
                    {"inference_count", all.completed},
                    {"execution_count", all.batches},
                    {"inference_stats",
                     {{"success", duration_json(all.completed, all.queue + all.compute)},
                      {"fail", {{"count", all.failed}}},
                      {"queue", duration_json(all.completed, all.queue)},
                      {"compute_infer", duration_json(all.completed, all.compute)}}}});
  }
  return json_response(dump({{"model_stats", list}}));
}

Response infer_response(const std::string& model, const InferRequest& request, TaskId first,
                        const std::vector<Embedding>& rows) {
  const bool binary = request.outputs.empty() ? request.binary_output : request.outputs[0].binary;
  const std::size_t width = rows.empty() ? 0 : rows[0].vector.size();
  std::uint64_t tokens = 0;
  std::uint64_t truncated = 0;
  for (const auto& row : rows) {
    tokens += row.tokens;
    truncated += row.truncated ? 1 : 0;
  }
  std::string body = R"({"model_name":)" + dump(model) + R"(,"model_version":")";
  body += only_version;
  body += '"';
  if (!request.id.empty()) body += R"(,"id":)" + dump(request.id);
  body += R"(,"parameters":{"task":")" + to_string(first) + R"(","tokens":)" +
          std::to_string(tokens) + R"(,"truncated":)" + std::to_string(truncated) + "}";
  body += R"(,"outputs":[{"name":"embedding","datatype":"FP32","shape":[)" +
          std::to_string(rows.size()) + "," + std::to_string(width) + "]";
  if (!binary) {
    body.reserve(body.size() + rows.size() * width * 12);
    body += R"(,"data":[)";
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (i != 0) body += ',';
      append_floats(body, rows[i].vector);
    }
    body += "]}]}";
    return json_response(std::move(body));
  }
  body += R"(,"parameters":{"binary_data_size":)" +
          std::to_string(rows.size() * width * sizeof(float)) + "}}]}";
  Response response;
  response.content_type = "application/octet-stream";
  response.headers.emplace_back("Inference-Header-Content-Length", std::to_string(body.size()));
  for (const auto& row : rows) body += bytes_of(row.vector);
  response.body = std::move(body);
  return response;
}

Response embeddings_response(std::string_view target, const EmbeddingsRequest& request,
                             const std::vector<Embedding>& rows) {
  const std::size_t width = rows.empty() ? 0 : rows[0].vector.size();
  if (request.dimensions && *request.dimensions != width)
    return error_response(target, {ErrorCode::invalid_argument,
                                   "model '" + request.model + "' has " + std::to_string(width) +
                                       " dimensions and cannot be had with fewer or more",
                                   "leave 'dimensions' out"});
  std::uint64_t tokens = 0;
  std::string body = R"({"object":"list","data":[)";
  for (std::size_t i = 0; i < rows.size(); ++i) {
    tokens += rows[i].tokens;
    if (i != 0) body += ',';
    body += R"({"object":"embedding","index":)" + std::to_string(i) + R"(,"embedding":)";
    if (request.base64) {
      body += '"' + base64(bytes_of(rows[i].vector)) + '"';
    } else {
      body += '[';
      append_floats(body, rows[i].vector);
      body += ']';
    }
    body += '}';
  }
  const std::string count = std::to_string(tokens);
  body += R"(],"model":)" + dump(request.model) + R"(,"usage":{"prompt_tokens":)" + count +
          R"(,"total_tokens":)" + count + "}}";
  return json_response(std::move(body));
}

}  // namespace troupe::gateway
