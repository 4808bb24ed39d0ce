// What the scenarios of rig C share: a real node with one device, and a client of it that measures.
//
// The client is in the same process and uses the node's own surface, so that nothing but the node
// lies between an arrival and its outcome. The link is open as in every node, on ports of the
// loopback interface; it carries only the first word to agents.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "actors/node.hpp"
#include "bench/harness/latency_recorder.hpp"
#include "bench/harness/usage.hpp"
#include "bench/scenarios/scenarios.hpp"
#include "client/client.hpp"

namespace troupe::bench::scenarios {

struct RealOptions {
  std::string policy = "troupe";
  std::uint32_t tasks_max = 32;             // per batch
  std::shared_ptr<kernels::Device> device;  // null: the CPU
  std::string model_folder;                 // of the model "encoder"; empty: the node has none
  std::vector<std::shared_ptr<actors::AgentModule>> modules{};
  bool client = false;  // one that is connected, for messages to agents
};

class RealNode {
 public:
  // Errors: those of actors::Node, and of the link.
  static Result<std::unique_ptr<RealNode>> start(RealOptions options);
  ~RealNode();

  [[nodiscard]] actors::Node& node() noexcept { return *node_; }
  // Only if it was asked for.
  [[nodiscard]] Client& client() noexcept { return *client_; }

  // The name of the one node, for the client.
  static const std::string name;

 private:
  RealNode() = default;
  NullLog log_;
  std::unique_ptr<actors::Node> node_;
  std::unique_ptr<Client> client_;
};

// A task of one unit for modelled devices, which look at no task: nothing has to be read for it.
TaskRequest small_task();

// One stream of an open loop.
struct RealStream {
  double per_second = 0;
  TaskRequest (*make)(std::uint64_t number) = nullptr;  // the number-th task
};

struct RealStreamResult {
  harness::LatencyHistogram latency;  // from the intended arrival to the outcome
  std::uint64_t offered = 0;
  std::uint64_t answered = 0;
  std::uint64_t lost = 0;  // refused, failed, or not answered within seconds after the end
};

struct RealRun {
  std::vector<RealStreamResult> streams;
  harness::LatencyHistogram sent_late;  // how late the client itself was
  harness::Usage used;                  // by the process, in the measured time
  double answers_per_s = 0;             // in the measured time, of the first stream
};

// Poisson arrivals of every stream by its seed, for `length`, of which `warm_up` is not counted.
// The calling thread sends; it sleeps until each arrival. Stops the node. Errors: canceled.
Result<RealRun> run_open_loop(RealNode& real, const std::vector<RealStream>& streams,
                              Duration warm_up, Duration length, const RunOptions& options);

// NaN where more than one task in a thousand was lost: such percentiles are of the lucky ones.
double quantile_ms(const RealStreamResult& stream, double q);

// "the client sent 0.03 ms late at p99, 12 involuntary switches"
std::string conditions_of(const RealRun& run);

}  // namespace troupe::bench::scenarios
