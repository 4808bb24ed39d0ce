// The message API of a cluster for programs that are not nodes: submit tasks, write to agents, ask
// nodes about themselves.
//
//   auto client = troupe::connect("cluster.toml");
//   if (!client) return report(client.error());
//   troupe::TaskRequest request;
//   request.model = "minilm";
//   request.work = troupe::Encode{"a calm text editor"};
//   request.time_limit = std::chrono::milliseconds(50);
//   troupe::Task task = (*client)->submit(std::move(request));
//   troupe::TaskOutcome outcome = task.outcome.get();
//
// Each task that is submitted has exactly one outcome, for as long as the client lives: its result,
// or the error that says why there is none. A task whose node is lost, drains or is full is given
// to another one, or to the same one when the connection is back, under the same id; a node that
// still has it, or its result, does not do it twice. docs/guarantees.md says what that promises.
//
// Thread-safe. One thread of the client's own runs the callbacks, one by one; they must not wait
// for another outcome, nor throw. Nothing here throws but the standard library when memory runs
// out.
#pragma once

#include <cstdint>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/agent_id.hpp"
#include "base/location.hpp"
#include "base/result.hpp"
#include "base/task.hpp"
#include "base/time.hpp"
#include "base/trace.hpp"

namespace troupe {

// A node as its clients know it.
struct NodeAddress {
  std::string name;
  std::string host;  // an address of a named interface
  std::uint16_t urgent_port = 0;
  std::uint16_t ordinary_port = 0;
  std::string public_key;         // 40 characters of Z85, as NAME.pub has it
  std::string next_public_key{};  // while its key is rotated: NAME.pub's `next`; else empty
  std::optional<Location> location{};
};

// The keys of today: our own pair, and those that a node may have.
struct FreshKeys {
  std::string public_key;
  std::string secret_key;
  std::vector<std::string> node_keys;
};

struct ClientOptions {
  std::string name = "client";  // the one that the nodes' allow-lists give the key
  std::string public_key;       // 40 characters of Z85 each
  std::string secret_key;
  std::vector<NodeAddress> nodes;  // all of the cluster: where an agent lives depends on them
  Duration heartbeat_interval = std::chrono::seconds(1);  // the cluster's
  std::uint32_t tasks_max = 65536;      // without an outcome; more are refused as queue_full
  std::uint32_t letters_max = 1000000;  // answers that nobody has received; more are dropped
  bool hedge = false;  // late urgent tasks go to a second node, too (delivery/hedging.hpp)
  // With it, and those of the nodes, tasks go to the nearest of them (client/nearest.hpp).
  std::optional<Location> location;
  // Called on a thread of the client's own when a connection to that node broke or did not come
  // about: what it is opened with next. Nothing changes where it is empty or answers nothing.
  std::function<std::optional<FreshKeys>(const std::string& node)> fresh_keys;
};

// A task on its way. The id is also known to the nodes (`troupe explain ID`).
struct Task {
  TaskId id;
  std::future<TaskOutcome> outcome;
};
using OnOutcome = std::function<void(TaskOutcome)>;

// An answer from an agent.
struct Letter {
  AgentId from;
  std::uint64_t reply = 0;  // the number that send() gave the conversation
  std::string topic;
  std::string body;
  Trace trace{};  // what the agent wrote it for
};

class Client {
 public:
  // Starts to connect to every node, and returns at once. Errors: invalid_argument for keys that
  // are none, no nodes, or two of one name.
  static Result<std::unique_ptr<Client>> open(ClientOptions options);

  // What has no outcome yet is stopped where it runs and ends as `canceled`.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Until that node, or any if it is empty, is connected. Not needed before the calls below: tasks
  // wait up to ten seconds for a node. Errors: not_found for a name that is not in the options;
  // unreachable, with the likely reasons.
  Status wait_connected(std::string_view node, Duration limit);

  // A request without an id gets a new one. An id of your own is used once in a client's life: one
  // that is not done yet is refused as invalid_argument, and nodes do no task twice. The task goes
  // to `node` first or, if that is empty, to the connected node that has the fewest of this
  // client's tasks, or, with locations, to the nearest (docs/operations.md); a recall in one
  // agent's memory to where that agent lives. A recall from all of a type searches `node` and no
  // other, so it needs to be told.
  //
  // A `trace` in the request (parse_traceparent() reads one) goes with the task: what is done for
  // it stands below that span.
  //
  // What cannot be sent at all has that for its outcome.
  Task submit(TaskRequest request, std::string_view node = {});
  TaskId submit(TaskRequest request, OnOutcome on_outcome, std::string_view node = {});

  // The task's outcome is `canceled`, unless it has one already.
  void cancel(TaskId task);

  // Tasks without an outcome.
  [[nodiscard]] std::size_t pending() const;

  // Writes to an agent, at most once. Answers come to receive(), with the same `reply`. Without a
  // `node` the letter goes to where the agent lives, or, where that is not connected, to a node
  // that passes it on. What the agent does for it belongs to `trace`, if there is one. Errors:
  // not_found, unreachable (that node is not connected), too_large, queue_full.
  Status send(const AgentId& to, std::string topic, std::string body, std::uint64_t reply = 0,
              std::string_view node = {}, const Trace& trace = {});

  // The next answer, or nothing within the limit.
  std::optional<Letter> receive(Duration limit);

  // A question to the node itself ("status"), answered in JSON. Errors: not_found; unreachable when
  // no answer came in time; what the node answered otherwise.
  Result<std::string> control(std::string_view node, std::string verb, std::string body,
                              Duration limit);

 private:
  friend class Outcomes;
  class Session;
  explicit Client(std::unique_ptr<Session> session);

  std::unique_ptr<Session> session_;
};

// Many tasks, their outcomes as they come. Any thread may submit, any may read, one may do both.
//
//   troupe::Outcomes outcomes(*client);
//   for (const auto& text : texts) outcomes.submit(encode(text));
//   while (auto outcome = outcomes.next()) use(*outcome);
class Outcomes {
 public:
  // `client` outlives it.
  explicit Outcomes(Client& client, std::size_t pending_max = 1024);
  ~Outcomes();  // cancels what is not done
  Outcomes(const Outcomes&) = delete;
  Outcomes& operator=(const Outcomes&) = delete;

  // As Client::submit; waits while `pending_max` tasks have no outcome. Outcomes that nobody reads
  // are kept.
  TaskId submit(TaskRequest request, std::string_view node = {});

  // The next outcome; nothing when none came within the limit, or when none is to come: all have
  // been read.
  std::optional<TaskOutcome> next(Duration limit = Duration::max());

 private:
  struct Shared;
  Client& client_;
  std::shared_ptr<Shared> shared_;
};

// What a client needs to reach the nodes that a cluster's file names, as `name`, whose NAME.key is
// in the cluster's folder of keys. Errors: io, config, as `troupe check` tells them.
Result<ClientOptions> read_cluster_file(const std::string& path,
                                        const std::string& name = "client");

// A client of the cluster that the file describes.
Result<std::unique_ptr<Client>> connect(const std::string& cluster_file,
                                        const std::string& name = "client");

}  // namespace troupe
