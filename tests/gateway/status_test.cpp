// Watching a node over HTTP: the page, the status once, and the status as a stream that nobody can
// hold the node up with.
#include <deque>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <thread>

#include "base/clock.hpp"
#include "gateway/front_door.hpp"
#include "gateway/status_page.hpp"
#include "tests/catch.hpp"
#include "tests/gateway/house.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using nlohmann::json;
using tests::House;
using tests::RawClient;

namespace {

// The status in the next event.
json next_status(RawClient& client) {
  const std::string event = client.read_chunk();
  INFO(event);
  REQUIRE(event.starts_with("data: {"));
  REQUIRE(event.ends_with("}\n\n"));
  return json::parse(event.substr(6));
}

}  // namespace

TEST_CASE("the page is the repository's file, under a policy that lets nothing else run") {
  House watched;
  std::ifstream file(TROUPE_SOURCE_DIR "/gateway/status_page.html", std::ios::binary);
  const std::string html{std::istreambuf_iterator<char>(file), {}};
  REQUIRE_FALSE(html.empty());
  for (const char* target : {"/", "/status"}) {
    const auto page = watched.client().ask("GET", target);
    CHECK(page.status == 200);
    CHECK(page.headers.at("content-type") == "text/html; charset=utf-8");
    CHECK(page.body == html);
    const std::string& policy = page.headers.at("content-security-policy");
    CHECK(policy.find("default-src 'none'; script-src 'sha256-") == 0);
    CHECK(policy.find("unsafe") == std::string::npos);
  }
  const auto head = watched.client().ask("HEAD", "/");
  CHECK(head.status == 200);
  CHECK(head.headers.at("content-length") == std::to_string(html.size()));
  CHECK(watched.client().ask("POST", "/", "x").status == 405);
  CHECK(watched.client().ask("DELETE", "/status/events").status == 405);
}

TEST_CASE("the status says what devices, tenants and every task's time were") {
  House watched;
  const std::string texts = json{{"model", "tiny"}, {"input", {"a", "b c", "d"}}}.dump();
  REQUIRE(watched.client().ask("POST", "/v1/embeddings", texts).status == 200);
  const json status = json::parse(watched.client().ask("GET", "/status.json").body);
  CHECK(status["node"] == "a");
  const json& lane = status["lanes"]["ordinary"];
  CHECK(lane["completed"] == 3);
  CHECK(lane["turned_away"] == 0);
  for (const char* which : {"queue_ms", "batch_wait_ms", "total_ms"}) {
    std::uint64_t in_ranges = 0;
    std::uint64_t edge_us = 0;
    for (const auto& range : lane[which]["ranges_us"]) {
      CHECK(range[0].get<std::uint64_t>() > edge_us);
      edge_us = range[0].get<std::uint64_t>();
      in_ranges += range[1].get<std::uint64_t>();
    }
    INFO(which << lane[which]);
    CHECK(in_ranges == 3);
    const double slowest = lane[which]["max"];  // an edge of a narrower range
    CHECK(static_cast<double>(edge_us) / 1e3 >= slowest);
    CHECK(static_cast<double>(edge_us) / 1e3 <= slowest * 1.126 + 0.001);
  }
  CHECK(lane["total_ms"]["sum"].get<double>() > 0);
  CHECK(status["devices"][0]["tasks"] == 3);
  CHECK(status["devices"][0]["busy_s"].get<double>() > 0);
  CHECK(status["tenants"][0]["name"] == "default");
  CHECK(status["tenants"][0]["completed"] == 3);
}

TEST_CASE("who watches gets a status at once and then every second, with its times apart") {
  House watched;
  auto client = watched.client();
  client.send(tests::request("GET", "/status/events"));
  const auto head = client.read_head();
  CHECK(head.status == 200);
  CHECK(head.headers.at("content-type") == "text/event-stream");
  CHECK(head.headers.at("cache-control") == "no-store");
  CHECK(head.headers.at("transfer-encoding") == "chunked");
  CHECK(head.headers.contains("traceparent"));
  const json first = next_status(client);
  const json second = next_status(client);
  const json third = next_status(client);
  CHECK(first["node"] == "a");
  CHECK(second["uptime_s"].get<double>() - first["uptime_s"].get<double>() > 0.9);
  CHECK(third["uptime_s"].get<double>() - second["uptime_s"].get<double>() > 0.9);
  // The only loop serves others meanwhile.
  CHECK(watched.client().ask("GET", "/v2/health/ready").status == 200);
}

TEST_CASE("a client of HTTP/1.0 gets the events as they are, until its connection ends") {
  House watched;
  auto client = watched.client();
  client.send("GET /status/events HTTP/1.0\r\n\r\n");
  const auto head = client.read_head();
  CHECK(head.status == 200);
  CHECK_FALSE(head.headers.contains("transfer-encoding"));
  watched.door->drain(0ms);
  const std::string all = client.read_rest();
  CHECK(all.starts_with("data: {"));
  CHECK(all.ends_with("}\n\n"));
}

TEST_CASE("asked for its head only, the stream is its head and counts for nothing") {
  House watched;
  for (int i = 0; i < 2 * static_cast<int>(gateway::event_streams_max); ++i) {
    auto client = watched.client();
    client.send(tests::request("HEAD", "/status/events"));
    CHECK(client.read_head().status == 200);
    CHECK(client.read_rest().empty());
  }
  watched.wait_connections(0);
}

TEST_CASE("where there are keys, the page comes without one and the status does not") {
  const auto made = gateway::make_api_key("team");
  REQUIRE(made);
  House watched({.keys = {made->line}});
  CHECK(watched.client().ask("GET", "/").status == 200);
  for (const char* target : {"/status.json", "/status/events"}) {
    CHECK(watched.client().ask("GET", target).status == 401);
    CHECK(watched.client().ask("GET", target, "", {{"Authorization", "Bearer no"}}).status == 401);
  }
  const std::vector<std::pair<std::string, std::string>> key = {
      {"Authorization", "Bearer " + made->key}};
  CHECK(watched.client().ask("GET", "/status.json", "", key).status == 200);
  auto client = watched.client();
  client.send(tests::request("GET", "/status/events", "", key));
  CHECK(client.read_head().status == 200);
  CHECK(next_status(client)["node"] == "a");
}

TEST_CASE("streams have a limit, and who leaves makes room") {
  gateway::ServerOptions server;
  server.threads = 2;
  House watched({.server = server});
  std::deque<RawClient> all;
  for (std::uint32_t i = 0; i < gateway::event_streams_max; ++i) {
    all.emplace_back(watched.door->port());
    all.back().send(tests::request("GET", "/status/events"));
    REQUIRE(all.back().read_head().status == 200);
  }
  const auto refused = watched.client().ask("GET", "/status/events");
  CHECK(refused.status == 503);
  CHECK(refused.headers.at("troupe-error") == "queue_full");
  CHECK(refused.headers.contains("retry-after"));
  CHECK(watched.client().ask("GET", "/status.json").status == 200);
  for (auto& client : all) CHECK(next_status(client)["node"] == "a");
  all.pop_front();
  watched.wait_connections(gateway::event_streams_max - 1);
  auto next = watched.client();
  next.send(tests::request("GET", "/status/events"));
  CHECK(next.read_head().status == 200);
  CHECK(next_status(next)["node"] == "a");
}

TEST_CASE("a door with few connections gives watchers a quarter of them") {
  gateway::ServerOptions server;
  server.connections_max = 8;
  House watched({.server = server});
  std::deque<RawClient> all;
  for (int i = 0; i < 2; ++i) {
    all.emplace_back(watched.door->port());
    all.back().send(tests::request("GET", "/status/events"));
    REQUIRE(all.back().read_head().status == 200);
  }
  CHECK(watched.client().ask("GET", "/status/events").status == 503);
}

TEST_CASE("the time for a request and for silence does not end a stream") {
  gateway::ServerOptions server;
  server.idle_timeout = 50ms;
  server.request_timeout = 50ms;
  server.write_timeout = 500ms;
  House watched({.server = server});
  auto client = watched.client();
  client.send(tests::request("GET", "/status/events"));
  REQUIRE(client.read_head().status == 200);
  for (int i = 0; i < 3; ++i) CHECK(next_status(client)["node"] == "a");
}

TEST_CASE("when the node goes away, streams end as they should and no new one begins") {
  House watched;
  auto client = watched.client();
  client.send(tests::request("GET", "/status/events"));
  REQUIRE(client.read_head().status == 200);
  CHECK(next_status(client)["node"] == "a");
  watched.door->drain(20s);  // a stream is no work to wait for
  std::string last;
  do last = client.read_chunk();
  while (!last.empty());
  CHECK(client.is_closed());
  const auto refused = watched.client().ask("GET", "/status/events");
  CHECK(refused.status == 503);
  CHECK(refused.headers.at("troupe-error") == "draining");
  CHECK(watched.client().ask("GET", "/status.json").status == 200);
}

TEST_CASE("a door that stops at once lets go of its streams") {
  House watched;
  std::deque<RawClient> all;
  for (int i = 0; i < 8; ++i) {
    all.emplace_back(watched.door->port());
    all.back().send(tests::request("GET", "/status/events"));
    REQUIRE(all.back().read_head().status == 200);
  }
  watched.door->stop();
  for (auto& client : all) CHECK(client.is_closed());
}
