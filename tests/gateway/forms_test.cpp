// What we answer, byte by byte where a byte counts and as JSON where it does not.
#include "gateway/forms.hpp"

#include <cstring>
#include <nlohmann/json.hpp>

#include "gateway/status.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::gateway;
using nlohmann::json;

namespace {

const actors::ModelFacts tiny{"tiny", 2};
const std::vector<Embedding> rows = {{{1, 0}, 3, false}, {{-0.5F, 0.25F}, 5, true}};

std::string header(const Response& response, const std::string& name) {
  for (const auto& [key, value] : response.headers)
    if (key == name) return value;
  return "none";
}

}  // namespace

TEST_CASE("an infer response in JSON") {
  InferRequest request;
  request.id = "a \"quoted\" id";
  const auto response = infer_response("tiny", request, {1, 2}, rows);
  CHECK(response.content_type == "application/json");
  const json body = json::parse(response.body);
  CHECK(body["model_name"] == "tiny");
  CHECK(body["model_version"] == "1");
  CHECK(body["id"] == request.id);
  CHECK(body["parameters"]["task"] == "00000000000000010000000000000002");
  CHECK(body["parameters"]["tokens"] == 8);
  CHECK(body["parameters"]["truncated"] == 1);
  CHECK(body["outputs"] == json::parse(R"([{"name":"embedding","datatype":"FP32","shape":[2,2],
                                            "data":[1,0,-0.5,0.25]}])"));
}

TEST_CASE("an infer response with a binary tensor: JSON, then little-endian floats") {
  InferRequest request;
  SECTION("all outputs") {
    request.binary_output = true;
  }
  SECTION("by name") {
    request.outputs = {{"embedding", true}};
  }
  const auto response = infer_response("tiny", request, {1, 2}, rows);
  CHECK(response.content_type == "application/octet-stream");
  const auto length = std::stoul(header(response, "Inference-Header-Content-Length"));
  const json head = json::parse(response.body.substr(0, length));
  CHECK_FALSE(head.contains("id"));
  CHECK(head["outputs"][0]["parameters"]["binary_data_size"] == 16);
  CHECK(head["outputs"][0]["shape"] == json::array({2, 2}));
  CHECK_FALSE(head["outputs"][0].contains("data"));
  // 1, 0, -0.5, 0.25 by IEEE 754, the lowest byte first.
  const unsigned char floats[] = {0, 0, 0x80, 0x3f, 0, 0, 0, 0, 0, 0, 0, 0xbf, 0, 0, 0x80, 0x3e};
  CHECK(response.body.substr(length) ==
        std::string(reinterpret_cast<const char*>(floats), sizeof(floats)));
}

TEST_CASE("an embeddings response, as numbers and in base64") {
  EmbeddingsRequest request;
  request.model = "tiny";
  const json numbers = json::parse(embeddings_response("/v1/embeddings", request, rows).body);
  CHECK(numbers == json::parse(R"({"object":"list","model":"tiny",
    "data":[{"object":"embedding","index":0,"embedding":[1,0]},
            {"object":"embedding","index":1,"embedding":[-0.5,0.25]}],
    "usage":{"prompt_tokens":8,"total_tokens":8}})"));
  request.base64 = true;
  const json packed = json::parse(embeddings_response("/v1/embeddings", request, rows).body);
  CHECK(packed["data"][0]["embedding"] == "AACAPwAAAAA=");
  CHECK(packed["data"][1]["embedding"] == "AAAAvwAAgD4=");
}

TEST_CASE("metadata in the protocols' forms") {
  CHECK(json::parse(server_metadata("0.1.0").body) == json::parse(R"({"name":"troupe",
    "version":"0.1.0","extensions":["binary_tensor_data","statistics","model_repository"]})"));
  CHECK(json::parse(model_metadata(tiny).body) == json::parse(R"({"name":"tiny","versions":["1"],
    "platform":"troupe","inputs":[{"name":"text","datatype":"BYTES","shape":[-1]}],
    "outputs":[{"name":"embedding","datatype":"FP32","shape":[-1,2]}]})"));
  CHECK(json::parse(model_ready("tiny").body) == json::parse(R"({"name":"tiny","ready":true})"));
  CHECK(json::parse(repository_index({tiny}).body) ==
        json::parse(R"([{"name":"tiny","version":"1","state":"READY","reason":""}])"));
  CHECK(json::parse(openai_models({tiny}).body) == json::parse(R"({"object":"list","data":[
    {"id":"tiny","object":"model","created":0,"owned_by":"troupe"}]})"));
  CHECK(json::parse(openai_models({}).body)["data"].is_array());
}

TEST_CASE("a model's statistics are sums over its tasks") {
  actors::NodeFacts facts;
  facts.models = {tiny, {"other", 3}};
  auto& kind = facts.stats.kinds[{{}, ModelId{0}}];
  facts.stats.kinds[{scheduler::Operation::act, ModelId{0}}].completed = 1000;  // a policy's
  kind.completed = 10;
  kind.failed = 2;
  kind.batches = 4;
  kind.queue = std::chrono::microseconds(5);
  kind.compute = std::chrono::microseconds(7);
  const json body = json::parse(model_statistics(facts, {0, 1}).body);
  REQUIRE(body["model_stats"].size() == 2);
  CHECK(body["model_stats"][0] == json::parse(R"({"name":"tiny","version":"1","inference_count":10,
    "execution_count":4,"inference_stats":{"success":{"count":10,"ns":12000},"fail":{"count":2},
    "queue":{"count":10,"ns":5000},"compute_infer":{"count":10,"ns":7000}}})"));
  CHECK(body["model_stats"][1]["inference_count"] == 0);
}

TEST_CASE("errors have the protocol's form, the right status and the stable code") {
  const Error full{ErrorCode::queue_full, "4 tasks wait", "retry in 12ms"};
  const std::string words = "queue_full: 4 tasks wait (retry in 12ms)";
  const auto kserve = error_response("/v2/models/tiny/infer", full);
  CHECK(kserve.status == 429);
  CHECK(json::parse(kserve.body) == json{{"error", words}});
  CHECK(header(kserve, "Retry-After") == "1");
  CHECK(header(kserve, "Troupe-Error") == "queue_full");
  const auto openai = error_response("/v1/embeddings", full);
  const json inner = {
      {"code", "queue_full"}, {"param", nullptr}, {"message", words}, {"type", "rate_limit_error"}};
  CHECK(json::parse(openai.body) == json{{"error", inner}});
  const auto locked = error_response("/v2", {ErrorCode::unauthorized, "no key", ""});
  CHECK(locked.status == 401);
  CHECK(header(locked, "WWW-Authenticate") == "Bearer");
  CHECK(header(locked, "Retry-After") == "none");
  // Bytes of a request that are no text must not break the answer that quotes them.
  CHECK(json::accept(error_response("/v2", {ErrorCode::malformed, "\xff\xfe", ""}).body));
}

TEST_CASE("every error code has a status that has words") {
  for (std::uint16_t raw = 1; is_error_code(raw); ++raw) {
    const auto code = static_cast<ErrorCode>(raw);
    const unsigned status = status_of(code);
    INFO(name(code));
    CHECK(status >= 400);
    CHECK(status < 600);
    CHECK((status == 500 || reason_phrase(status) != reason_phrase(500)));
    if (is_worth_retrying(code)) CHECK((status == 429 || status == 503));
  }
  CHECK(status_of(ErrorCode::expired) == 504);
  CHECK(status_of(ErrorCode::draining) == 503);
  CHECK(status_of(ErrorCode::model_missing) == 404);
}
