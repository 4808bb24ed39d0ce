#include "tests/actors/nodes.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

#include "actors/node_status.hpp"
#include "scheduler/placement.hpp"
#include "tests/catch.hpp"

namespace troupe::tests {
namespace {

// Short, so that the loss of a peer is noticed soon; nodes and clients must agree.
constexpr Duration heartbeat_interval = std::chrono::milliseconds(200);

class FunctionModule final : public actors::AgentModule {
 public:
  using Make = std::function<std::unique_ptr<actors::Agent>(const AgentId&)>;
  FunctionModule(std::string type, Make make) : type_(std::move(type)), make_(std::move(make)) {}
  [[nodiscard]] std::string_view type() const override { return type_; }
  std::unique_ptr<actors::Agent> create(const AgentId& id) override { return make_(id); }

 private:
  std::string type_;
  Make make_;
};

class MailAgent final : public actors::Agent {
 public:
  explicit MailAgent(OnMail on_mail) : on_mail_(std::move(on_mail)) {}
  void on_message(actors::Context& context, const actors::AgentMail& mail) override {
    on_mail_(context, mail);
  }

 private:
  OnMail on_mail_;
};

bool is_free(std::uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  const bool bound = ::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
  ::close(socket);
  return bound;
}

}  // namespace

std::shared_ptr<actors::AgentModule> module(
    std::string type, std::function<std::unique_ptr<actors::Agent>(const AgentId&)> make) {
  return std::make_shared<FunctionModule>(std::move(type), std::move(make));
}

std::shared_ptr<actors::AgentModule> mail_module(std::string type, OnMail on_mail) {
  return module(std::move(type), [on_mail = std::move(on_mail)](const AgentId&) {
    return std::make_unique<MailAgent>(on_mail);
  });
}

// Below the range from which the kernel takes ports for outgoing connections, of which the link
// opens many; every call goes on where the last one stopped.
transport::Endpoint free_endpoint() {
  static std::uint16_t next = static_cast<std::uint16_t>(10'000 + ::getpid() % 10'000);
  std::array<std::uint16_t, 2> ports{};
  for (auto& port : ports) do
      port = next++;
    while (!is_free(port));
  return {"127.0.0.1", ports[0], ports[1]};
}

void wait_for(const std::function<bool()>& what) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!what() && std::chrono::steady_clock::now() < until)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  REQUIRE(what());
}

void wait_linked(const actors::Node& node) {
  wait_for([&] {
    const auto peers = node.facts().peers;
    return std::all_of(peers.begin(), peers.end(), [](const auto& peer) { return peer.second; });
  });
}

std::string tiny_model_folder() {
  return TROUPE_SOURCE_DIR "/tests/data/models/bert-plain";
}

TestCluster::TestCluster(std::vector<std::string> names) : names_(std::move(names)) {
  for (std::size_t i = 0; i <= names_.size(); ++i) {
    auto keys = transport::generate_keys();
    REQUIRE(keys);
    keys_.push_back(std::move(*keys));
  }
  for (std::size_t i = 0; i < names_.size(); ++i)
    nodes_.push_back({names_[i], free_endpoint(), {keys_[i].public_key}});
}

actors::NodeOptions TestCluster::options(const std::string& name, Modules modules) const {
  actors::NodeOptions options;
  options.name = name;
  options.cluster = nodes_;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (names_[i] == name) options.link.keys = keys_[i];
    options.link.allowed.push_back({keys_[i].public_key, names_[i], transport::Role::node});
  }
  options.link.allowed.push_back({keys_.back().public_key, "client", transport::Role::client});
  options.link.heartbeat_interval = heartbeat_interval;
  options.devices = {"cpu"};
  options.models = {{"tiny", tiny_model_folder()}};
  options.modules = std::move(modules);
  options.restarts.backoff_min = std::chrono::milliseconds(1);
  return options;
}

std::unique_ptr<actors::Node> TestCluster::start(const std::string& name, Modules modules) {
  return start(options(name, std::move(modules)));
}

std::unique_ptr<actors::Node> TestCluster::start(actors::NodeOptions options) {
  auto node = actors::Node::start(std::move(options), log_);
  if (!node) FAIL(node.error().to_string());
  return std::move(*node);
}

ClientOptions TestCluster::client_options() const {
  ClientOptions options;
  options.public_key = keys_.back().public_key.z85;
  options.secret_key = keys_.back().secret_z85;
  options.heartbeat_interval = heartbeat_interval;
  for (const auto& node : nodes_)
    options.nodes.push_back({node.name, node.endpoint.host, node.endpoint.urgent_port,
                             node.endpoint.ordinary_port, node.keys.front().z85});
  return options;
}

std::unique_ptr<TestClient> TestCluster::client(const std::vector<std::string>& up) const {
  ClientOptions options = client_options();
  std::erase_if(options.nodes, [&](const NodeAddress& node) {
    return std::find(up.begin(), up.end(), node.name) == up.end();
  });
  auto client = Client::open(std::move(options));
  REQUIRE(client);
  for (const auto& name : up) {
    const auto ready = (*client)->wait_connected(name, std::chrono::seconds(20));
    if (!ready) FAIL(ready.error().to_string());
  }
  return std::make_unique<TestClient>(std::move(*client));
}

Result<TaskOutcome> TestClient::submit(const std::string& node, TaskRequest request,
                                       Duration limit) {
  Task task = client_->submit(std::move(request), node);
  if (task.outcome.wait_for(limit) != std::future_status::ready)
    return Error{ErrorCode::unreachable, "there was no outcome in time", ""};
  return task.outcome.get();
}

AgentId TestCluster::agent_on(const std::string& node, const std::string& type) const {
  for (int key = 0;; ++key) {
    AgentId id{type, std::to_string(key)};
    if (names_[scheduler::home_of(to_string(id), names_)] == node) return id;
  }
}

}  // namespace troupe::tests
