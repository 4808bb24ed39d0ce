#include "actors/node.hpp"

#include <algorithm>
#include <atomic>
#include <random>

#include "actors/agent_list.hpp"
#include "actors/bridge.hpp"
#include "actors/control_verbs.hpp"
#include "actors/devices.hpp"
#include "actors/directory.hpp"
#include "actors/dispatcher.hpp"
#include "actors/door.hpp"
#include "actors/host_verbs.hpp"
#include "actors/inspector.hpp"
#include "actors/members.hpp"
#include "actors/memory_keeper.hpp"
#include "actors/node_status.hpp"
#include "actors/recorder.hpp"
#include "actors/timers.hpp"
#include "base/clock.hpp"
#include "base/limits.hpp"
#include "models/policy.hpp"

namespace troupe::actors {
namespace {

constexpr Duration agents_stop_limit = std::chrono::seconds(5);
constexpr Duration link_linger = std::chrono::milliseconds(500);

std::uint64_t random_number() {
  std::random_device entropy;
  return static_cast<std::uint64_t>(entropy()) << 32 | entropy();
}

const ClusterNode* find_node(const std::vector<ClusterNode>& nodes, std::string_view name) {
  const auto found = std::find_if(nodes.begin(), nodes.end(),
                                  [&](const ClusterNode& node) { return node.name == name; });
  return found == nodes.end() ? nullptr : &*found;
}

Error not_in_cluster(const std::string& name) {
  return {ErrorCode::config, "the cluster has no node '" + name + "'",
          "choose one of its [node.*] tables"};
}

// Modules are others' code: what they throw is an error of theirs, not the end of the process.
Status begin(AgentModule& module, Log& log) {
  const auto failed = [&](const std::string& what) {
    return Error{ErrorCode::handler_failed,
                 "the module of '" + std::string(module.type()) + "' cannot start: " + what,
                 "see its author's notes"};
  };
  try {
    return module.start(log);
  } catch (const std::exception& failure) {
    return failed(failure.what());
  } catch (...) {
    return failed("it threw something that is not an exception");
  }
}

void stop_module(AgentModule& module, Log& log) {
  const auto failed = [&](std::string_view what) {
    log.warn("a module threw while it was stopped", {{"type", module.type()}, {"what", what}});
  };
  try {
    module.stop();
  } catch (const std::exception& failure) {
    failed(failure.what());
  } catch (...) {
    failed("something that is not an exception");
  }
}

struct SystemConfig : caf::actor_system_config {
  explicit SystemConfig(std::size_t threads) { configure(*this, threads); }
};

}  // namespace

// In the order of construction; destroyed in reverse, so that the actor system goes after
// everything that holds handles into it.
struct Node::State {
  State(NodeOptions given, Log& writer)
      : options(std::move(given)),
        log(writer),
        tracer(options.tracing, random_number()),
        config(options.threads),
        system(config),
        shelf(options.models, writer) {}

  NodeOptions options;
  Log& log;
  tracing::Tracer tracer;
  World world;
  Stats stats;
  Explanations explanations;
  std::vector<NamedPolicy> policies;
  std::vector<std::shared_ptr<kernels::Device>> devices;
  SystemConfig config;
  caf::actor_system system;
  ModelShelf shelf;
  std::unique_ptr<MemoryKeeper> keeper;
  std::unique_ptr<Recorder> recorder;
  std::unique_ptr<Dispatcher> dispatcher;
  std::unique_ptr<Door> door;
  std::unique_ptr<Members> members;
  std::unique_ptr<Directory> directory;
  std::unique_ptr<Bridge> bridge;
  Inspector inspector{world, explanations, shelf, policies, devices};
  std::vector<std::shared_ptr<AgentModule>> started;
  Instant started_at;
  std::atomic<bool> draining{false};
  std::atomic<std::uint64_t> requests{0};  // begin_work()
  bool stopped = false;

  Status open_memories();
  Status load_policies();
  Status open();
  Status start_dispatcher();
  void control(const std::string& verb, const std::string& body, ControlAnswer answer);
  void change_models(const std::string& verb, const std::string& name, ControlAnswer answer);
  void save_memories(ControlAnswer answer) const;
  void drain(bool on);
  void end(const std::string& how, const ControlAnswer& answer) const;
  [[nodiscard]] Result<std::string> reload() const;
  Status start_modules();
  Status open_bridge();
  Status set_cluster(const std::vector<ClusterNode>& nodes,
                     const std::vector<transport::AllowedKey>& allowed) const;
  [[nodiscard]] std::vector<PolicyFacts> policy_facts() const;
  [[nodiscard]] NodeFacts facts() const;
  [[nodiscard]] DrainFacts drain_facts() const;
  void stop();
  void stop_devices();
};

Node::Node(std::unique_ptr<State> state) : state_(std::move(state)) {}
Node::~Node() {
  stop();
}
void Node::stop() {
  state_->stop();
}
Result<TaskId> Node::submit(TaskRequest request, ReplyTo reply) {
  request.id = state_->world.next_task_id();
  const TaskId id = request.id;
  if (auto taken = state_->bridge->submit(std::move(request), std::move(reply)); !taken)
    return taken.error();
  return id;
}
Status Node::set_cluster(const std::vector<ClusterNode>& nodes,
                         const std::vector<transport::AllowedKey>& allowed) {
  return state_->set_cluster(nodes, allowed);
}
void Node::set_scheduling(const scheduler::SchedulerOptions& options) {
  state_->dispatcher->set_options(options);
}
void Node::cancel(TaskId task) {
  state_->door->cancel(task);
  state_->bridge->cancel(task);
}
tracing::Tracer& Node::tracer() {
  return state_->tracer;
}
std::vector<ModelFacts> Node::models() const {
  return state_->shelf.facts();
}
void Node::drain() {
  state_->drain(true);
}
void Node::undrain() {
  state_->drain(false);
}
bool Node::draining() const {
  return state_->draining;
}
// Counted before it is decided, so that who sees the node drain and nothing left can rely on it.
bool Node::begin_work() {
  ++state_->requests;
  if (!state_->draining) return true;
  --state_->requests;
  return false;
}
void Node::end_work() {
  --state_->requests;
}
void Node::load_model(std::string_view name, ModelShelf::Done done) {
  const auto model = state_->shelf.find(name);
  model ? state_->shelf.load(*model, std::move(done)) : done(model.error());
}
void Node::unload_model(std::string_view name, ModelShelf::Done done) {
  const auto model = state_->shelf.find(name);
  model ? state_->shelf.unload(*model, std::move(done)) : done(model.error());
}
NodeFacts Node::facts() const {
  return state_->facts();
}
std::string Node::status() const {
  return to_json(state_->facts());
}

Result<std::unique_ptr<Node>> Node::start(NodeOptions options, Log& log) {
  if (find_node(options.cluster, options.name) == nullptr) return not_in_cluster(options.name);
  std::unique_ptr<Node> node(new Node(std::make_unique<State>(std::move(options), log)));
  if (auto opened = node->state_->open(); !opened) return opened.error();
  return node;
}

Status Node::State::open() {
  if (auto loaded = shelf.load_at_start(); !loaded) return loaded;
  if (auto kept = open_memories(); !kept) return kept;
  if (auto loaded = load_policies(); !loaded) return loaded;
  std::vector<ModelToRun> to_run;
  const auto models = shelf.loaded();
  for (std::uint32_t i = 0; i < models.size(); ++i)
    to_run.push_back({shelf.name(ModelId{i}), models[i] ? models[i]->bert : nullptr,
                      shelf.precision(ModelId{i})});
  std::vector<kernels::ServedPolicy> served;
  for (const auto& policy : policies) served.push_back(policy.policy);
  if (options.devices_open.empty()) {
    auto opened = open_devices(options.devices, to_run, served, world.memory, log);
    if (!opened) return opened.error();
    devices = std::move(*opened);
  } else {
    devices = options.devices_open;
  }

  world.node = options.name;
  world.epoch = random_number() | 1;
  world.log = &log;
  world.tracer = &tracer;
  world.restarts = options.restarts;
  world.stash_messages_max = options.stash_messages_max;
  world.agents_max = options.agents_max;
  world.hedge = options.hedge;
  world.timers = system.spawn<Timers>(std::ref(log));

  if (auto dispatching = start_dispatcher(); !dispatching) return dispatching;
  std::vector<std::string> names;
  for (const auto& node : options.cluster) names.push_back(node.name);
  members =
      std::make_unique<Members>(std::move(names), world.node, options.agents_move_after, now());
  world.members = members.get();
  directory = std::make_unique<Directory>(system, world);
  world.directory = directory.get();
  if (auto modules = start_modules(); !modules) return modules;
  started_at = now();
  return open_bridge();
}

Status Node::State::open_memories() {
  world.memory = std::make_shared<kernels::MemoryStore>(options.memory_bytes_max, options.memory);
  if (options.keep_memories.folder.empty()) return {};
  auto opened = MemoryKeeper::open(options.keep_memories, options.name, world.memory, log);
  if (!opened) return opened.error();
  keeper = std::move(*opened);
  return {};
}

Status Node::State::load_policies() {
  for (const auto& source : options.policies) {
    const auto wrong = [&](const Error& error) {
      return Error{error.code, "policy '" + source.name + "': " + error.what, error.next_step};
    };
    auto model = models::load_policy(source.folder);
    if (!model) return wrong(model.error());
    if (const auto width = (*model)->observation_width(); width > limits::observation_width_max)
      return wrong({ErrorCode::unsupported,
                    "it looks at " + std::to_string(width) + " numbers, over the limit of " +
                        std::to_string(limits::observation_width_max),
                    "let it look at less"});
    kernels::ServedPolicy policy{std::move(*model), source.sampling};
    if (auto good = check_policy(policy); !good) return wrong(good.error());
    log.info(
        "a policy is loaded",
        {{"policy", source.name}, {"folder", source.folder}, {"actions", policy.model->actions()}});
    policies.push_back({source.name, std::move(policy)});
  }
  return {};
}

Status Node::State::start_dispatcher() {
  DispatcherOptions wiring;
  wiring.devices = devices;
  wiring.tracer = &tracer;
  wiring.models = static_cast<std::uint32_t>(shelf.size());
  wiring.policies = static_cast<std::uint32_t>(policies.size());
  wiring.tasks_max = {options.scheduling.urgent_queue_tasks_max,
                      options.scheduling.ordinary_queue_tasks_max};
  if (!options.record_folder.empty()) {
    auto opened = Recorder::open(options.record_folder, options.name, options.scheduling, log);
    if (!opened) return opened.error();
    recorder = std::move(*opened);
    wiring.observe = [this](Instant at, const scheduler::Event* event,
                            const scheduler::Actions& decided) {
      recorder->note(at, event, decided);
    };
  }
  auto policy = options.policy ? options.policy()
                               : std::make_unique<scheduler::Scheduler>(options.scheduling);
  dispatcher =
      std::make_unique<Dispatcher>(std::move(wiring), std::move(policy), stats, explanations, log);
  door = std::make_unique<Door>(DoorOptions{policies, world.memory, &tracer}, shelf, *dispatcher,
                                stats);
  world.door = door.get();
  shelf.start(devices, [this](ModelId model) { dispatcher->model_came(model); });
  return {};
}

Status Node::State::start_modules() {
  for (const auto& module : options.modules) {
    if (auto added = directory->add_module(module); !added) return added;
    if (auto begun = begin(*module, log); !begun) return begun;
    started.push_back(module);
  }
  return {};
}

Status Node::State::open_bridge() {
  bridge = std::make_unique<Bridge>(
      system, world,
      [this](const std::string& verb, const std::string& body, ControlAnswer answer) {
        control(verb, body, std::move(answer));
      });
  world.bridge = bridge.get();
  transport::LinkOptions link = options.link;
  link.name = options.name;
  link.listen = find_node(options.cluster, options.name)->endpoint;
  return bridge->open(options.open_link, std::move(link), options.cluster);
}

Status Node::State::set_cluster(const std::vector<ClusterNode>& nodes,
                                const std::vector<transport::AllowedKey>& allowed) const {
  if (find_node(nodes, options.name) == nullptr) return not_in_cluster(options.name);
  if (auto done = bridge->allow(allowed); !done) return done;
  bridge->set_nodes(nodes);
  return {};
}

void Node::State::control(const std::string& verb, const std::string& body, ControlAnswer answer) {
  if (verb == "status") return answer(to_json(facts()));
  if (Inspector::knows(verb)) return inspector.answer(verb, body, std::move(answer));
  if (verb == "agents") return answer(answer_agents(body, world));
  if (verb == "save") return save_memories(std::move(answer));
  if (verb == "drain" || verb == "undrain") {
    drain(verb == "drain");
    return answer(to_json(options.name, world.epoch, drain_facts()));
  }
  if (verb == "stop") return end(body, answer);
  if (verb == "reload") return answer(reload());
  if (verb == "load" || verb == "unload") return change_models(verb, body, std::move(answer));
  std::string known;
  for (const auto& one : control_verbs)
    known += (known.empty() ? "" : ", ") + std::string(one.name);
  answer(Error{ErrorCode::not_found, "a node does not know the verb '" + verb + "'",
               "it knows: " + known + "; of processes that host agents: " + host_verbs()});
}

void Node::State::drain(bool on) {
  if (draining.exchange(on) == on) return;
  bridge->drain(on);
  log.info(on ? "draining: no new tasks are taken" : "in service again");
}

void Node::State::end(const std::string& how, const ControlAnswer& answer) const {
  if (!how.empty() && how != "restart")
    return answer(Error{ErrorCode::invalid_argument, "a node does not end by '" + how + "'",
                        "send 'restart', or nothing to end it for good"});
  if (!options.on_end_asked)
    return answer(Error{ErrorCode::unsupported,
                        "node '" + options.name + "' cannot be asked to end",
                        "end the program that it is a part of"});
  log.info(how.empty() ? "asked to end" : "asked to end and to be started anew");
  answer(to_json(options.name, world.epoch, drain_facts()));  // while there is a link
  options.on_end_asked(how.empty() ? Ending::stop : Ending::restart);
}

// The answer is the model as it is then.
void Node::State::change_models(const std::string& verb, const std::string& name,
                                ControlAnswer answer) {
  const auto model = shelf.find(name);
  if (!model) return answer(model.error());
  const auto done = [this, id = *model, answer = std::move(answer)](const Status& changed) {
    answer(changed ? Result<std::string>(to_json(shelf.facts()[id.value])) : changed.error());
  };
  verb == "load" ? shelf.load(*model, done) : shelf.unload(*model, done);
}

void Node::State::save_memories(ControlAnswer answer) const {
  if (!keeper)
    return answer(Error{ErrorCode::config, "node '" + options.name + "' keeps no memories",
                        "name a folder in [memory] of the cluster's file"});
  keeper->save([this, answer = std::move(answer)](const Status& saved) {
    answer(saved ? Result<std::string>(to_json(keeper->facts(), world.memory->documents()))
                 : saved.error());
  });
}

std::vector<PolicyFacts> Node::State::policy_facts() const {
  std::vector<PolicyFacts> found;
  for (const auto& [name, policy] : policies)
    found.push_back({name, policy.model->observation_width(), policy.model->actions()});
  return found;
}

DrainFacts Node::State::drain_facts() const {
  DrainFacts facts;
  facts.draining = draining;
  if (!facts.draining) return facts;
  facts.tasks = bridge->guests_tasks();
  facts.agents = world.in_hand.count();
  facts.requests = requests;
  facts.sent_elsewhere = bridge->sent_elsewhere();
  return facts;
}

Result<std::string> Node::State::reload() const {
  if (options.on_reload) return options.on_reload();
  return Error{ErrorCode::unsupported, "node '" + options.name + "' has no file to read again",
               "change it where the program that it is a part of is wired"};
}

NodeFacts Node::State::facts() const {
  NodeFacts facts;
  facts.name = options.name;
  facts.epoch = world.epoch;
  facts.at = now();
  facts.uptime = facts.at - started_at;
  facts.nodes = members->names();
  facts.models = shelf.facts();
  facts.policies = policy_facts();
  for (const auto& device : devices) facts.devices.push_back(device->info());
  facts.agents = directory->agents_by_type();
  facts.hosts = bridge->hosts();
  facts.memory_bytes = world.memory->bytes();
  facts.memory_bytes_max = options.memory_bytes_max;
  facts.memory_documents = world.memory->documents();
  if (keeper) facts.kept = keeper->facts();
  facts.drain = drain_facts();
  facts.peers = bridge->peers_up();
  facts.living = members->living();
  facts.mail_waiting = bridge->mail_waiting();
  facts.link = bridge->counters();
  facts.backlogs = bridge->backlogs();
  facts.tasks_moved = bridge->tasks_moved();
  facts.offers = bridge->offers();
  facts.spans = tracer.counts();
  facts.stats = stats.read();
  for (std::uint32_t tenant = 0; tenant < facts.stats.tenants.size(); ++tenant)
    facts.tenants.push_back(door->accounts().tenant(TenantId{tenant}));
  return facts;
}

// Nothing ends a thread from outside: one that is stuck in a batch keeps its device, and all that
// it may touch, until the process ends.
void Node::State::stop_devices() {
  for (std::uint32_t i = 0; i < devices.size(); ++i) {
    if (!dispatcher || !dispatcher->is_stuck(WorkerId{i})) {
      devices[i]->stop();
      continue;
    }
    log.error("a device is stuck and is left to the end of the process",
              {{"device", devices[i]->info().name}});
    new std::shared_ptr<kernels::Device>(devices[i]);
  }
}

void Node::State::stop() {
  if (std::exchange(stopped, true)) return;
  if (directory) {
    if (const auto left = directory->stop_all(agents_stop_limit); left != 0)
      log.error("agents did not end in time; is a handler blocking?", {{"agents", left}});
  }
  for (auto module = started.rbegin(); module != started.rend(); ++module)
    stop_module(**module, log);
  // Nothing is loaded any more, and the tasks that wait for that have their outcome.
  shelf.close();
  // Answers every task that still waits; then nobody launches any more, and the devices can finish
  // what they took.
  if (dispatcher) dispatcher->stop();
  if (recorder) recorder->finish();
  stop_devices();
  if (keeper) keeper->stop();  // nobody remembers any more
  if (bridge) bridge->close(link_linger);
  shelf.stop();  // a model that is being loaded may take a while: last of what matters
  // Only now is nobody left who arms one; the actor system's destructor wants it gone.
  if (world.timers) {
    post_exit(world.timers);
    caf::scoped_actor self{system};
    self->wait_for(world.timers);
    world.timers = nullptr;
  }
}

}  // namespace troupe::actors
