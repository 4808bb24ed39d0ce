// A request's trace, from the client's span to those of its tasks; and the ids of these tasks.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/catch.hpp"
#include "tests/gateway/house.hpp"

using namespace troupe;
using nlohmann::json;
using tests::House;
using tracing::Span;

namespace {

const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
const std::string sampled = "00-" + trace + "-00f067aa0ba902b7-01";
const std::string unsampled = "00-" + trace + "-00f067aa0ba902b7-00";
constexpr tracing::TracerOptions recording{true, 0, 4096};

std::string embed_body(std::size_t texts, const std::string& more = "") {
  json input = json::array();
  for (std::size_t i = 0; i < texts; ++i) input.push_back("text " + std::to_string(i));
  return R"({"model":"tiny","input":)" + input.dump() + more + "}";
}

std::vector<Span> named(const std::vector<Span>& spans, std::string_view name) {
  std::vector<Span> found;
  for (const Span& span : spans)
    if (span.name == name) found.push_back(span);
  return found;
}

std::size_t ids_in(const std::string& header) {
  constexpr std::size_t id_digits = 32;
  return (header.size() + 2) / (id_digits + 2);
}

}  // namespace

TEST_CASE("the tasks of a request stand below its span, and that below the client's") {
  House house({.tracing = recording});
  const auto answered =
      house.ask("POST", "/v1/embeddings?x=1", embed_body(3), {{"traceparent", sampled}});
  REQUIRE(answered.status == 200);
  const auto spans = house.node->tracer().take(4096);
  const auto requests = named(spans, "embeddings");
  REQUIRE(requests.size() == 1);
  const Span& request = requests[0];
  CHECK(request.parent == 0x00f067aa0ba902b7);
  CHECK(request.kind == tracing::SpanKind::server);
  CHECK(traceparent(request.self) == answered.headers.at("traceparent"));
  CHECK(request.error.empty());
  const auto has = [&](std::string_view key, const tracing::Attribute::Value& value) {
    return std::any_of(request.attributes.begin(), request.attributes.end(),
                       [&](const auto& one) { return one.key == key && one.value == value; });
  };
  CHECK(has("http.request.method", std::string("POST")));
  CHECK(has("url.path", std::string("/v1/embeddings")));
  CHECK(has("http.response.status_code", std::int64_t{200}));
  const auto tasks = named(spans, "task");
  REQUIRE(tasks.size() == 3);
  for (const Span& task : tasks) {
    CHECK(task.parent == request.self.span);
    CHECK(trace_id(task.self) == trace);
    CHECK(task.begin >= request.begin);
    CHECK(task.end <= request.end);
  }
  CHECK(named(spans, "device").size() == 3);
}

TEST_CASE("what is not sampled leaves no span, and its ids flow all the same") {
  House house({.tracing = recording});
  for (const auto& parent : {unsampled, std::string("nonsense")}) {
    const auto answered =
        house.ask("POST", "/v1/embeddings", embed_body(1), {{"traceparent", parent}});
    CHECK(answered.status == 200);
    CHECK(answered.headers.at("traceparent").substr(53) == "00");
  }
  CHECK(house.node->tracer().take(4096).empty());
}

TEST_CASE("with a share of one, work that nobody traces begins a trace, and a question does not") {
  House house({.tracing = {true, 1, 4096}});
  CHECK(house.ask("GET", "/v2").headers.at("traceparent").substr(53) == "00");
  CHECK(house.node->tracer().take(4096).empty());
  const auto answered = house.ask("POST", "/v1/embeddings", embed_body(1));
  CHECK(answered.headers.at("traceparent").substr(53) == "01");
  const auto spans = house.node->tracer().take(4096);
  REQUIRE(named(spans, "embeddings").size() == 1);
  CHECK(named(spans, "embeddings")[0].parent == 0);
  // Who says no means no.
  (void)house.ask("POST", "/v1/embeddings", embed_body(1), {{"traceparent", unsampled}});
  CHECK(house.node->tracer().take(4096).empty());
}

TEST_CASE("spans that are taken and spans that are dropped are counted") {
  House house({.tracing = {true, 0, 2}});
  (void)house.ask("POST", "/v1/embeddings", embed_body(1), {{"traceparent", sampled}});
  CHECK(house.node->tracer().take(4096).size() == 2);
  CHECK(house.metric("troupe_spans_dropped_total") > 0);
  CHECK(house.metric("troupe_spans_exported_total") == 0);
}

TEST_CASE("an answer names its tasks, so that they can be explained") {
  House house;
  const auto client = house.cluster.client({"a"});
  const auto one = house.ask("POST", "/v1/embeddings", embed_body(1));
  const auto id = one.headers.at("troupe-task-id");
  CHECK(id.size() == 32);
  const auto explained = client->control("a", "explain", id, std::chrono::seconds(20));
  REQUIRE(explained);
  const json told = json::parse(*explained);
  CHECK(told.at("task") == id);
  CHECK(told.at("trace") == one.headers.at("traceparent").substr(3, 32));

  CHECK(ids_in(house.ask("POST", "/v1/embeddings", embed_body(3)).headers.at("troupe-task-id")) ==
        3);
  // A header has room for some of many.
  CHECK(ids_in(house.ask("POST", "/v1/embeddings", embed_body(100)).headers.at("troupe-task-id")) ==
        32);
  // Those of a request that failed are the ones that one wants to ask about.
  const auto late = house.ask("POST", "/v1/embeddings", embed_body(2, R"(,"timeout":1)"));
  CHECK(late.status >= 400);
  CHECK(ids_in(late.headers.at("troupe-task-id")) == 2);
  CHECK_FALSE(house.ask("GET", "/v2").headers.contains("troupe-task-id"));
}
