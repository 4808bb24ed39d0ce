// A blocking client of a cluster, for programs that are not nodes: the command line, the scenarios,
// the tests. It keeps one connection to each node it was told of.
//
// One thread uses it at a time. Waiting is always bounded by the caller.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "transport/link.hpp"

namespace troupe::transport {

struct ClientNode {
  std::string name;
  Endpoint endpoint;
  PublicKey key;
};

// An answer from an agent.
struct ClientMail {
  AgentId from;
  std::uint64_t reply = 0;  // the number that the client gave the conversation
  std::string topic;
  std::string body;
};

class Client {
 public:
  // Starts to connect to every node; returns at once. `name` is the one that the nodes' allow-lists
  // give this key. `heartbeat_interval` is the cluster's: a node that expects more heartbeats than
  // it gets takes the client for dead.
  static Result<std::unique_ptr<Client>> open(
      std::string name, KeyPair keys, const std::vector<ClientNode>& nodes,
      Duration heartbeat_interval = std::chrono::seconds(1));
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Until the node has said HELLO. Errors: not_found for an unknown name; unreachable, with the
  // likely reasons.
  Status wait_up(const std::string& node, Duration limit);

  // Errors: unreachable when no answer came in time; what the node answered otherwise.
  Result<std::string> control(const std::string& node, const std::string& verb,
                              const std::string& body, Duration limit);

  // The outcome, or why there is none after `limit` (which should exceed the task's time limit).
  // The request's id is filled in.
  Result<TaskOutcome> submit(const std::string& node, TaskRequest request, Duration limit);

  // To an agent that lives on `node` (scheduler::home_of).
  Status send(const std::string& node, const AgentId& to, std::uint64_t reply, std::string topic,
              std::string body);

  // The next answer of any agent, or nothing within the limit.
  std::optional<ClientMail> receive(Duration limit);

 private:
  Client() = default;
  Result<PeerId> peer_of(const std::string& node) const;
  void on_message(Message&& message);

  std::unique_ptr<Link> link_;
  std::map<std::string, PeerId, std::less<>> nodes_;
  std::uint64_t epoch_ = 0;
  std::uint64_t last_id_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<PeerId, bool> up_;  // guarded by mutex_, as all below
  std::map<std::uint64_t, ControlReply> replies_;
  std::map<TaskId, TaskOutcome> outcomes_;
  std::optional<std::uint64_t> awaited_reply_;
  std::optional<TaskId> awaited_task_;
  std::deque<ClientMail> mail_;
};

}  // namespace troupe::transport
