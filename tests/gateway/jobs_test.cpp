// Long requests that nobody waits for: the store alone, and through the door.
#include "gateway/jobs.hpp"

#include <nlohmann/json.hpp>
#include <thread>

#include "base/clock.hpp"
#include "tests/actors/devices.hpp"
#include "tests/catch.hpp"
#include "tests/gateway/house.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using gateway::Jobs;
using gateway::JobState;
using nlohmann::json;
using tests::House;
using tests::RawClient;

namespace {

const tests::Headers async = {{"Prefer", "respond-async"}};

std::string embed_body(std::size_t texts, const std::string& more = "") {
  return R"({"model":"tiny",)" + more + R"("input":)" +
         json(std::vector<std::string>(texts, "hello world")).dump() + "}";
}

// Begins a job and returns where it is.
std::string begin(const House& house, const std::string& body, tests::Headers headers = {}) {
  headers.insert(headers.end(), async.begin(), async.end());
  const auto begun = house.ask("POST", "/v1/embeddings", body, headers);
  INFO(begun.body);
  REQUIRE(begun.status == 202);
  CHECK(begun.headers.at("preference-applied") == "respond-async");
  const json told = json::parse(begun.body);
  CHECK(begun.headers.at("location") == told["url"]);
  CHECK(told["state"] == "working");
  return told["url"];
}

json look(const House& house, const std::string& url, const tests::Headers& headers = {}) {
  const auto answered = house.ask("GET", url, "", headers);
  INFO(answered.body);
  REQUIRE(answered.status == 200);
  return json::parse(answered.body);
}

// Polls: an outside fact; /events is the way to be told.
json wait_ended(const House& house, const std::string& url) {
  const Instant give_up = now() + 20s;
  json told = look(house, url);
  for (; told["state"] == "working" && now() < give_up; told = look(house, url))
    std::this_thread::yield();
  return told;
}

json next_event(RawClient& client) {
  const std::string event = client.read_chunk();
  INFO(event);
  REQUIRE(event.starts_with("data: {"));
  REQUIRE(event.ends_with("\n\n"));
  return json::parse(event.substr(6));
}

gateway::Response response_of(const std::string& body) {
  gateway::Response response;
  response.body = body;
  return response;
}

// Until the writer has written it.
gateway::Response wait_answer(Jobs& jobs, const std::string& id, Instant at) {
  const Instant give_up = now() + 20s;
  auto answer = jobs.answer(id, "t", at);
  for (; !answer && now() < give_up; answer = jobs.answer(id, "t", at)) std::this_thread::yield();
  REQUIRE(answer);
  return *answer;
}

}  // namespace

TEST_CASE("a job is its tenant's alone, and its bytes are counted until it goes") {
  Jobs jobs({.jobs_max = 2, .bytes_max = 1000, .kept = 1h});
  const Instant at = now();
  const auto id = jobs.begin(
      "t", 3, 400, [] {}, at);
  REQUIRE(id);
  CHECK(id->size() == 32);
  CHECK_FALSE(jobs.find(*id, "other", at));
  CHECK_FALSE(jobs.remove(*id, "other", at));
  CHECK_FALSE(jobs.find("nonsense", "t", at));
  jobs.progress(*id, 2);
  CHECK(jobs.find(*id, "t", at)->done == 2);
  CHECK_FALSE(jobs.answer(*id, "t", at));
  CHECK(jobs.counts().bytes == 400);

  CHECK(jobs.begin(
                "t", 1, 601, [] {}, at)
            .error()
            .code == ErrorCode::queue_full);
  const auto second = jobs.begin(
      "t", 1, 600, [] {}, at);
  REQUIRE(second);
  CHECK(*second != *id);
  CHECK(jobs.begin(
                "t", 1, 0, [] {}, at)
            .error()
            .code == ErrorCode::queue_full);

  jobs.complete(*id, [] { return response_of("twelve bytes"); });
  CHECK(wait_answer(jobs, *id, at).body == "twelve bytes");
  CHECK_FALSE(jobs.answer(*id, "other", at));
  CHECK(jobs.find(*id, "t", at)->state == JobState::completed);
  CHECK(jobs.counts().bytes == 612);
  CHECK(jobs.counts().working == 1);
  CHECK(jobs.counts().kept == 1);
  CHECK(jobs.remove(*id, "t", at)->state == JobState::completed);
  CHECK_FALSE(jobs.find(*id, "t", at));
  CHECK(jobs.counts().bytes == 600);
}

TEST_CASE("a job that was removed while it worked is canceled, whatever comes of it") {
  Jobs jobs({});
  const Instant at = now();
  int canceled = 0;
  const auto id = *jobs.begin(
      "t", 1, 10, [&] { ++canceled; }, at);
  CHECK(jobs.remove(id, "t", at)->state == JobState::working);
  CHECK(canceled == 1);
  jobs.progress(id, 1);
  jobs.fail(id, {ErrorCode::internal, "late", ""}, at);
  jobs.complete(id, [] { return response_of("late"); });
  const auto later = *jobs.begin(
      "t", 1, 0, [] {}, at);
  jobs.complete(later, [] { return response_of("in turn"); });
  CHECK(wait_answer(jobs, later, at).body == "in turn");  // so the other was looked at
  const auto facts = jobs.find(id, "t", at);
  REQUIRE(facts);
  CHECK(facts->state == JobState::canceled);
  CHECK(facts->done == 0);
  CHECK(facts->why->code == ErrorCode::canceled);
  CHECK_FALSE(jobs.answer(id, "t", at));
  CHECK(jobs.remove(id, "t", at)->state == JobState::canceled);
  CHECK(canceled == 1);
}

TEST_CASE("what has ended is kept for its time, and what works as long as it takes") {
  Jobs jobs({.kept = 10min});
  const Instant at = now();
  const auto failed = *jobs.begin(
      "t", 1, 10, [] {}, at);
  const auto works = *jobs.begin(
      "t", 1, 10, [] {}, at);
  jobs.fail(failed, {ErrorCode::expired, "late", ""}, at + 1min);
  CHECK(jobs.find(failed, "t", at + 10min)->why->code == ErrorCode::expired);
  CHECK_FALSE(jobs.find(failed, "t", at + 11min));
  CHECK(jobs.find(works, "t", at + 24h));
  CHECK(jobs.counts().bytes == 10);
}

TEST_CASE("a request that prefers so is answered at once, and its answer lies where it was told") {
  const auto device = std::make_shared<tests::HeldDevice>();
  House house({.device = device});
  const std::string url = begin(house, embed_body(3));
  device->wait_held(1);
  CHECK(look(house, url)["texts"] == 3);
  const auto early = house.ask("GET", url + "/result");
  CHECK(early.status == 202);
  CHECK(early.headers.contains("retry-after"));
  CHECK(json::parse(early.body)["state"] == "working");

  auto watches = house.client();
  watches.send(tests::request("GET", url + "/events"));
  const auto head = watches.read_head();
  CHECK(head.status == 200);
  CHECK(head.headers.at("content-type") == "text/event-stream");
  CHECK(next_event(watches)["state"] == "working");
  device->release();
  json told;
  do told = next_event(watches);
  while (told["state"] == "working");
  CHECK(told["state"] == "completed");
  CHECK(told["done"] == 3);
  CHECK(watches.read_chunk().empty());
  CHECK(watches.is_closed());

  const auto waited = house.ask("POST", "/v1/embeddings", embed_body(3));
  for (int i = 0; i < 2; ++i) {
    const auto kept = house.ask("GET", told["result"].get<std::string>());
    CHECK(kept.status == 200);
    CHECK(kept.body == waited.body);
  }
  auto late = house.client();
  late.send(tests::request("GET", url + "/events"));
  CHECK(late.read_head().status == 200);
  CHECK(next_event(late)["state"] == "completed");
  CHECK(late.read_chunk().empty());

  CHECK(json::parse(house.ask("DELETE", url).body)["state"] == "completed");
  for (const char* more : {"", "/result", "/events"})
    CHECK(house.ask("GET", url + more).status == 404);
  CHECK(house.metric("troupe_http_jobs{state=\"ended\"}") == 0);
  CHECK(house.metric("troupe_http_jobs_bytes") == 0);
}

TEST_CASE("the open inference protocol's requests can be jobs as well") {
  House house;
  const std::string body =
      R"({"id":"7","inputs":[{"name":"text","shape":[2],"datatype":"BYTES","data":["a","b c"]}]})";
  const auto begun =
      house.ask("POST", "/v2/models/tiny/infer", body, {{"Prefer", "wait=5, Respond-Async;x=1"}});
  REQUIRE(begun.status == 202);
  const std::string url = json::parse(begun.body)["url"];
  CHECK(wait_ended(house, url)["state"] == "completed");
  const json kept = json::parse(house.ask("GET", url + "/result").body);
  const json waited = json::parse(house.ask("POST", "/v2/models/tiny/infer", body).body);
  CHECK(kept["id"] == "7");
  CHECK(kept["outputs"] == waited["outputs"]);
  CHECK(house.ask("POST", "/v2/models/tiny/infer", body, {{"Prefer", "respond-asynchronously"}})
            .status == 200);
}

TEST_CASE("a job may be larger than the queue, which it never fills for others") {
  const auto device = std::make_shared<tests::HeldDevice>();
  House house({.device = device, .tasks_max = 8});
  const auto refused = house.ask("POST", "/v1/embeddings", embed_body(2000));
  CHECK(refused.status == 413);
  CHECK(refused.body.find("Prefer: respond-async") != std::string::npos);
  const std::string url = begin(house, embed_body(2000));
  device->wait_held(1);
  device->release();
  const json told = wait_ended(house, url);
  CHECK(told["state"] == "completed");
  CHECK(json::parse(house.ask("GET", url + "/result").body)["data"].size() == 2000);
  CHECK(house.ask("POST", "/v1/embeddings", embed_body(9000), async).status == 413);
}

TEST_CASE("a job that is deleted while it works lets its tasks go") {
  const auto device = std::make_shared<tests::HeldDevice>();
  House house({.device = device});
  const std::string url = begin(house, embed_body(300));
  device->wait_held(1);
  auto watches = house.client();
  watches.send(tests::request("GET", url + "/events"));
  CHECK(watches.read_head().status == 200);
  CHECK(next_event(watches)["state"] == "working");
  CHECK(json::parse(house.ask("DELETE", url).body)["state"] == "canceled");
  CHECK(next_event(watches)["state"] == "canceled");
  CHECK(watches.read_chunk().empty());
  CHECK(look(house, url)["error"]["code"] == "canceled");
  const auto result = house.ask("GET", url + "/result");
  CHECK(result.headers.at("troupe-error") == "canceled");
  house.wait_metric("troupe_tasks_queued{lane=\"ordinary\"}", 0);
  device->release();
  house.wait_metric("troupe_tasks_launched{lane=\"ordinary\"}", 0);
  CHECK(house.metric("troupe_tasks_accepted_total{lane=\"ordinary\"}") <= 256);
  CHECK(house.ask("DELETE", url).status == 200);
  CHECK(house.ask("DELETE", url).status == 404);
}

TEST_CASE("a job that fails says why, in the status it would have had") {
  const auto device = std::make_shared<tests::HeldDevice>();
  House house({.device = device});
  const std::string first = begin(house, embed_body(1));
  device->wait_held(1);
  const std::string url = begin(house, embed_body(1, R"("timeout":1000,)"));
  const json told = wait_ended(house, url);
  CHECK(told["state"] == "failed");
  const auto result = house.ask("GET", url + "/result");
  CHECK((result.status == 504 || result.status == 429));
  CHECK(told["error"]["code"] == result.headers.at("troupe-error"));
  CHECK_FALSE(told.contains("result"));
  device->release();
  CHECK(wait_ended(house, first)["state"] == "completed");
}

TEST_CASE("one tenant's job is nothing to another") {
  const auto one = gateway::make_api_key("one");
  const auto two = gateway::make_api_key("two");
  REQUIRE(one);
  REQUIRE(two);
  House house({.keys = {one->line, two->line}});
  const tests::Headers mine = {{"Authorization", "Bearer " + one->key}};
  const tests::Headers theirs = {{"Authorization", "Bearer " + two->key}};
  const std::string url = begin(house, embed_body(1), mine);
  for (const char* more : {"", "/result", "/events"}) {
    const auto asked = house.ask("GET", url + more, "", theirs);
    CHECK(asked.status == 404);
    CHECK(asked.body == house.ask("GET", "/v2/jobs/" + url.substr(9) + more, "", theirs).body);
    CHECK(house.ask("GET", url + more).status == 401);
  }
  CHECK(house.ask("DELETE", url, "", theirs).status == 404);
  CHECK(look(house, url, mine)["texts"] == 1);
}

TEST_CASE("jobs have limits, and a deleted one makes room") {
  House house({.jobs = {.jobs_max = 1}});
  const std::string url = begin(house, embed_body(1));
  CHECK(wait_ended(house, url)["state"] == "completed");
  const auto refused = house.ask("POST", "/v1/embeddings", embed_body(1), async);
  CHECK(refused.status == 429);
  CHECK(refused.headers.at("troupe-error") == "queue_full");
  CHECK(house.ask("POST", "/v1/embeddings", embed_body(1)).status == 200);
  CHECK(house.ask("DELETE", url).status == 200);
  CHECK(wait_ended(house, begin(house, embed_body(1)))["state"] == "completed");

  House small({.jobs = {.bytes_max = 1000}});
  CHECK(small.ask("POST", "/v1/embeddings", embed_body(1), async).status == 429);
}

TEST_CASE("a job is work that a node finishes before it goes") {
  const auto device = std::make_shared<tests::HeldDevice>();
  House house({.device = device});
  const std::string url = begin(house, embed_body(2));
  device->wait_held(1);
  std::thread drain([&] { house.door->drain(20s); });
  // The door says that it goes away as soon as it does.
  const Instant give_up = now() + 20s;
  while (house.ask("GET", "/v2/health/ready").status == 200 && now() < give_up)
    std::this_thread::yield();
  CHECK(house.ask("POST", "/v1/embeddings", embed_body(1), async).status == 503);
  CHECK(house.ask("GET", url + "/events").status == 503);
  device->release();
  drain.join();
  CHECK(wait_ended(house, url)["state"] == "completed");
  CHECK(house.ask("GET", url + "/result").status == 200);
}

TEST_CASE("asked for their heads only, a job's addresses are their heads") {
  House house;
  const std::string url = begin(house, embed_body(1));
  CHECK(wait_ended(house, url)["state"] == "completed");
  for (const char* more : {"", "/result"}) {
    const auto head = house.ask("HEAD", url + more);
    CHECK(head.status == 200);
    CHECK(head.body.empty());
  }
  for (int i = 0; i < 2 * static_cast<int>(gateway::event_streams_max); ++i) {
    auto client = house.client();
    client.send(tests::request("HEAD", url + "/events"));
    CHECK(client.read_head().status == 200);
    CHECK(client.read_rest().empty());
  }
  CHECK(house.ask("POST", url, "{}").headers.at("allow") == "GET, HEAD, DELETE");
  CHECK(house.ask("DELETE", url + "/result").status == 405);
}
