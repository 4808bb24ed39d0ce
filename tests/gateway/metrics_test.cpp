// /metrics in Prometheus' text format.
#include "gateway/metrics.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <set>
#include <sstream>
#include <vector>

#include "gateway/metrics_text.hpp"
#include "tests/catch.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using namespace troupe::gateway;

namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

bool has(const std::vector<std::string>& lines, const std::string& line) {
  return std::find(lines.begin(), lines.end(), line) != lines.end();
}

}  // namespace

TEST_CASE("labels are escaped, numbers are plain") {
  MetricsText text;
  text.family("x", "gauge", "Help.");
  text.sample({}, 0.25);
  text.sample({{"a", "back\\slash \"quote\"\nline"}, {"b", ""}}, std::uint64_t{7});
  text.sample({}, Duration(1500ms));
  CHECK(text.take() ==
        "# HELP x Help.\n# TYPE x gauge\nx 0.25\n"
        "x{a=\"back\\\\slash \\\"quote\\\"\\nline\",b=\"\"} 7\nx 1.5\n");
}

TEST_CASE("a histogram's buckets add up and end with all of them") {
  DurationHistogram durations;
  durations.add(10us);
  durations.add(100us);
  durations.add(100h);  // over the last bucket
  MetricsText text;
  text.family("x", "histogram", "Help.");
  text.histogram({{"lane", "urgent"}}, durations);
  const auto lines = lines_of(text.take());
  CHECK(has(lines, "x_bucket{lane=\"urgent\",le=\"6.4e-05\"} 1"));
  CHECK(has(lines, "x_bucket{lane=\"urgent\",le=\"0.000128\"} 2"));
  CHECK(has(lines, "x_bucket{lane=\"urgent\",le=\"0.065536\"} 2"));  // deploy/prometheus/slo.yml
  CHECK(has(lines, "x_bucket{lane=\"urgent\",le=\"67.108864\"} 2"));
  CHECK(has(lines, "x_bucket{lane=\"urgent\",le=\"+Inf\"} 3"));
  CHECK(has(lines, "x_count{lane=\"urgent\"} 3"));

  const std::uint64_t by_size[] = {0, 2, 0, 1, 1};  // two of size 1, one of 3, one of 4
  text.family("y", "histogram", "Help.");
  text.histogram({}, by_size);
  const auto sizes = lines_of(text.take());
  CHECK(has(sizes, "y_bucket{le=\"1\"} 2"));
  CHECK(has(sizes, "y_bucket{le=\"2\"} 2"));
  CHECK(has(sizes, "y_bucket{le=\"4\"} 4"));
  CHECK(has(sizes, "y_bucket{le=\"+Inf\"} 4"));
  CHECK(has(sizes, "y_sum 9"));
}

TEST_CASE("a node's counts stand in its metrics, every series once") {
  actors::NodeFacts facts;
  facts.name = "a";
  facts.models = {{"tiny", 2}};
  facts.devices.resize(2);
  facts.devices[0].name = "cpu";
  facts.devices[1].name = "cpu";
  facts.agents["reader"] = 3;
  facts.hosts["clerk"] = 2;
  facts.peers["b"] = true;
  facts.living = {"a", "b"};
  facts.mail_waiting = 9;
  facts.backlogs["b"] = {{11, 12}, 13, 14};
  facts.stats.of(Lane::urgent).completed = 5;
  facts.stats.of(Lane::urgent).failed[ErrorCode::expired] = 2;
  facts.stats.kinds[{{}, ModelId{0}}].units = 77;
  facts.stats.kinds[{{}, ModelId{0}}].total.add(3ms);
  facts.policies = {{"mover", 3, 4}};
  facts.stats.kinds[{scheduler::Operation::act, ModelId{0}}].units = 66;
  facts.stats.kinds[{scheduler::Operation::recall, ModelId{0}}].units = 55;
  facts.stats.of(WorkerId{1}).lost = true;
  facts.at = Instant{1h};
  facts.stats.of(Lane::ordinary).oldest = facts.at - 1500ms;
  facts.stats.of(Lane::urgent).slack.add(3ms);
  facts.stats.of(Lane::urgent).late = 6;
  facts.stats.refused[ErrorCode::too_large] = 8;
  facts.memory_bytes_max = 1 << 20;
  facts.offers = {20, 11, 7, 3};
  for (std::size_t i = 0; i < metrics_tenants_max + 10; ++i) {
    facts.tenants.push_back("tenant-" + std::to_string(i));
    facts.stats.tenants.push_back({1, 0, i, {}});
    facts.stats.tenants.back().total.add(1ms);
  }
  HttpCounts http;
  http.answers[{Ask::infer, 200}] = 9;
  http.took[static_cast<std::size_t>(Ask::infer)].add(1ms);
  HttpCounts grpc;
  grpc.answers[{Ask::infer, 429}] = 11;
  const auto response =
      metrics_response(facts, {http, grpc, {3, 4, 6, 5}, {7, 8, 9}, {2500ms, 4096, 7, 1024}});
  CHECK(response.content_type == "text/plain; version=0.0.4; charset=utf-8");
  const auto lines = lines_of(response.body);
  for (const std::string expected :
       {"troupe_node_info{node=\"a\"} 1",
        "troupe_grpc_requests_total{ask=\"infer\",code=\"429\"} 11",
        "troupe_ready 1",
        "troupe_agents{type=\"reader\"} 3",
        "troupe_agent_hosts{type=\"clerk\"} 2",
        "troupe_tasks_completed_total{lane=\"urgent\"} 5",
        "troupe_tasks_failed_total{lane=\"urgent\",code=\"expired\"} 2",
        "troupe_model_units_total{operation=\"encode\",model=\"tiny\"} 77",
        "troupe_model_units_total{operation=\"act\",model=\"mover\"} 66",
        "troupe_model_units_total{operation=\"recall\",model=\"\"} 55",
        "troupe_worker_lost{worker=\"0\",device=\"cpu\"} 0",
        "troupe_worker_lost{worker=\"1\",device=\"cpu\"} 1",
        "troupe_peer_up{peer=\"b\"} 1",
        "troupe_nodes_living 2",
        "troupe_link_waiting_bytes{peer=\"b\",lane=\"urgent\"} 11",
        "troupe_link_waiting_bytes{peer=\"b\",lane=\"ordinary\"} 12",
        "troupe_link_on_its_way_bytes{peer=\"b\"} 13",
        "troupe_link_window_bytes{peer=\"b\"} 14",
        "troupe_model_task_seconds_bucket{operation=\"encode\",model=\"tiny\",le=\"0.002048\"} 0",
        "troupe_model_task_seconds_bucket{operation=\"encode\",model=\"tiny\",le=\"0.004096\"} 1",
        "troupe_tenant_task_seconds_sum{tenant=\"tenant-63\"} 0.001",
        "troupe_tenant_task_seconds_count{tenant=\"(others)\"} 10",
        "troupe_mail_waiting 9",
        "troupe_tenant_tasks_completed_total{tenant=\"tenant-63\"} 1",
        "troupe_tenant_tasks_completed_total{tenant=\"(others)\"} 10",
        "troupe_http_requests_total{ask=\"infer\",code=\"200\"} 9",
        "troupe_http_request_seconds_count{ask=\"infer\"} 1",
        "troupe_http_connections 3",
        "troupe_http_connections_refused_total 4",
        "troupe_http_handshakes_failed_total 6",
        "troupe_http_jobs{state=\"working\"} 7",
        "troupe_http_jobs{state=\"ended\"} 8",
        "troupe_http_jobs_bytes 9",
        "troupe_http_body_bytes 5",
        "troupe_queue_oldest_seconds{lane=\"urgent\"} 0",
        "troupe_queue_oldest_seconds{lane=\"ordinary\"} 1.5",
        "troupe_task_slack_seconds_bucket{lane=\"urgent\",le=\"0.002048\"} 0",
        "troupe_task_slack_seconds_bucket{lane=\"urgent\",le=\"0.004096\"} 1",
        "troupe_tasks_late_total{lane=\"urgent\"} 6",
        "troupe_tasks_refused_total{code=\"too_large\"} 8",
        "troupe_memory_max_bytes 1048576",
        "troupe_task_offers_total 20",
        "troupe_task_offers_again_total 11",
        "troupe_hedges_total{event=\"offered\"} 7",
        "troupe_hedges_total{event=\"won\"} 3",
        "process_cpu_seconds_total 2.5",
        "process_resident_memory_bytes 4096",
        "process_open_fds 7",
        "process_max_fds 1024"}) {
    INFO(expected);
    CHECK(has(lines, expected));
  }
  CHECK(response.body.find("tenant-64") == std::string::npos);
  std::set<std::string> series;
  std::set<std::string> families;
  for (const auto& line : lines) {
    INFO(line);
    if (line.starts_with("# TYPE ")) CHECK(families.insert(line.substr(7)).second);
    if (!line.starts_with('#')) CHECK(series.insert(line.substr(0, line.rfind(' '))).second);
  }
}

TEST_CASE("the process knows what it uses") {
  const auto before = read_process_facts();
  CHECK(before.resident_bytes > 100'000);
  CHECK(before.files >= 3);
  CHECK(before.files_max > before.files);
  std::array<std::FILE*, 5> files{};
  for (auto& file : files) file = std::tmpfile();
  const std::vector<char> memory(std::size_t{64} << 20, 1);
  const auto after = read_process_facts();
  for (auto* file : files) std::fclose(file);
  CHECK(after.files == before.files + files.size());
  CHECK(after.resident_bytes > before.resident_bytes + memory.size() / 2);
  CHECK(after.cpu > before.cpu);
}
