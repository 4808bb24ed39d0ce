#include "actors/node.hpp"

#include <algorithm>
#include <random>

#include "actors/bridge.hpp"
#include "actors/devices.hpp"
#include "actors/directory.hpp"
#include "actors/door.hpp"
#include "actors/lane_actor.hpp"
#include "actors/node_status.hpp"
#include "actors/timers.hpp"
#include "actors/worker.hpp"
#include "models/text_model.hpp"

namespace troupe::actors {
namespace {

constexpr Duration agents_stop_limit = std::chrono::seconds(5);
constexpr Duration link_linger = std::chrono::milliseconds(500);

std::uint64_t random_epoch() {
  std::random_device entropy;
  return (static_cast<std::uint64_t>(entropy()) << 32 | entropy()) | 1;
}

struct SystemConfig : caf::actor_system_config {
  explicit SystemConfig(std::size_t threads) { configure(*this, threads); }
};

}  // namespace

// In the order of construction; destroyed in reverse, so that the actor system goes after
// everything that holds handles into it.
struct Node::State {
  State(NodeOptions given, Log& writer)
      : options(std::move(given)), log(writer), config(options.threads), system(config) {}

  NodeOptions options;
  Log& log;
  World world;
  Stats stats;
  std::vector<NamedModel> models;
  std::vector<std::shared_ptr<kernels::Device>> devices;
  SystemConfig config;
  caf::actor_system system;
  std::vector<caf::actor> workers;
  caf::actor fast_lane;
  caf::actor batcher;
  std::unique_ptr<Door> door;
  std::unique_ptr<Directory> directory;
  std::unique_ptr<Bridge> bridge;
  std::vector<std::shared_ptr<AgentModule>> started;
  Instant started_at;
  bool stopped = false;

  Status load_models();
  Status open();
  void spawn_lanes();
  void spawn_workers();
  Status start_modules();
  Status open_bridge();
  [[nodiscard]] std::string status() const;
  void stop();
  void end_actors();
};

Node::Node(std::unique_ptr<State> state) : state_(std::move(state)) {}
Node::~Node() {
  stop();
}
void Node::stop() {
  state_->stop();
}
std::string Node::status() const {
  return state_->status();
}

Result<std::unique_ptr<Node>> Node::start(NodeOptions options, Log& log) {
  if (std::none_of(options.cluster.begin(), options.cluster.end(),
                   [&](const ClusterNode& node) { return node.name == options.name; }))
    return Error{ErrorCode::config, "the cluster has no node '" + options.name + "'",
                 "choose one of its [node.*] tables"};
  std::unique_ptr<Node> node(new Node(std::make_unique<State>(std::move(options), log)));
  if (auto opened = node->state_->open(); !opened) return opened.error();
  return node;
}

Status Node::State::open() {
  if (auto loaded = load_models(); !loaded) return loaded;
  world.memory = std::make_shared<kernels::MemoryStore>(options.memory_bytes_max);
  std::vector<std::shared_ptr<const kernels::BertModel>> weights;
  for (const auto& model : models) weights.push_back(model.model->bert);
  auto opened = open_devices(options.devices, weights, world.memory, log);
  if (!opened) return opened.error();
  devices = std::move(*opened);

  world.node = options.name;
  for (const auto& node : options.cluster) world.nodes.push_back(node.name);
  std::sort(world.nodes.begin(), world.nodes.end());
  world.epoch = random_epoch();
  world.log = &log;
  world.restarts = options.restarts;
  world.stash_messages_max = options.stash_messages_max;
  world.agents_max = options.agents_max;
  world.timers = system.spawn<Timers>(std::ref(log));

  spawn_lanes();
  spawn_workers();
  directory = std::make_unique<Directory>(system, world);
  world.directory = directory.get();
  if (auto modules = start_modules(); !modules) return modules;
  started_at = now();
  return open_bridge();
}

Status Node::State::load_models() {
  for (const auto& source : options.models) {
    const Instant begin = now();
    auto model = models::load_text_model(source.folder);
    if (!model) {
      Error error = model.error();
      error.what = "model '" + source.name + "': " + error.what;
      return error;
    }
    log.info("a model is loaded",
             {{"model", source.name},
              {"folder", source.folder},
              {"took_ms", static_cast<double>((now() - begin).count()) / 1e6}});
    models.push_back({source.name, std::move(*model)});
  }
  return {};
}

void Node::State::spawn_lanes() {
  // The door counts what the lanes hold, the lanes need its counters: so it is made first, with
  // handles that follow.
  DoorOptions wiring;
  wiring.lanes = options.lanes;
  wiring.tasks_max = {options.urgent.queue_tasks_max, options.ordinary.queue_tasks_max};
  wiring.models = models;
  wiring.memory = world.memory;
  wiring.cost = devices.front()->cost(ModelId{});
  door = std::make_unique<Door>(std::move(wiring));
  world.door = door.get();

  const auto launch_urgent = [this](WorkerId worker, kernels::Batch&& batch) {
    kernels::BatchReport refused = failed_report(batch, Error{});
    const auto taken = devices[worker.value]->submit_urgent(
        std::move(batch), [this, worker](kernels::BatchReport&& report) {
          post_urgent(fast_lane, BatchDone{worker, std::move(report)});
        });
    if (taken) return;
    log.warn("a device refused an urgent batch", taken.error());
    for (auto& item : refused.results) item.output = taken.error();
    post_urgent(fast_lane, BatchDone{worker, std::move(refused)});
  };
  const auto launch_ordinary = [this](WorkerId worker, kernels::Batch&& batch) {
    post(workers[worker.value], RunBatch{std::move(batch)});
  };
  fast_lane = system.spawn<LaneActor<scheduler::FastLane>, caf::detached>(
      LaneWiring{Lane::urgent, launch_urgent, &stats, &door->held(Lane::urgent), &log},
      scheduler::FastLane(options.urgent));
  batcher = system.spawn<LaneActor<scheduler::Batcher>>(
      LaneWiring{Lane::ordinary, launch_ordinary, &stats, &door->held(Lane::ordinary), &log},
      scheduler::Batcher(options.ordinary));
  door->open(fast_lane, batcher);
}

void Node::State::spawn_workers() {
  for (std::size_t i = 0; i < devices.size(); ++i)
    workers.push_back(system.spawn<Worker>(WorkerId{static_cast<std::uint32_t>(i)}, devices[i],
                                           batcher, std::ref(log)));
  for (std::size_t i = 0; i < devices.size(); ++i) {
    const auto& info = devices[i]->info();
    const WorkerId id{static_cast<std::uint32_t>(i)};
    const kernels::Cost cost = devices[i]->cost(ModelId{});
    post(batcher, AddWorker{id, info.queue_batches_max, cost});
    // One urgent batch on a device at a time: what comes meanwhile shares the next one.
    post(fast_lane, AddWorker{id, 1, cost});
  }
}

Status Node::State::start_modules() {
  for (const auto& module : options.modules) {
    if (auto added = directory->add_module(module); !added) return added;
    if (auto begun = module->start(log); !begun) return begun;
    started.push_back(module);
  }
  return {};
}

Status Node::State::open_bridge() {
  bridge = std::make_unique<Bridge>(
      system, world, [this](const std::string& verb, const std::string&) -> Result<std::string> {
        if (verb == "status") return status();
        return Error{ErrorCode::not_found, "a node does not know the verb '" + verb + "'",
                     "it knows: status"};
      });
  world.bridge = bridge.get();
  transport::LinkOptions link = options.link;
  link.name = options.name;
  std::vector<RemoteNode> others;
  for (const auto& node : options.cluster) {
    if (node.name == options.name)
      link.listen = node.endpoint;
    else
      others.push_back({node.name, node.endpoint, node.key});
  }
  return bridge->open(std::move(link), others);
}

std::string Node::State::status() const {
  NodeFacts facts;
  facts.name = options.name;
  facts.epoch = world.epoch;
  facts.uptime = now() - started_at;
  facts.nodes = world.nodes;
  for (const auto& model : models) facts.models.push_back(model.name);
  for (const auto& device : devices) facts.devices.push_back(device->info());
  facts.agents = directory->agents_by_type();
  facts.memory_bytes = world.memory->bytes();
  facts.memory_documents = world.memory->documents();
  facts.peers = bridge->peers_up();
  facts.link = bridge->counters();
  for (const Lane lane : {Lane::urgent, Lane::ordinary})
    facts.lanes[static_cast<std::size_t>(lane)] = stats.read(lane);
  return to_json(facts);
}

void Node::State::stop() {
  if (std::exchange(stopped, true)) return;
  if (directory) {
    if (const auto left = directory->stop_all(agents_stop_limit); left != 0)
      log.error("agents did not end in time; is a handler blocking?", {{"agents", left}});
  }
  for (auto module = started.rbegin(); module != started.rend(); ++module) (*module)->stop();
  if (door) door->close();
  // The lanes' on_exit answers every task that still waits; then nobody launches any more, and the
  // devices can finish what they took.
  end_actors();
  for (const auto& device : devices) device->stop();
  if (bridge) bridge->close(link_linger);
  // Only now is nobody left who reads these; the actor system's destructor wants them gone.
  workers.clear();
  fast_lane = batcher = world.timers = nullptr;
}

void Node::State::end_actors() {
  std::vector<caf::actor> all = workers;
  for (const auto* actor : {&fast_lane, &batcher, &world.timers})
    if (*actor) all.push_back(*actor);
  for (const auto& actor : all) post_exit(actor);
  caf::scoped_actor self{system};
  for (const auto& actor : all) self->wait_for(actor);
}

}  // namespace troupe::actors
