// A node of its own with the tiny model, and its door, for tests that ask it over HTTP.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "gateway/front_door.hpp"
#include "tests/actors/nodes.hpp"
#include "tests/catch.hpp"
#include "tests/gateway/raw_client.hpp"

namespace troupe::tests {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct HouseOptions {
  std::shared_ptr<kernels::Device> device = nullptr;  // none: the CPU
  std::vector<std::string> keys = {};
  std::uint32_t tasks_max = 4096;  // that may wait, of each lane
  gateway::ServerOptions server = {};
  gateway::JobLimits jobs = {};
  tracing::TracerOptions tracing = {};
};

struct House {
  explicit House(HouseOptions wanted = {}) {
    auto options = cluster.options("a", {});
    if (wanted.device) options.devices_open = {std::move(wanted.device)};
    options.scheduling.urgent_queue_tasks_max = wanted.tasks_max;
    options.scheduling.ordinary_queue_tasks_max = wanted.tasks_max;
    options.tracing = wanted.tracing;
    node = cluster.start(std::move(options));
    gateway::FrontDoorOptions door_options;
    door_options.version = "1.2.3";
    door_options.keys = *gateway::ApiKeys::parse(wanted.keys);
    door_options.server = std::move(wanted.server);
    door_options.jobs = wanted.jobs;
    auto opened = gateway::FrontDoor::open(std::move(door_options), *node, log);
    REQUIRE(opened);
    door = std::move(*opened);
  }

  [[nodiscard]] RawClient client() const { return RawClient(door->port()); }
  [[nodiscard]] Answered ask(std::string_view method, std::string_view target,
                             std::string_view body = "", const Headers& headers = {}) const {
    return client().ask(method, target, body, headers);
  }

  // One sample of /metrics, as "troupe_http_connections"; an outside fact without notice.
  [[nodiscard]] std::uint64_t metric(const std::string& name) const {
    const std::string metrics = ask("GET", "/metrics").body;
    const auto at = metrics.find("\n" + name + " ");
    INFO(name);
    REQUIRE(at != std::string::npos);
    return std::stoull(metrics.substr(at + name.size() + 2));
  }
  void wait_metric(const std::string& name, std::uint64_t wanted) const {
    const Instant give_up = now() + std::chrono::seconds(20);
    std::uint64_t seen = metric(name);
    for (; seen != wanted && now() < give_up; seen = metric(name)) std::this_thread::yield();
    REQUIRE(seen == wanted);
  }
  // Connections that are open now, this question's own left out.
  void wait_connections(std::uint64_t count) const {
    wait_metric("troupe_http_connections", count + 1);
  }

  TestCluster cluster{{"a"}};
  NullLog log;
  std::unique_ptr<actors::Node> node;
  std::unique_ptr<gateway::FrontDoor> door;
};

}  // namespace troupe::tests
