#include "gateway/grpc/translation.hpp"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/limits.hpp"

namespace troupe::gateway {
namespace {

using inference::InferParameter;
using nlohmann::json;
using Parameters = google::protobuf::Map<std::string, InferParameter>;

constexpr std::string_view shared_memory = "shared_memory_region";

std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

json json_of(const InferParameter& parameter) {
  switch (parameter.parameter_choice_case()) {
    case InferParameter::kBoolParam:
      return parameter.bool_param();
    case InferParameter::kInt64Param:
      return parameter.int64_param();
    case InferParameter::kStringParam:
      return parameter.string_param();
    case InferParameter::kDoubleParam:
      return parameter.double_param();
    case InferParameter::kUint64Param:
      return parameter.uint64_param();
    case InferParameter::PARAMETER_CHOICE_NOT_SET:
      break;
  }
  return nullptr;
}

json json_of(const Parameters& parameters) {
  json object = json::object();
  for (const auto& [name, parameter] : parameters) object[name] = json_of(parameter);
  return object;
}

void append_length(std::string& bytes, std::size_t length) {
  for (int shift = 0; shift < 32; shift += 8)
    bytes += static_cast<char>(static_cast<unsigned char>(length >> shift));
}

// The typed elements as the binary tensor extension has them. Datatypes that no model here reads
// have no bytes: they are refused by their name.
std::string raw(const inference::ModelInferRequest::InferInputTensor& input) {
  std::string bytes;
  if (input.datatype() == "BYTES") {
    for (const auto& element : input.contents().bytes_contents()) {
      append_length(bytes, element.size());
      bytes += element;
    }
  } else if (input.datatype() == "FP32") {
    const auto& numbers = input.contents().fp32_contents();
    bytes.assign(reinterpret_cast<const char*>(numbers.data()),
                 static_cast<std::size_t>(numbers.size()) * sizeof(float));
  }
  return bytes;
}

bool has_contents(const inference::ModelInferRequest::InferInputTensor& input) {
  return input.has_contents() && input.contents().ByteSizeLong() != 0;
}

Error wrong(std::string what, std::string next) {
  return {ErrorCode::invalid_argument, std::move(what), std::move(next)};
}

// What the message says of its inputs, and their bytes behind each other.
Status read_inputs(const inference::ModelInferRequest& message, json& inputs, std::string& binary) {
  const bool is_raw = message.raw_input_contents_size() != 0;
  if (is_raw && message.raw_input_contents_size() != message.inputs_size())
    return wrong("raw_input_contents has " + std::to_string(message.raw_input_contents_size()) +
                     " entries where there are " + std::to_string(message.inputs_size()) +
                     " inputs",
                 "give one for each input, or none");
  for (int i = 0; i < message.inputs_size(); ++i) {
    const auto& input = message.inputs(i);
    if (input.parameters().contains(std::string(shared_memory)))
      return Error{ErrorCode::unsupported, "no input can be had from shared memory",
                   "send the tensors in the message"};
    if (is_raw && has_contents(input))
      return wrong("input '" + input.name() + "' has contents beside raw_input_contents",
                   "give one of the two");
    const std::string bytes = is_raw ? std::string() : raw(input);
    const std::string& its_own = is_raw ? message.raw_input_contents(i) : bytes;
    inputs.push_back({{"name", input.name()},
                      {"datatype", input.datatype()},
                      {"shape", input.shape()},
                      {"parameters", {{"binary_data_size", its_own.size()}}}});
    binary += its_own;
  }
  return {};
}

// `timeout`, in microseconds, is at most what is left until the deadline.
Status apply_deadline(json& parameters, std::optional<Duration> deadline) {
  if (!deadline) return {};
  const auto left = std::chrono::duration_cast<std::chrono::microseconds>(*deadline).count();
  if (left <= 0)
    return Error{ErrorCode::expired, "the call's deadline passed before its work began",
                 "give it more time"};
  const auto& own = parameters.find("timeout");
  const bool unset = own == parameters.end() || *own == 0;
  if (unset || (own->is_number_integer() && *own > left)) parameters["timeout"] = left;
  return {};
}

bool is_model_name(const std::string& name) {
  return !name.empty() && name.size() <= limits::name_bytes_max &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return static_cast<unsigned char>(c) > 0x20 && c != '/' && c != 0x7f;
         });
}

std::string escaped(const std::string& text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  constexpr std::string_view plain = "-_.~";
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || plain.find(c) != std::string_view::npos;
    if (is_plain)
      result += c;
    else
      ((result += '%') += digits[byte >> 4U]) += digits[byte & 15U];
  }
  return result;
}

// What a body of ours says; what is no JSON yields null, of which nothing can be read.
json parsed(std::string_view body) {
  return json::parse(body, nullptr, false);
}

std::string text(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::uint64_t count(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_number_unsigned() ? found->get<std::uint64_t>() : 0;
}

const json& list(const json& object, const char* key) {
  static const json none = json::array();
  const auto found = object.find(key);
  return found != object.end() && found->is_array() ? *found : none;
}

void fill(const json& shape, google::protobuf::RepeatedField<std::int64_t>& numbers) {
  for (const auto& size : shape)
    if (size.is_number_integer()) numbers.Add(size.get<std::int64_t>());
}

template <class Tensors>
void fill_tensors(const json& tensors, Tensors& list_of_them) {
  for (const auto& tensor : tensors) {
    auto& one = *list_of_them.Add();
    one.set_name(text(tensor, "name"));
    one.set_datatype(text(tensor, "datatype"));
    fill(list(tensor, "shape"), *one.mutable_shape());
  }
}

void fill_duration(const json& stats, const char* key, inference::StatisticDuration& duration) {
  const auto found = stats.find(key);
  if (found == stats.end()) return;
  duration.set_count(count(*found, "count"));
  duration.set_ns(count(*found, "ns"));
}

std::size_t json_bytes_of(const Response& response) {
  for (const auto& [name, value] : response.headers)
    if (name == "Inference-Header-Content-Length") return std::stoul(value);
  return response.body.size();
}

}  // namespace

Result<Request> to_request(const inference::ModelInferRequest& message,
                           std::optional<Duration> deadline) {
  auto request =
      to_request("POST", "/v2/models/", message.model_name(), message.model_version(), "/infer");
  if (!request) return request.error();
  json inputs = json::array();
  std::string binary;
  if (auto read = read_inputs(message, inputs, binary); !read) return read.error();
  json parameters = json_of(message.parameters());
  if (auto applied = apply_deadline(parameters, deadline); !applied) return applied.error();
  parameters["binary_data_output"] = true;
  json outputs = json::array();
  for (const auto& output : message.outputs()) {
    json own = json_of(output.parameters());
    own["binary_data"] = true;
    outputs.push_back({{"name", output.name()}, {"parameters", std::move(own)}});
  }
  json head = {
      {"id", message.id()}, {"inputs", std::move(inputs)}, {"parameters", std::move(parameters)}};
  if (!outputs.empty()) head["outputs"] = std::move(outputs);
  request->body = dump(head);
  request->json_bytes = std::to_string(request->body.size());
  request->body += binary;
  return request;
}

Result<Request> to_request(std::string_view method, std::string_view under,
                           const std::string& model, const std::string& version,
                           std::string_view then) {
  if (!is_model_name(model))
    return Error{ErrorCode::model_missing,
                 "there is no model '" + model.substr(0, limits::name_bytes_max) + "' here",
                 "RepositoryIndex lists those that are"};
  Request request;
  request.method = method;
  request.target = std::string(under) + escaped(model);
  if (!version.empty()) {
    if (!is_model_name(version))
      return Error{ErrorCode::not_found, "model '" + model + "' has no such version",
                   "leave the version empty"};
    request.target += "/versions/" + escaped(version);
  }
  request.target += then;
  return request;
}

bool from_response(const Response& response, inference::ServerMetadataResponse& message) {
  const json body = parsed(response.body);
  if (!body.is_object()) return false;
  message.set_name(text(body, "name"));
  message.set_version(text(body, "version"));
  for (const auto& extension : list(body, "extensions"))
    message.add_extensions(extension.get<std::string>());
  return true;
}

bool from_response(const Response& response, inference::ModelMetadataResponse& message) {
  const json body = parsed(response.body);
  if (!body.is_object()) return false;
  message.set_name(text(body, "name"));
  message.set_platform(text(body, "platform"));
  for (const auto& version : list(body, "versions"))
    message.add_versions(version.get<std::string>());
  fill_tensors(list(body, "inputs"), *message.mutable_inputs());
  fill_tensors(list(body, "outputs"), *message.mutable_outputs());
  return true;
}

bool from_response(const Response& response, inference::ModelInferResponse& message) {
  const std::size_t json_bytes = json_bytes_of(response);
  const json head = parsed(std::string_view(response.body).substr(0, json_bytes));
  if (!head.is_object()) return false;
  message.set_model_name(text(head, "model_name"));
  message.set_model_version(text(head, "model_version"));
  message.set_id(text(head, "id"));
  if (const auto parameters = head.find("parameters"); parameters != head.end())
    for (const auto& [name, value] : parameters->items()) {
      auto& parameter = (*message.mutable_parameters())[name];
      if (value.is_string())
        parameter.set_string_param(value.get<std::string>());
      else if (value.is_number_integer())
        parameter.set_int64_param(value.get<std::int64_t>());
    }
  fill_tensors(list(head, "outputs"), *message.mutable_outputs());
  std::size_t at = json_bytes;
  for (const auto& output : list(head, "outputs")) {
    const auto parameters = output.find("parameters");
    if (parameters == output.end()) return false;
    const auto bytes = static_cast<std::size_t>(count(*parameters, "binary_data_size"));
    if (bytes > response.body.size() - at) return false;
    message.add_raw_output_contents(response.body.data() + at, bytes);
    at += bytes;
  }
  return at == response.body.size();
}

bool from_response(const Response& response, inference::ModelStatisticsResponse& message) {
  const json body = parsed(response.body);
  if (!body.is_object()) return false;
  for (const auto& model : list(body, "model_stats")) {
    auto& one = *message.add_model_stats();
    one.set_name(text(model, "name"));
    one.set_version(text(model, "version"));
    one.set_inference_count(count(model, "inference_count"));
    one.set_execution_count(count(model, "execution_count"));
    const auto stats = model.find("inference_stats");
    if (stats == model.end()) return false;
    auto& durations = *one.mutable_inference_stats();
    fill_duration(*stats, "success", *durations.mutable_success());
    fill_duration(*stats, "fail", *durations.mutable_fail());
    fill_duration(*stats, "queue", *durations.mutable_queue());
    fill_duration(*stats, "compute_infer", *durations.mutable_compute_infer());
  }
  return true;
}

bool from_response(const Response& response, inference::RepositoryIndexResponse& message) {
  const json body = parsed(response.body);
  if (!body.is_array()) return false;
  for (const auto& model : body) {
    auto& one = *message.add_models();
    one.set_name(text(model, "name"));
    one.set_version(text(model, "version"));
    one.set_state(text(model, "state"));
    one.set_reason(text(model, "reason"));
  }
  return true;
}

std::string error_text(const Response& response) {
  const json body = parsed(response.body);
  return body.is_object() ? text(body, "error") : std::string();
}

}  // namespace troupe::gateway
