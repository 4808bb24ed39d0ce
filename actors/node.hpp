// A node: one process's actor system with its devices, dispatcher, agents and link. This is the
// room's door: whoever wires a program sees nothing else of actors/, and no CAF type.
//
// start() returns when the node can work: models loaded (but for those on demand), devices ready,
// ports bound. Everything
// that is wrong with the options or the machine comes back as an error, with nothing left running.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/agent.hpp"
#include "actors/cluster_node.hpp"
#include "actors/memory_keeper.hpp"
#include "actors/model_shelf.hpp"
#include "actors/node_status.hpp"
#include "actors/reply.hpp"
#include "actors/restart_budget.hpp"
#include "base/log.hpp"
#include "base/result.hpp"
#include "kernels/bert.hpp"
#include "kernels/device.hpp"
#include "kernels/sampler.hpp"
#include "scheduler/scheduler.hpp"
#include "tracing/tracer.hpp"
#include "transport/link.hpp"

namespace troupe::actors {

struct PolicySource {
  std::string name;
  std::string folder;  // models/policy.hpp says what is in it
  kernels::Sampling sampling;
};

// What the control verb `stop` asks for: that the node ends for good, or that whoever minds its
// process starts it anew.
enum class Ending { stop, restart };

struct NodeOptions {
  std::string name;
  std::vector<ClusterNode> cluster;  // every node, this one included, the same list on all of them
  transport::LinkOptions link;       // keys, allow-list, listen; names and epoch are filled in
  transport::OpenLink open_link = transport::Link::open;
  std::vector<std::string> devices = {"auto"};  // "cpu", "auto", "cuda:N": one worker each
  // Instead of those, where not empty: for tests and benchmarks.
  std::vector<std::shared_ptr<kernels::Device>> devices_open;
  std::vector<ModelSource> models;
  std::vector<PolicySource> policies;
  std::uint64_t memory_bytes_max = std::uint64_t{1} << 30;
  kernels::MemoryOptions memory;
  MemoryKeeping keep_memories;

  scheduler::SchedulerOptions scheduling;
  std::string record_folder;        // of a recording for `troupe replay`; empty: none
  scheduler::PolicyFactory policy;  // empty: scheduler::Scheduler with the options above

  tracing::TracerOptions tracing;  // whoever lets it record takes the spans from tracer()

  std::vector<std::shared_ptr<AgentModule>> modules;
  RestartOptions restarts;
  std::uint32_t stash_messages_max = 1024;
  std::uint32_t agents_max = 1'000'000;
  Duration agents_move_after = std::chrono::seconds(10);  // that their node has been down
  std::uint32_t threads = 2;                              // of the pool that agents run on
  bool hedge = false;  // of urgent tasks that other nodes have (delivery/hedging.hpp)

  // Called on a thread of the node's when somebody has asked it to end; lets another thread stop it
  // soon. Empty: whoever asks is told that it cannot be asked.
  std::function<void(Ending)> on_end_asked;

  // The control verb `reload`: reads the config again, applies what it can, and answers in JSON. On
  // the bridge's thread, which waits for it. Empty: whoever asks is told that there is nothing to.
  std::function<Result<std::string>()> on_reload;
};

class Node {
 public:
  // `log` outlives the node. Errors: config, model_missing, model_damaged, unsupported (a device
  // that is asked for by name and not there), io (ports), what a module's start() says.
  static Result<std::unique_ptr<Node>> start(NodeOptions options, Log& log);

  // Ends everything, in order: agents, tasks that wait (each is answered), devices, link. Returns
  // within seconds, or when a model that is being loaded has come. Idempotent; the destructor calls
  // it.
  void stop();
  ~Node();

  // Takes it out of service, or back in. While it drains it is not ready, rejects new tasks of
  // clients and other nodes, and refuses begin_work(); what it has goes on, and so do its agents:
  // their mail comes, their tasks run. facts() says what is left. Thread-safe, as the rest.
  void drain();
  void undrain();
  [[nodiscard]] bool draining() const;

  // Which nodes there are and who may connect, from now on, in place of `cluster` and
  // `link.allowed` (transport/link.hpp). A node that is new is connected to, and gets its share of
  // the agents and tasks once it is up; one that is gone has neither any more, and what it had of
  // our tasks is done elsewhere. This node's own endpoint stays what it is. Errors: config.
  Status set_cluster(const std::vector<ClusterNode>& nodes,
                     const std::vector<transport::AllowedKey>& allowed);

  // The lanes' switches and limits from now on, in place of `scheduling`.
  void set_scheduling(const scheduler::SchedulerOptions& options);

  // Work of the program itself, which may submit tasks until end_work(): it counts among what is
  // left. False, and nothing begins, while the node drains.
  [[nodiscard]] bool begin_work();
  void end_work();

  // A task of the program that has this node inside, without an agent: thread-safe, never blocks
  // for long. It runs here or on a node of the cluster that is clearly less busy. The request's id
  // is filled in. Once it has returned one, exactly one outcome goes to `reply`, on a thread of the
  // node's; the errors are those of a client's task.
  Result<TaskId> submit(TaskRequest request, ReplyTo reply);

  // Its outcome will be `canceled`, unless it is done already. Thread-safe, as the rest.
  void cancel(TaskId task);

  // Its traces; whoever records there takes them away, too. They live as long as the node.
  [[nodiscard]] tracing::Tracer& tracer();

  // The text encoders that it knows, by the ModelId of encode.
  [[nodiscard]] std::vector<ModelFacts> models() const;

  // Loads one, or lets it go when the tasks that need it are done. `done` comes later, on a thread
  // of the node's, or at once; not after stop(). Errors: model_missing for a name that it does not
  // know, those of ModelShelf::load() (unsupported on a node with a GPU).
  void load_model(std::string_view name, ModelShelf::Done done);
  void unload_model(std::string_view name, ModelShelf::Done done);

  // What it tells of itself: a copy of all its counts, some 100 KB.
  [[nodiscard]] NodeFacts facts() const;

  // The same in JSON: the answer to the control verb "status".
  [[nodiscard]] std::string status() const;

 private:
  struct State;
  explicit Node(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace troupe::actors
