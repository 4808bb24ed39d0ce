#include "gateway/body_reader.hpp"

#include <simdjson.h>

#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "base/limits.hpp"

namespace troupe::gateway {
namespace {

namespace dom = simdjson::dom;

constexpr std::size_t inputs_max = 16;
constexpr std::size_t elements_max = std::size_t{1} << 24;
constexpr std::uint64_t timeout_us_max = std::uint64_t{31'536'000} * 1'000'000;  // a year

Error malformed(std::string what, std::string next = "") {
  return {ErrorCode::malformed, std::move(what), std::move(next)};
}

Error wrong_type(std::string_view key, std::string_view wanted) {
  return {ErrorCode::invalid_argument, "'" + std::string(key) + "' must be " + std::string(wanted),
          ""};
}

Result<std::string> text_of(std::string_view key, dom::element value) {
  std::string_view text;
  if (value.get(text)) return wrong_type(key, "a text");
  return std::string(text);
}

Result<std::uint64_t> count_of(std::string_view key, dom::element value) {
  std::uint64_t number = 0;
  if (value.get(number)) return wrong_type(key, "a whole number that is not negative");
  return number;
}

Result<bool> flag_of(std::string_view key, dom::element value) {
  bool flag = false;
  if (value.get(flag)) return wrong_type(key, "true or false");
  return flag;
}

bool is_wish(std::string_view key) {
  return key == "priority" || key == "timeout" || key == "weight";
}

Status read_wish(std::string_view key, dom::element value, Wishes& wishes) {
  if (key == "weight") {
    double number = 0;
    const bool is_number = !value.get(number);
    const auto weight = static_cast<float>(number);
    if (!is_number || !(weight > 0 && weight <= limits::task_weight_max))
      return wrong_type(key, "a number above 0 and at most 1000000");
    wishes.weight = weight;
    return {};
  }
  const auto number = count_of(key, value);
  if (!number) return number.error();
  if (key == "priority") {
    if (*number != 0) wishes.lane = *number == 1 ? Lane::urgent : Lane::ordinary;
  } else if (*number > timeout_us_max) {
    return Error{ErrorCode::invalid_argument, "'timeout' is longer than a year",
                 "give it in microseconds"};
  } else if (*number != 0) {  // Triton's zero: no limit
    wishes.time_limit = std::chrono::microseconds(*number);
  }
  return {};
}

// The elements that a shape holds; too_large where that is beyond what a request may.
Result<std::vector<std::uint64_t>> shape_of(dom::element value, std::size_t& elements) {
  dom::array dimensions;
  if (value.get(dimensions)) return wrong_type("shape", "a list of whole numbers");
  std::vector<std::uint64_t> shape;
  elements = 1;
  for (const dom::element dimension : dimensions) {
    const auto size = count_of("shape", dimension);
    if (!size) return size.error();
    shape.push_back(*size);
    if (shape.size() > limits::tensor_rank_max || *size > elements_max ||
        (elements *= static_cast<std::size_t>(*size)) > elements_max)
      return Error{ErrorCode::too_large,
                   "a shape of more than " + std::to_string(elements_max) + " elements or " +
                       std::to_string(limits::tensor_rank_max) + " dimensions",
                   "send less at a time"};
  }
  if (shape.empty()) return wrong_type("shape", "a list of at least one number");
  return shape;
}

Error wrong_count(const InferInput& input, std::size_t found, std::size_t wanted) {
  return {ErrorCode::invalid_argument,
          "input '" + input.name + "' has " + std::to_string(found) +
              " elements where its shape says " + std::to_string(wanted),
          "make shape and data agree"};
}

// The data of a tensor, flat or nested as its shape; elements are counted as they come.
Status read_data(dom::element value, InferInput& input, std::size_t elements, std::size_t depth) {
  dom::array list;
  if (!value.get(list)) {
    if (depth > limits::tensor_rank_max)
      return wrong_type("data", "nested no deeper than its shape");
    for (const dom::element one : list)
      if (auto read = read_data(one, input, elements, depth + 1); !read) return read;
    return {};
  }
  if (depth == 0) return wrong_type("data", "a list");
  if (auto* texts = std::get_if<std::vector<std::string>>(&input.data)) {
    auto text = text_of("data", value);
    if (!text) return text.error();
    if (texts->size() == elements) return wrong_count(input, elements + 1, elements);
    texts->push_back(std::move(*text));
    return {};
  }
  auto& numbers = std::get<std::vector<float>>(input.data);
  double number = 0;
  if (value.get(number)) return wrong_type("data", "a list of numbers");
  if (std::fabs(number) > static_cast<double>(std::numeric_limits<float>::max()))
    return wrong_type("data", "numbers that FP32 can hold");
  if (numbers.size() == elements) return wrong_count(input, elements + 1, elements);
  numbers.push_back(static_cast<float>(number));
  return {};
}

// Little-endian, as every machine that this is built for.
Status read_binary(std::string_view bytes, InferInput& input, std::size_t elements) {
  if (auto* numbers = std::get_if<std::vector<float>>(&input.data)) {
    if (bytes.size() != elements * sizeof(float))
      return wrong_count(input, bytes.size() / sizeof(float), elements);
    numbers->resize(elements);
    if (elements != 0) std::memcpy(numbers->data(), bytes.data(), bytes.size());
    return {};
  }
  auto& texts = std::get<std::vector<std::string>>(input.data);
  while (!bytes.empty()) {
    std::uint32_t length = 0;
    if (bytes.size() < sizeof(length))
      return malformed("input '" + input.name + "' ends within the length of an element");
    std::memcpy(&length, bytes.data(), sizeof(length));
    bytes.remove_prefix(sizeof(length));
    if (length > bytes.size())
      return malformed("input '" + input.name + "' has an element of " + std::to_string(length) +
                       " bytes where " + std::to_string(bytes.size()) + " are left");
    if (texts.size() == elements) return wrong_count(input, elements + 1, elements);
    texts.emplace_back(bytes.substr(0, length));
    bytes.remove_prefix(length);
  }
  if (texts.size() != elements) return wrong_count(input, texts.size(), elements);
  return {};
}

Status read_input(dom::element value, std::string_view& binary, InferInput& input) {
  dom::object fields;
  if (value.get(fields)) return wrong_type("inputs", "a list of objects");
  std::size_t elements = 0;
  std::optional<dom::element> data;
  std::optional<std::uint64_t> binary_bytes;
  for (const auto& [key, field] : fields) {
    if (key == "name" || key == "datatype") {
      auto text = text_of(key, field);
      if (!text) return text.error();
      (key == "name" ? input.name : input.datatype) = std::move(*text);
    } else if (key == "shape") {
      auto shape = shape_of(field, elements);
      if (!shape) return shape.error();
      input.shape = std::move(*shape);
    } else if (key == "data") {
      data = field;
    } else if (key == "parameters") {
      dom::object parameters;
      if (field.get(parameters)) return wrong_type("parameters", "an object");
      for (const auto& [name, parameter] : parameters) {
        if (name != "binary_data_size") continue;
        const auto size = count_of(name, parameter);
        if (!size) return size.error();
        binary_bytes = *size;
      }
    }
  }
  if (input.name.empty()) return malformed("an input has no 'name'");
  if (input.shape.empty()) return malformed("input '" + input.name + "' has no 'shape'");
  if (input.datatype == "FP32")
    input.data.emplace<std::vector<float>>();
  else if (input.datatype != "BYTES")
    return Error{ErrorCode::invalid_argument,
                 "input '" + input.name + "' has the datatype '" + input.datatype + "'",
                 "send BYTES or FP32"};
  if (data && binary_bytes)
    return malformed("input '" + input.name + "' has both 'data' and 'binary_data_size'");
  if (binary_bytes) {
    if (*binary_bytes > binary.size())
      return malformed("input '" + input.name + "' claims " + std::to_string(*binary_bytes) +
                       " binary bytes where " + std::to_string(binary.size()) + " are left");
    const auto own = binary.substr(0, static_cast<std::size_t>(*binary_bytes));
    binary.remove_prefix(own.size());
    return read_binary(own, input, elements);
  }
  if (!data) return malformed("input '" + input.name + "' has no 'data'");
  if (auto read = read_data(*data, input, elements, 0); !read) return read;
  const std::size_t found = std::visit([](const auto& all) { return all.size(); }, input.data);
  if (found != elements) return wrong_count(input, found, elements);
  return {};
}

Status read_output(dom::element value, InferOutput& output) {
  dom::object fields;
  if (value.get(fields)) return wrong_type("outputs", "a list of objects");
  for (const auto& [key, field] : fields) {
    if (key == "name") {
      auto text = text_of(key, field);
      if (!text) return text.error();
      output.name = std::move(*text);
    } else if (key == "parameters") {
      dom::object parameters;
      if (field.get(parameters)) return wrong_type("parameters", "an object");
      for (const auto& [name, parameter] : parameters) {
        if (name == "classification" || name == "shared_memory_region")
          return Error{ErrorCode::unsupported,
                       "no output can be had with '" + std::string(name) + "'", ""};
        if (name != "binary_data") continue;
        const auto flag = flag_of(name, parameter);
        if (!flag) return flag.error();
        output.binary = *flag;
      }
    }
  }
  if (output.name.empty()) return malformed("an output has no 'name'");
  return {};
}

Status read_parameters(dom::element value, InferRequest& request) {
  dom::object parameters;
  if (value.get(parameters)) return wrong_type("parameters", "an object");
  for (const auto& [key, field] : parameters) {
    if (is_wish(key)) {
      if (auto read = read_wish(key, field, request.wishes); !read) return read;
    } else if (key == "binary_data_output") {
      const auto flag = flag_of(key, field);
      if (!flag) return flag.error();
      request.binary_output = *flag;
    }
  }
  return {};
}

template <class Item, class Read>
Status read_list(std::string_view key, dom::element value, std::vector<Item>& items, Read read) {
  dom::array list;
  if (value.get(list)) return wrong_type(key, "a list");
  for (const dom::element one : list) {
    if (items.size() == inputs_max)
      return Error{ErrorCode::too_large,
                   "more than " + std::to_string(inputs_max) + " " + std::string(key), ""};
    items.emplace_back();
    if (auto done = read(one, items.back()); !done) return done;
  }
  return {};
}

}  // namespace

struct BodyReader::Parser {
  dom::parser parser;

  // `bytes` of `text`, which may grow so that simdjson can read beyond them.
  Result<dom::object> object(std::string& text, std::size_t bytes) {
    if (text.size() < bytes + simdjson::SIMDJSON_PADDING)
      text.reserve(bytes + simdjson::SIMDJSON_PADDING);
    dom::element root;
    if (const auto failed = parser.parse(text.data(), bytes, false).get(root))
      return malformed(std::string("the body is not JSON: ") + simdjson::error_message(failed));
    dom::object fields;
    if (root.get(fields)) return malformed("the body is JSON, but no object");
    return fields;
  }
};

BodyReader::BodyReader() : parser_(std::make_unique<Parser>()) {}
BodyReader::~BodyReader() = default;

Result<InferRequest> BodyReader::infer(std::string& body, std::string_view json_bytes) {
  std::size_t json = body.size();
  if (!json_bytes.empty()) {
    const auto [end, failed] =
        std::from_chars(json_bytes.data(), json_bytes.data() + json_bytes.size(), json);
    if (failed != std::errc() || end != json_bytes.data() + json_bytes.size() || json > body.size())
      return malformed("Inference-Header-Content-Length is no length within the body",
                       "give the bytes of the JSON that the body starts with");
  }
  const auto fields = parser_->object(body, json);
  if (!fields) return fields.error();
  std::string_view binary = std::string_view(body).substr(json);

  InferRequest request;
  std::optional<dom::element> inputs;
  for (const auto& [key, field] : *fields) {
    Status read;
    if (key == "id") {
      auto id = text_of(key, field);
      if (!id) return id.error();
      if (id->size() > limits::name_bytes_max)
        return Error{ErrorCode::too_large,
                     "'id' has more than " + std::to_string(limits::name_bytes_max) + " bytes", ""};
      request.id = std::move(*id);
    } else if (key == "parameters") {
      read = read_parameters(field, request);
    } else if (key == "inputs") {
      inputs = field;
    } else if (key == "outputs") {
      read = read_list(key, field, request.outputs, read_output);
    }
    if (!read) return read.error();
  }
  if (!inputs) return malformed("the request has no 'inputs'");
  auto read = read_list(
      "inputs", *inputs, request.inputs,
      [&](dom::element one, InferInput& input) { return read_input(one, binary, input); });
  if (!read) return read.error();
  if (!binary.empty())
    return malformed(
        "the body has " + std::to_string(binary.size()) + " binary bytes that no input claims",
        "set 'binary_data_size' of each input to its bytes");
  return request;
}

Result<EmbeddingsRequest> BodyReader::embeddings(std::string& body) {
  const auto fields = parser_->object(body, body.size());
  if (!fields) return fields.error();
  EmbeddingsRequest request;
  bool has_input = false;
  for (const auto& [key, field] : *fields) {
    if (key == "model") {
      auto model = text_of(key, field);
      if (!model) return model.error();
      request.model = std::move(*model);
    } else if (key == "encoding_format") {
      const auto format = text_of(key, field);
      if (!format) return format.error();
      if (*format != "float" && *format != "base64")
        return wrong_type(key, "\"float\" or \"base64\"");
      request.base64 = *format == "base64";
    } else if (key == "dimensions") {
      const auto dimensions = count_of(key, field);
      if (!dimensions) return dimensions.error();
      request.dimensions = *dimensions;
    } else if (is_wish(key)) {
      if (auto read = read_wish(key, field, request.wishes); !read) return read.error();
    } else if (key == "input") {
      has_input = true;
      request.input.clear();
      std::string_view one;
      dom::array many;
      if (!field.get(one)) {
        request.input.emplace_back(one);
        continue;
      }
      if (field.get(many)) return wrong_type(key, "a text or a list of texts");
      for (const dom::element each : many) {
        if (each.get(one))
          return Error{ErrorCode::invalid_argument, "'input' must be a text or a list of texts",
                       "send texts; lists of tokens belong to one tokenizer and are not read"};
        request.input.emplace_back(one);
      }
    }
  }
  if (request.model.empty()) return malformed("the request has no 'model'");
  if (!has_input || request.input.empty()) return malformed("the request has no 'input'");
  return request;
}

}  // namespace troupe::gateway
