// Nodes in this process, for tests: real devices, a real link on ports of the loopback interface,
// the tiny model of tests/data, and agents that the test writes.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/node.hpp"
#include "client/client.hpp"

namespace troupe::tests {

using Modules = std::vector<std::shared_ptr<actors::AgentModule>>;

// A module from two functions.
std::shared_ptr<actors::AgentModule> module(
    std::string type, std::function<std::unique_ptr<actors::Agent>(const AgentId&)> make);

// An agent from one function, called with each of its mails.
using OnMail = std::function<void(actors::Context&, const actors::AgentMail&)>;
std::shared_ptr<actors::AgentModule> mail_module(std::string type, OnMail on_mail);

// A client for tests: waits for its tasks, and says which node it means.
class TestClient {
 public:
  explicit TestClient(std::unique_ptr<Client> client) : client_(std::move(client)) {}

  // The outcome, or why there is none after `limit`.
  Result<TaskOutcome> submit(const std::string& node, TaskRequest request, Duration limit);
  Status send(const std::string& node, const AgentId& to, std::uint64_t reply, std::string topic,
              std::string body) {
    return client_->send(to, std::move(topic), std::move(body), reply, node);
  }
  std::optional<Letter> receive(Duration limit) { return client_->receive(limit); }
  Result<std::string> control(const std::string& node, const std::string& verb,
                              const std::string& body, Duration limit) {
    return client_->control(node, verb, body, limit);
  }

 private:
  std::unique_ptr<Client> client_;
};

// Keys, ports and addresses of a cluster; its nodes are started one by one.
class TestCluster {
 public:
  explicit TestCluster(std::vector<std::string> names);

  // The options of one node, to be changed by the test before it starts the node.
  [[nodiscard]] actors::NodeOptions options(const std::string& name, Modules modules) const;
  [[nodiscard]] std::unique_ptr<actors::Node> start(const std::string& name, Modules modules);
  [[nodiscard]] std::unique_ptr<actors::Node> start(actors::NodeOptions options);

  // What a client needs to reach all nodes.
  [[nodiscard]] ClientOptions client_options() const;

  // A client that is up with every node named, and knows no other.
  [[nodiscard]] std::unique_ptr<TestClient> client(const std::vector<std::string>& up) const;

  // An agent of this type whose home is that node.
  [[nodiscard]] AgentId agent_on(const std::string& node, const std::string& type) const;

  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }

 private:
  std::vector<std::string> names_;
  std::vector<transport::KeyPair> keys_;  // by node, the client's last
  std::vector<actors::ClusterNode> nodes_;
  NullLog log_;
};

// Until that is so: a fact of some node's, which gives no notice. Fails after long enough.
void wait_for(const std::function<bool()>& what);

// Until the node's links to all the others are up.
void wait_linked(const actors::Node& node);

// Two ports that nobody listens on at the moment.
transport::Endpoint free_endpoint();

// Where the tiny model of the tests lies.
std::string tiny_model_folder();

}  // namespace troupe::tests
