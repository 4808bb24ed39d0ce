// The door of a real node: requests become tasks, outcomes become answers.
#include "gateway/front_door.hpp"

#include <cmath>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/clock.hpp"
#include "tests/actors/devices.hpp"
#include "tests/catch.hpp"
#include "tests/gateway/house.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using nlohmann::json;
using tests::House;
using tests::RawClient;

namespace {

std::string infer_body(const std::vector<std::string>& texts,
                       const std::string& parameters = "{}") {
  return R"({"id":"7","parameters":)" + parameters + R"(,"inputs":[{"name":"text","shape":[)" +
         std::to_string(texts.size()) + R"(],"datatype":"BYTES","data":)" + json(texts).dump() +
         "}]}";
}

double length_of(const std::vector<float>& vector) {
  double sum = 0;
  for (const float x : vector) sum += static_cast<double>(x) * static_cast<double>(x);
  return std::sqrt(sum);
}

}  // namespace

TEST_CASE("texts become vectors, the same through both protocols and in every encoding") {
  House house;
  const std::vector<std::string> texts = {"hello world", "a b c", "hello world"};
  const auto inferred = house.ask("POST", "/v2/models/tiny/infer", infer_body(texts));
  INFO(inferred.body);
  REQUIRE(inferred.status == 200);
  const json body = json::parse(inferred.body);
  CHECK(body["id"] == "7");
  const auto width = body["outputs"][0]["shape"][1].get<std::size_t>();
  CHECK(body["outputs"][0]["shape"][0] == 3);
  const auto all = body["outputs"][0]["data"].get<std::vector<float>>();
  REQUIRE(all.size() == 3 * width);
  const auto row = [&](std::size_t i) {
    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(i * width);
    return std::vector<float>(begin, begin + static_cast<std::ptrdiff_t>(width));
  };
  CHECK(length_of(row(0)) == Approx(1).margin(1e-4));
  CHECK(row(0) == row(2));
  CHECK(row(0) != row(1));

  const auto binary = house.ask("POST", "/v2/models/tiny/versions/1/infer",
                                infer_body(texts, R"({"binary_data_output":true})"));
  REQUIRE(binary.status == 200);
  const auto head = std::stoul(binary.headers.at("inference-header-content-length"));
  CHECK(binary.body.substr(head) ==
        std::string(reinterpret_cast<const char*>(all.data()), all.size() * sizeof(float)));

  const auto embedded =
      house.ask("POST", "/v1/embeddings", json{{"model", "tiny"}, {"input", texts}}.dump());
  REQUIRE(embedded.status == 200);
  const json list = json::parse(embedded.body);
  REQUIRE(list["data"].size() == 3);
  CHECK(list["data"][1]["embedding"].get<std::vector<float>>() == row(1));
  CHECK(list["usage"]["prompt_tokens"].get<int>() > 3);

  const json stats = json::parse(house.ask("GET", "/v2/models/tiny/stats").body);
  CHECK(stats["model_stats"][0]["inference_count"] == 9);
  const auto metrics = house.ask("GET", "/metrics").body;
  CHECK(metrics.find("troupe_tenant_tasks_completed_total{tenant=\"default\"} 9\n") !=
        std::string::npos);
  CHECK(metrics.find("troupe_http_requests_total{ask=\"infer\",code=\"200\"} 2\n") !=
        std::string::npos);
}

TEST_CASE("what a node is and has can be asked") {
  House house;
  CHECK(house.ask("GET", "/v2/health/live").status == 200);
  CHECK(house.ask("GET", "/v2/health/ready").status == 200);
  CHECK(json::parse(house.ask("GET", "/v2").body)["version"] == "1.2.3");
  CHECK(json::parse(house.ask("GET", "/v2/models/tiny").body)["name"] == "tiny");
  CHECK(house.ask("GET", "/v2/models/tiny/ready").status == 200);
  CHECK(json::parse(house.ask("GET", "/v2/models/stats").body)["model_stats"].size() == 1);
  CHECK(json::parse(house.ask("POST", "/v2/repository/index").body)[0]["name"] == "tiny");
  CHECK(json::parse(house.ask("GET", "/v1/models").body)["data"][0]["id"] == "tiny");
  CHECK(json::parse(house.ask("GET", "/v1/models/tiny").body)["id"] == "tiny");
}

TEST_CASE(
    "what is wrong with a request is said with the right status, and nothing is left behind") {
  House house;
  const auto status = [&](std::string_view method, std::string_view target, std::string_view body) {
    const auto answered = house.ask(method, target, body);
    const json told = json::parse(answered.body);
    CHECK(told.contains("error"));
    return answered.status;
  };
  CHECK(status("GET", "/nothing", "") == 404);
  CHECK(status("GET", "/v2/models/other", "") == 404);
  CHECK(status("GET", "/v2/models/other/ready", "") == 404);
  CHECK(status("GET", "/v2/models/tiny/versions/2", "") == 404);
  CHECK(status("GET", "/v1/models/other", "") == 404);
  CHECK(status("POST", "/v2/models/other/infer", infer_body({"a"})) == 404);
  CHECK(status("POST", "/v1/embeddings", R"({"model":"other","input":"a"})") == 404);
  CHECK(status("DELETE", "/v2/models/tiny", "") == 405);
  CHECK(status("GET", "/v1/embeddings", "") == 405);
  CHECK(status("POST", "/v2/models/tiny/infer", "{") == 400);
  CHECK(status("POST", "/v2/models/tiny/infer", infer_body({})) == 400);
  CHECK(status("POST", "/v2/models/tiny/infer", R"({"inputs":[]})") == 400);
  const auto named = [](const std::string& name, const std::string& type, const std::string& shape,
                        const std::string& data) {
    return R"({"inputs":[{"name":")" + name + R"(","datatype":")" + type + R"(","shape":)" + shape +
           R"(,"data":)" + data + "}]}";
  };
  CHECK(status("POST", "/v2/models/tiny/infer", named("tokens", "BYTES", "[1]", R"(["a"])")) ==
        400);
  CHECK(status("POST", "/v2/models/tiny/infer", named("text", "FP32", "[1]", "[1]")) == 400);
  CHECK(status("POST", "/v2/models/tiny/infer", named("text", "BYTES", "[1,2]", R"(["a","b"])")) ==
        400);
  CHECK(status("POST", "/v2/models/tiny/infer",
               R"({"outputs":[{"name":"logits"}],)" + infer_body({"a"}).substr(1)) == 400);
  CHECK(status("POST", "/v1/embeddings", R"({"model":"tiny","input":"a","dimensions":3})") == 400);
  CHECK(status("POST", "/v1/embeddings",
               json{{"model", "tiny"}, {"input", std::vector<std::string>(1025, "a")}}.dump()) ==
        413);
  // The second text is too long: the first one's task is withdrawn.
  CHECK(status("POST", "/v1/embeddings",
               json{{"model", "tiny"}, {"input", {"a", std::string(70'000, 'x')}}}.dump()) == 413);
  CHECK(house.ask("POST", "/v1/embeddings", R"({"model":"tiny","input":"a"})").status == 200);
}

TEST_CASE("priority and timeout reach the scheduler") {
  const auto device = std::make_shared<tests::HeldDevice>();
  House house({.device = device});
  auto blocks = house.client();
  blocks.send(
      tests::request("POST", "/v2/models/tiny/infer", infer_body({"a"}, R"({"priority":2})")));
  device->wait_held(1);
  // Nothing moves, so its millisecond passes; or the scheduler sees at once that it must.
  const auto late = house.ask("POST", "/v2/models/tiny/infer",
                              infer_body({"b"}, R"({"priority":1,"timeout":1000})"));
  INFO(late.body);
  CHECK((late.status == 504 || late.status == 429));
  device->release();
  CHECK(blocks.read().status == 200);
  const auto stats = house.node->facts().stats;
  CHECK(stats.lanes[static_cast<std::size_t>(Lane::ordinary)].accepted == 1);
}

TEST_CASE("a full queue is answered with 429 and when to come again") {
  const auto device = std::make_shared<tests::HeldDevice>();
  House house({.device = device, .tasks_max = 1});
  auto first = house.client();
  first.send(tests::request("POST", "/v1/embeddings", R"({"model":"tiny","input":"a"})"));
  device->wait_held(1);
  const auto full = house.ask("POST", "/v1/embeddings", R"({"model":"tiny","input":["b","c"]})");
  CHECK(full.status == 429);
  CHECK(full.headers.at("retry-after") == "1");
  CHECK(full.headers.at("troupe-error") == "queue_full");
  // It was never accepted, so nothing but this tells of it.
  const json lanes = json::parse(house.ask("GET", "/status.json").body)["lanes"];
  CHECK(lanes["ordinary"]["turned_away"] == 1);
  CHECK(lanes["urgent"]["turned_away"] == 0);
  CHECK(house.ask("GET", "/metrics")
            .body.find("\ntroupe_tasks_turned_away_total{lane=\"ordinary\"} 1\n") !=
        std::string::npos);
  device->release();
  CHECK(first.read().status == 200);
}

TEST_CASE("a client that leaves has its tasks withdrawn") {
  const auto device = std::make_shared<tests::HeldDevice>();
  House house({.device = device});
  auto blocks = house.client();
  blocks.send(tests::request("POST", "/v1/embeddings", R"({"model":"tiny","input":"a"})"));
  device->wait_held(1);
  {
    auto leaves = house.client();
    leaves.send(
        tests::request("POST", "/v1/embeddings", R"({"model":"tiny","input":"b","priority":2})"));
    const Instant give_up = now() + 20s;
    const auto accepted = [&] {
      return house.node->facts().stats.lanes[static_cast<std::size_t>(Lane::ordinary)].accepted;
    };
    while (accepted() < 2 && now() < give_up) std::this_thread::yield();
    REQUIRE(accepted() == 2);
  }
  const auto canceled = [&] {
    std::uint64_t tasks = 0;
    for (const auto& lane : house.node->facts().stats.lanes)
      if (const auto found = lane.failed.find(ErrorCode::canceled); found != lane.failed.end())
        tasks += found->second;
    return tasks;
  };
  const Instant give_up = now() + 20s;
  while (canceled() == 0 && now() < give_up) std::this_thread::yield();
  CHECK(canceled() == 1);
  device->release();
  CHECK(blocks.read().status == 200);
}

TEST_CASE("with keys, only who has one may ask, and tasks are its tenant's") {
  const auto one = *gateway::make_api_key("one");
  const auto two = *gateway::make_api_key("two");
  House house({.keys = {one.line, two.line}});
  const std::string body = R"({"model":"tiny","input":"a"})";
  const auto ask = [&](const std::string& authorization) {
    return house.ask("POST", "/v1/embeddings", body, {{"Authorization", authorization}});
  };
  const auto refused = house.ask("POST", "/v1/embeddings", body);
  CHECK(refused.status == 401);
  CHECK(refused.headers.at("www-authenticate") == "Bearer");
  CHECK(json::parse(refused.body)["error"]["type"] == "authentication_error");
  CHECK(ask("Bearer " + one.key + "x").status == 401);
  CHECK(ask(one.key).status == 401);
  // Without a key not even what there is can be found out; but health can.
  CHECK(house.ask("GET", "/v1/models").status == 401);
  CHECK(house.ask("GET", "/v2/models/other").status == 401);
  CHECK(house.ask("GET", "/nothing").status == 401);
  CHECK(house.ask("GET", "/metrics").status == 401);
  CHECK(house.ask("GET", "/v2/health/live").status == 200);
  CHECK(house.ask("GET", "/v2/health/ready").status == 200);
  CHECK(ask("Bearer " + one.key).status == 200);
  CHECK(ask("Bearer " + two.key).status == 200);
  CHECK(ask("bearer " + two.key).status == 200);
  const auto metrics =
      house.ask("GET", "/metrics", "", {{"Authorization", "Bearer " + one.key}}).body;
  CHECK(metrics.find("troupe_tenant_tasks_completed_total{tenant=\"one\"} 1\n") !=
        std::string::npos);
  CHECK(metrics.find("troupe_tenant_tasks_completed_total{tenant=\"two\"} 2\n") !=
        std::string::npos);
  CHECK(metrics.find(one.key) == std::string::npos);
}

TEST_CASE("a trace goes on through every answer, good or bad") {
  House house;
  const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  const std::string parent = "00-" + trace + "-00f067aa0ba902b7-01";
  for (const auto* target : {"/v2", "/nothing", "/v2/health/ready"}) {
    const auto answered = house.ask("GET", target, "", {{"traceparent", parent}});
    const auto ours = answered.headers.at("traceparent");
    CHECK(ours.substr(0, 36) == "00-" + trace + "-");
    CHECK(ours.substr(53) == "01");
    CHECK(ours != parent);
  }
  const auto fresh = house.ask("GET", "/v2", "", {{"traceparent", "nonsense\""}});
  CHECK(fresh.headers.at("traceparent").substr(3, 32) != trace);
  CHECK(fresh.headers.at("traceparent").size() == parent.size());
}

TEST_CASE("a node that drains is not ready, takes nothing new and finishes what it has") {
  const auto device = std::make_shared<tests::HeldDevice>();
  House house({.device = device});
  auto waits = house.client();
  waits.send(tests::request("POST", "/v1/embeddings", R"({"model":"tiny","input":"a"})"));
  device->wait_held(1);
  auto other = house.client();
  CHECK(other.ask("GET", "/v2/health/ready").status == 200);
  std::thread draining([&] { house.door->drain(20s); });
  const Instant give_up = now() + 20s;
  unsigned ready = 200;
  while (ready == 200 && now() < give_up) ready = other.ask("GET", "/v2/health/ready").status;
  CHECK(ready == 503);
  CHECK(other.ask("GET", "/v2/health/live").status == 200);
  const auto refused = other.ask("POST", "/v1/embeddings", R"({"model":"tiny","input":"b"})");
  CHECK(refused.status == 503);
  CHECK(refused.headers.at("retry-after") == "1");
  CHECK(refused.headers.at("troupe-error") == "draining");
  device->release();
  draining.join();
  house.door->stop();
  CHECK(waits.read().status == 200);
  CHECK(waits.is_closed());
  CHECK(other.is_closed());
}

TEST_CASE("a door that stops lets go of what is under way") {
  const auto device = std::make_shared<tests::HeldDevice>();
  House house({.device = device});
  auto waits = house.client();
  waits.send(tests::request("POST", "/v1/embeddings", R"({"model":"tiny","input":["a","b"]})"));
  device->wait_held(1);
  house.door.reset();  // the limit for last words passes, then it is closed
  CHECK(waits.is_closed());
  device->release();
  house.node->stop();
}
