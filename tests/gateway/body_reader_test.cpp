// Bodies of infer and embeddings requests: what the protocols' documents show, and what they
// forbid.
#include "gateway/body_reader.hpp"

#include <cstring>

#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::gateway;

namespace {

Result<InferRequest> infer(std::string body, std::string_view json_bytes = "") {
  BodyReader reader;
  return reader.infer(body, json_bytes);
}

Result<EmbeddingsRequest> embeddings(std::string body) {
  BodyReader reader;
  return reader.embeddings(body);
}

ErrorCode code_of(const std::string& body, std::string_view json_bytes = "") {
  const auto read = infer(body, json_bytes);
  INFO(body);
  REQUIRE_FALSE(read);
  CHECK_FALSE(read.error().what.empty());
  return read.error().code;
}

const std::vector<std::string>& texts(const InferInput& input) {
  return std::get<std::vector<std::string>>(input.data);
}

std::string with_input(const std::string& input) {
  return R"({"inputs":[)" + input + "]}";
}

constexpr std::string_view one_text =
    R"({"name":"text","shape":[1],"datatype":"BYTES","data":["a"]})";

std::string element(std::string_view text) {  // of a binary BYTES tensor
  std::string bytes(4, '\0');
  const auto length = static_cast<std::uint32_t>(text.size());
  std::memcpy(bytes.data(), &length, 4);
  return bytes.append(text);
}

}  // namespace

TEST_CASE("an infer request with JSON tensors, flat and nested") {
  const auto read = infer(R"({
    "id": "42",
    "parameters": {"priority": 1, "timeout": 50000, "binary_data_output": false, "other": [{}]},
    "inputs": [
      {"name": "text", "shape": [2], "datatype": "BYTES", "data": ["caf\u00e9", ""]},
      {"name": "number", "shape": [2, 2], "datatype": "FP32", "data": [[1, 2.5], [-3e2, 4]]}],
    "outputs": [{"name": "embedding", "parameters": {"binary_data": true}}],
    "unknown": {"is": "left out"}})");
  REQUIRE(read);
  CHECK(read->id == "42");
  CHECK(read->wishes.lane == Lane::urgent);
  CHECK(read->wishes.time_limit == std::chrono::milliseconds(50));
  REQUIRE(read->inputs.size() == 2);
  CHECK(texts(read->inputs[0]) == std::vector<std::string>{"caf\xc3\xa9", ""});
  CHECK(read->inputs[1].shape == std::vector<std::uint64_t>{2, 2});
  CHECK(std::get<std::vector<float>>(read->inputs[1].data) == std::vector<float>{1, 2.5, -300, 4});
  REQUIRE(read->outputs.size() == 1);
  CHECK(read->outputs[0].binary);
}

TEST_CASE("priority, timeout and weight become lane, time limit and weight") {
  const auto wishes = [](const std::string& parameters) {
    const auto read =
        infer(R"({"parameters":{)" + parameters + R"(},"inputs":[)" + std::string(one_text) + "]}");
    REQUIRE(read);
    return read->wishes;
  };
  CHECK_FALSE(wishes("").lane);
  CHECK_FALSE(wishes(R"("priority":0)").lane);
  CHECK(wishes(R"("priority":1)").lane == Lane::urgent);
  CHECK(wishes(R"("priority":2)").lane == Lane::ordinary);
  CHECK(wishes(R"("priority":9)").lane == Lane::ordinary);
  CHECK_FALSE(wishes(R"("timeout":0)").time_limit);
  CHECK(wishes(R"("timeout":1)").time_limit == std::chrono::microseconds(1));
  CHECK(wishes("").weight == 1);
  CHECK(wishes(R"("weight":3)").weight == 3);
  CHECK(wishes(R"("weight":0.5)").weight == 0.5F);
  for (const std::string wrong :
       {R"("weight":0)", R"("weight":-2)", R"("weight":1e9)", R"("weight":"2")", R"("priority":-1)",
        R"("priority":"1")", R"("priority":1.5)", R"("timeout":true)",
        R"("timeout":31536000000001)"})
    CHECK(code_of(R"({"parameters":{)" + wrong + R"(},"inputs":[)" + std::string(one_text) +
                  "]}") == ErrorCode::invalid_argument);
}

TEST_CASE("a request with binary tensors: JSON first, then the bytes in the order of the inputs") {
  const std::string json =
      R"({"inputs":[{"name":"text","shape":[2],"datatype":"BYTES","parameters":{"binary_data_size":13}},)"
      R"({"name":"n","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}}]})";
  const float numbers[] = {1.5F, -2};
  const std::string body = json + element("hello") + element("") +
                           std::string(reinterpret_cast<const char*>(numbers), sizeof(numbers));
  const auto read = infer(body, std::to_string(json.size()));
  REQUIRE(read);
  CHECK(texts(read->inputs[0]) == std::vector<std::string>{"hello", ""});
  CHECK(std::get<std::vector<float>>(read->inputs[1].data) == std::vector<float>{1.5F, -2});

  SECTION("sizes that lie") {
    const auto size = std::to_string(json.size());
    CHECK(code_of(body + "x", size) == ErrorCode::malformed);  // bytes that nobody claims
    CHECK(code_of(body.substr(0, body.size() - 1), size) == ErrorCode::malformed);
    CHECK(code_of(json, size) == ErrorCode::malformed);
    CHECK(code_of(body, std::to_string(body.size() + 1)) == ErrorCode::malformed);
    CHECK(code_of(body, "18446744073709551616") == ErrorCode::malformed);
    CHECK(code_of(body, "-1") == ErrorCode::malformed);
    CHECK(code_of(body, " 12") == ErrorCode::malformed);
    CHECK(code_of(body, std::to_string(json.size() - 1)) == ErrorCode::malformed);
    CHECK(code_of(body, "0") == ErrorCode::malformed);
    CHECK(code_of(body) == ErrorCode::malformed);  // all of it is JSON then
    std::string long_element = body;
    long_element[json.size()] = 6;  // an element into the next one
    CHECK(code_of(long_element, size) == ErrorCode::malformed);
    long_element[json.size() + 3] = '\x7f';
    CHECK(code_of(long_element, size) == ErrorCode::malformed);
  }
}

TEST_CASE("shapes and data that do not agree are refused") {
  const auto input = [](const std::string& shape, const std::string& data) {
    return with_input(R"({"name":"text","datatype":"BYTES","shape":)" + shape + R"(,"data":)" +
                      data + "}");
  };
  CHECK(code_of(input("[2]", R"(["a"])")) == ErrorCode::invalid_argument);
  CHECK(code_of(input("[1]", R"(["a","b"])")) == ErrorCode::invalid_argument);
  CHECK(code_of(input("[1]", R"([1])")) == ErrorCode::invalid_argument);
  CHECK(code_of(input("[1]", R"("a")")) == ErrorCode::invalid_argument);
  CHECK(code_of(input("[]", R"(["a"])")) == ErrorCode::invalid_argument);
  CHECK(code_of(input("[-1]", R"(["a"])")) == ErrorCode::invalid_argument);
  CHECK(code_of(input("[1.5]", R"(["a"])")) == ErrorCode::invalid_argument);
  CHECK(code_of(input("1", R"(["a"])")) == ErrorCode::invalid_argument);
  CHECK(code_of(input("[1,1,1,1,1]", R"(["a"])")) == ErrorCode::too_large);
  CHECK(code_of(input("[4294967296,4294967296]", R"(["a"])")) == ErrorCode::too_large);
  CHECK(code_of(input("[16777217]", R"(["a"])")) == ErrorCode::too_large);
  CHECK(code_of(input("[1]", R"([[[[[[["a"]]]]]]])")) == ErrorCode::invalid_argument);
}

TEST_CASE("what is no infer request is refused") {
  for (const std::string& wrong :
       {std::string(), std::string("{"), std::string("[]"), std::string("null"), std::string("{}"),
        std::string("{\"inputs\":[\xff]}"), std::string("{\"inputs\":[]} x"),
        std::string(2000, '['), with_input(R"({"name":"text"})"), with_input("{}"),
        with_input(R"({"name":"text","shape":[1],"datatype":"BYTES"})"),
        with_input(R"({"name":"text","shape":[1],"datatype":"BYTES","data":["a"],)"
                   R"("parameters":{"binary_data_size":1}})")})
    CHECK(code_of(wrong) == ErrorCode::malformed);
  for (const std::string& wrong :
       {std::string(R"({"inputs":{}})"), std::string(R"({"inputs":[1]})"),
        std::string(R"({"id":7,"inputs":[]})"), std::string(R"({"parameters":[],"inputs":[]})"),
        with_input(R"({"name":7})"),
        // The open inference protocol's own example, of types that nothing here reads.
        with_input(R"({"name":"input0","shape":[2,2],"datatype":"UINT32","data":[1,2,3,4]})"),
        with_input(R"({"name":"x","shape":[1],"datatype":"FP32","data":[1e39]})"),
        with_input(R"({"name":"x","shape":[1],"datatype":"BYTES",)"
                   R"("parameters":{"binary_data_size":"4"}})")})
    CHECK(code_of(wrong) == ErrorCode::invalid_argument);
  std::string many;
  for (int i = 0; i < 17; ++i) many += (i == 0 ? "" : ",") + std::string(one_text);
  CHECK(code_of(with_input(many)) == ErrorCode::too_large);
  CHECK(code_of(R"({"id":")" + std::string(129, 'i') + R"(","inputs":[]})") ==
        ErrorCode::too_large);
  CHECK(code_of(R"({"inputs":[],"outputs":[{"name":"o","parameters":{"classification":3}}]})") ==
        ErrorCode::unsupported);
}

TEST_CASE("an embeddings request, of one text or of several") {
  // https://platform.openai.com/docs/api-reference/embeddings/create
  const auto one = embeddings(
      R"({"input":"The food was delicious and the waiter...","model":"text-embedding-ada-002",)"
      R"("encoding_format":"float"})");
  REQUIRE(one);
  CHECK(one->model == "text-embedding-ada-002");
  CHECK(one->input == std::vector<std::string>{"The food was delicious and the waiter..."});
  CHECK_FALSE(one->base64);
  const auto two = embeddings(
      R"({"model":"m","input":["a","b"],"encoding_format":"base64","dimensions":384,"user":"u",)"
      R"("priority":1,"timeout":2000})");
  REQUIRE(two);
  CHECK(two->input.size() == 2);
  CHECK(two->base64);
  CHECK(two->dimensions == 384U);
  CHECK(two->wishes.lane == Lane::urgent);
  for (const std::string wrong :
       {"", "[]", R"({"model":"m"})", R"({"input":"a"})", R"({"model":"m","input":[]})",
        R"({"model":"m","input":[1,2]})", R"({"model":"m","input":[[1,2]]})",
        R"({"model":"m","input":{"a":1}})", R"({"model":1,"input":"a"})",
        R"({"model":"m","input":"a","encoding_format":"hex"})",
        R"({"model":"m","input":"a","dimensions":-1})"}) {
    INFO(wrong);
    const auto read = embeddings(wrong);
    REQUIRE_FALSE(read);
    CHECK((read.error().code == ErrorCode::malformed ||
           read.error().code == ErrorCode::invalid_argument));
  }
}

TEST_CASE("a reader reads one body after another, whatever the one before was") {
  BodyReader reader;
  std::string good = with_input(std::string(one_text));
  for (std::string bad : {std::string("{"), std::string(100'000, ' '), std::string("{\"a\":\"")}) {
    CHECK_FALSE(reader.infer(bad, ""));
    CHECK(reader.infer(good, ""));
  }
}
