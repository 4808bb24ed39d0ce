#include "bench/link/two_nodes.hpp"

#include <thread>

#include "base/clock.hpp"
#include "bench/scenarios/identity_device.hpp"
#include "bench/scenarios/ports.hpp"
#include "scheduler/placement.hpp"

namespace troupe::bench::link {
namespace {

constexpr Duration connect_limit = std::chrono::seconds(10);
const std::vector<std::string> names = {"a", "b"};

struct Plan {
  std::vector<transport::KeyPair> keys;  // of the nodes, then the client's
  std::vector<actors::ClusterNode> cluster;
};

Result<Plan> make_plan() {
  Plan plan;
  for (std::size_t i = 0; i <= names.size(); ++i) {
    auto made = transport::generate_keys();
    if (!made) return made.error();
    plan.keys.push_back(std::move(*made));
  }
  for (std::size_t i = 0; i < names.size(); ++i)
    plan.cluster.push_back({names[i],
                            {"127.0.0.1", scenarios::next_port(), scenarios::next_port()},
                            {plan.keys[i].public_key}});
  return plan;
}

Result<std::unique_ptr<actors::Node>> start_one(
    const Plan& plan, std::size_t number,
    const std::vector<std::shared_ptr<actors::AgentModule>>& modules, Log& log) {
  actors::NodeOptions options;
  options.name = names[number];
  options.cluster = plan.cluster;
  options.link.keys = plan.keys[number];
  for (std::size_t i = 0; i < names.size(); ++i)
    options.link.allowed.push_back({plan.keys[i].public_key, names[i], transport::Role::node});
  options.link.allowed.push_back({plan.keys.back().public_key, "client", transport::Role::client});
  options.devices_open = {std::make_shared<scenarios::IdentityDevice>()};
  options.modules = modules;
  return actors::Node::start(std::move(options), log);
}

// Links come up by themselves, soon after both nodes are there.
Status wait_linked(const actors::Node& node) {
  for (const Instant give_up = now() + connect_limit; now() < give_up;) {
    bool up = true;
    for (const auto& [peer, is_up] : node.facts().peers) up = up && is_up;
    if (up) return {};
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return Error{ErrorCode::unreachable, "the two nodes do not find each other", ""};
}

}  // namespace

Result<std::unique_ptr<TwoNodes>> TwoNodes::start(
    const std::vector<std::shared_ptr<actors::AgentModule>>& modules) {
  std::unique_ptr<TwoNodes> two(new TwoNodes);
  for (int attempt = 1;; ++attempt) {
    auto plan = make_plan();
    if (!plan) return plan.error();
    Status started;
    for (std::size_t i = 0; started && i < names.size(); ++i) {
      auto node = start_one(*plan, i, modules, two->log_);
      if (node)
        two->nodes_[i] = std::move(*node);
      else
        started = node.error();
    }
    if (!started) {
      two->nodes_ = {};
      if (started.error().code != ErrorCode::io || attempt == scenarios::port_attempts)
        return started.error();
      continue;
    }
    for (const auto& node : two->nodes_)
      if (auto linked = wait_linked(*node); !linked) return linked.error();
    ClientOptions reach;
    reach.public_key = plan->keys.back().public_key.z85;
    reach.secret_key = plan->keys.back().secret_z85;
    for (const auto& node : plan->cluster)
      reach.nodes.push_back({node.name, node.endpoint.host, node.endpoint.urgent_port,
                             node.endpoint.ordinary_port, node.keys.front().z85});
    auto client = Client::open(std::move(reach));
    if (!client) return client.error();
    two->client_ = std::move(*client);
    for (const auto& name : names)
      if (auto up = two->client_->wait_connected(name, connect_limit); !up) return up.error();
    return two;
  }
}

TwoNodes::~TwoNodes() {
  client_.reset();
  for (auto& node : nodes_) node.reset();
}

AgentId TwoNodes::agent_on(std::size_t node, const std::string& type) {
  for (int key = 0;; ++key) {
    AgentId id{type, std::to_string(key)};
    if (scheduler::home_of(to_string(id), names) == node) return id;
  }
}

}  // namespace troupe::bench::link
