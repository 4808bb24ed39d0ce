#include "config/schema.hpp"

#include <array>
#include <chrono>
#include <limits>

#include "base/limits.hpp"
#include "config/rules.hpp"
#include "config/schema_slots.hpp"
#include "kernels/agent_memory.hpp"

namespace troupe::config {
namespace {

using namespace std::chrono_literals;

constexpr std::array<std::string_view, 5> levels = {"trace", "debug", "info", "warn", "error"};
constexpr std::array<std::string_view, 2> load_times = {"start", "demand"};
constexpr std::array<std::string_view, 2> precisions = {"f32", "bf16"};
constexpr std::array<std::string_view, 2> evictions = {"oldest", "least_recently_recalled"};
constexpr std::array<std::string_view, 3> row_formats = {"f32", "bf16", "halves"};
constexpr std::array<std::string_view, 3> formats = {"auto", "human", "json"};

constexpr Key cluster_keys[] = {
    {.name = "name",
     .slot = in<&Config::cluster, &ClusterConfig::name>,
     .help = "what the cluster is called in logs and in folders",
     .complaint = name_complaint},
    {.name = "keys",
     .slot = in<&Config::cluster, &ClusterConfig::keys>,
     .help = "the folder of the cluster's keys; `\"auto\"`: a private one, made on first use, for "
             "clusters on one machine",
     .complaint = folder_complaint,
     .expand = keys_folder},
};

constexpr Key node_keys[] = {
    {.name = "host",
     .slot = of<&Config::nodes, &NodeConfig::host>,
     .help = "the address that the node listens on and others reach it at; never a wildcard",
     .complaint = host_complaint},
    {.name = "urgent_port",
     .slot = of<&Config::nodes, &NodeConfig::urgent_port>,
     .help = "TCP port of the urgent lane",
     .min = 1,
     .max = 65535,
     .required = true},
    {.name = "ordinary_port",
     .slot = of<&Config::nodes, &NodeConfig::ordinary_port>,
     .help = "TCP port of the ordinary lane",
     .min = 1,
     .max = 65535,
     .required = true},
    {.name = "devices",
     .slot = of<&Config::nodes, &NodeConfig::devices>,
     .help = "one worker each: `\"cpu\"`, `\"cuda:0\"`, or `\"auto\"`, which takes the "
             "CPU and logs which GPU there would be",
     .min = 1,
     .max = limits::workers_per_node_max,
     .complaint = device_complaint},
    {.name = "machine",
     .slot = of<&Config::nodes, &NodeConfig::machine>,
     .help = "what `ssh` or Slurm calls the machine that the node runs on; empty: as `host`",
     .complaint = machine_complaint},
    {.name = "http",
     .slot = of<&Config::nodes, &NodeConfig::http>,
     .help = "where this node serves HTTP instead of `listen` of `[http]`; `\"off\"`: nowhere",
     .complaint = node_listen_complaint},
    {.name = "grpc",
     .slot = of<&Config::nodes, &NodeConfig::grpc>,
     .help = "where this node serves gRPC instead of `listen` of `[grpc]`; `\"off\"`: nowhere",
     .complaint = node_listen_complaint},
    {.name = "location",
     .slot = of<&Config::nodes, &NodeConfig::location>,
     .help = "latitude and longitude in degrees, as in `\"52.52,13.40\"`: clients that have one "
             "too ask the nearest node; empty: it is not said",
     .complaint = location_complaint},
};

constexpr Key model_keys[] = {
    {.name = "folder",
     .slot = of<&Config::models, &ModelConfig::folder>,
     .help = "a Hugging Face folder; `\"auto\"`: `$TROUPE_MODEL_DIR` if set, else where "
             "`tools/get-model` puts all-MiniLM-L6-v2",
     .required = true,
     .complaint = folder_complaint,
     .expand = model_folder},
    {.name = "precision",
     .slot = of<&Config::models, &ModelConfig::precision>,
     .help = "what the CPU multiplies in: `\"f32\"`, or `\"bf16\"`, which is quicker where the CPU "
             "has it and moves a vector by up to 1 % of its length; a node with a GPU refuses it",
     .complaint = choice_complaint<precisions>},
    {.name = "load",
     .slot = of<&Config::models, &ModelConfig::load>,
     .help =
         "`\"start\"`: before the node is ready; `\"demand\"`: when the first task needs it, which "
         "waits for it (CPU only). `troupe model` loads and unloads it at any time",
     .complaint = choice_complaint<load_times>},
};

constexpr std::array<std::string_view, 3> samplings = {"greedy", "softmax", "gumbel"};

constexpr Key policy_keys[] = {
    {.name = "folder",
     .slot = of<&Config::policies, &PolicyConfig::folder>,
     .help = "a folder with `policy.json` and `policy.safetensors`, see below",
     .required = true,
     .complaint = folder_complaint,
     .expand = expand_folder},
    {.name = "sampling",
     .slot = of<&Config::policies, &PolicyConfig::sampling>,
     .help = "how an action is picked from its scores: `\"greedy\"`, the largest; `\"softmax\"` "
             "or `\"gumbel\"`, at random, the likelier the larger",
     .complaint = choice_complaint<samplings>},
    {.name = "temperature",
     .slot = of<&Config::policies, &PolicyConfig::temperature>,
     .help = "what the scores are divided by before chance decides; greedy ignores it",
     .min = 1,
     .max = 1'000'000},
    {.name = "seed",
     .slot = of<&Config::policies, &PolicyConfig::seed>,
     .help = "of the random numbers, which depend on it, the agent and the step alone",
     .max = std::numeric_limits<std::uint32_t>::max()},
};

using scheduler::SchedulerOptions;
constexpr std::int64_t queue_tasks_limit = 16'777'216;
constexpr std::int64_t attempts_limit = 100;

constexpr Key scheduling_keys[] = {
    {.name = "lanes",
     .slot = in<&Config::scheduling, &SchedulerOptions::lanes>,
     .help = "off: there is no urgent lane and every task is ordinary"},
    {.name = "batching",
     .slot = in<&Config::scheduling, &SchedulerOptions::batching>,
     .help = "off: every task is a batch of its own"},
    {.name = "tasks_max",
     .slot = in<&Config::scheduling, &SchedulerOptions::tasks_max>,
     .help = "tasks in one batch",
     .min = 1,
     .max = limits::tasks_per_batch_max},
    {.name = "units_max",
     .slot = in<&Config::scheduling, &SchedulerOptions::units_max>,
     .help = "tokens in one batch; a single larger task goes alone",
     .min = 1,
     .max = limits::tokens_per_batch_max},
    {.name = "urgent_queue_tasks_max",
     .slot = in<&Config::scheduling, &SchedulerOptions::urgent_queue_tasks_max>,
     .help = "tasks asked for as urgent that a node may hold; more are refused",
     .min = 1,
     .max = queue_tasks_limit},
    {.name = "ordinary_queue_tasks_max",
     .slot = in<&Config::scheduling, &SchedulerOptions::ordinary_queue_tasks_max>,
     .help = "other tasks that a node may hold; more are refused",
     .min = 1,
     .max = queue_tasks_limit},
    {.name = "attempts_max",
     .slot = in<&Config::scheduling, &SchedulerOptions::attempts_max>,
     .help = "launches of one task when workers are lost",
     .min = 1,
     .max = attempts_limit},
    {.name = "record",
     .slot = in<&Config::record, &RecordConfig::folder>,
     .help = "the folder into which each node writes what its scheduler was told, for `troupe "
             "replay`; empty: nothing is written",
     .expand = optional_folder},
};

constexpr Key agents_keys[] = {
    {.name = "restarts_max",
     .slot = in<&Config::agents, &AgentConfig::restarts_max>,
     .help = "restarts of one agent within `restart_window`; after more it stays down",
     .max = 1000},
    {.name = "restart_window",
     .slot = in<&Config::agents, &AgentConfig::restart_window>,
     .help = "the time over which restarts are counted",
     .min = count(1ms),
     .max = count(24h)},
    {.name = "backoff_min",
     .slot = in<&Config::agents, &AgentConfig::backoff_min>,
     .help = "the pause before the first restart; it doubles with each further one",
     .min = count(1ms),
     .max = count(1h)},
    {.name = "backoff_max",
     .slot = in<&Config::agents, &AgentConfig::backoff_max>,
     .help = "the longest pause before a restart",
     .min = count(1ms),
     .max = count(1h)},
    {.name = "stash_messages_max",
     .slot = in<&Config::agents, &AgentConfig::stash_messages_max>,
     .help = "messages kept for an agent while it restarts; more are refused",
     .max = 1'000'000},
    {.name = "agents_max",
     .slot = in<&Config::agents, &AgentConfig::agents_max>,
     .help = "agents alive on a node",
     .min = 1,
     .max = 100'000'000},
    {.name = "move_after",
     .slot = in<&Config::agents, &AgentConfig::move_after>,
     .help = "how long a node may be away before its agents live elsewhere; mail for them waits as "
             "long",
     .min = count(100ms),
     .max = count(24h)},
    {.name = "threads",
     .slot = in<&Config::agents, &AgentConfig::threads>,
     .help = "threads that run agents on a node; devices have their own",
     .min = 1,
     .max = 1024},
    {.name = "modules",
     .slot = in<&Config::agents, &AgentConfig::modules>,
     .help = "shared libraries with agent types of your own, which every node loads when it starts "
             "([agents.md](agents.md))",
     .max = limits::agent_modules_max,
     .complaint = file_complaint,
     .expand = expand_folder},
};

constexpr Key memory_keys[] = {
    {.name = "bytes_max",
     .slot = in<&Config::memory, &MemoryConfig::bytes_max>,
     .help = "what all agents of a node may remember together",
     .min = mebi(1),
     .max = mebi(16 << 20)},
    {.name = "documents_max",
     .slot = in<&Config::memory, &MemoryConfig::documents_max>,
     .help = "what one agent may remember; a further document takes the place of another",
     .min = 1,
     .max = std::int64_t{kernels::AgentMemory::documents_max}},
    {.name = "eviction",
     .slot = in<&Config::memory, &MemoryConfig::eviction>,
     .help = "which one goes: `\"oldest\"`, or `\"least_recently_recalled\"`",
     .complaint = choice_complaint<evictions>},
    {.name = "rows",
     .slot = in<&Config::memory, &MemoryConfig::rows>,
     .help = "how vectors are kept: `\"f32\"`; `\"bf16\"`, half the room, scores off by at most "
             "0.004; `\"halves\"`, the room of f32, quicker to search, exact",
     .complaint = choice_complaint<row_formats>},
    {.name = "folder",
     .slot = in<&Config::memory, &MemoryConfig::folder>,
     .help = "the folder in which each node keeps what its agents remember, as `NODE.memories`; "
             "empty: it is forgotten when the node ends",
     .expand = optional_folder},
    {.name = "save_interval",
     .slot = in<&Config::memory, &MemoryConfig::save_interval>,
     .help = "how often what has changed is saved; it is saved when the node stops, too",
     .min = count(1s),
     .max = count(24h)},
    {.name = "salvage",
     .slot = in<&Config::memory, &MemoryConfig::salvage>,
     .help = "on: a node whose file is damaged starts with what is whole in it and keeps the file "
             "as `NODE.memories.damaged-1`; off: it does not start"},
};

constexpr Key delivery_keys[] = {
    {.name = "hedge",
     .slot = in<&Config::delivery, &DeliveryConfig::hedge>,
     .help = "on: an urgent task that another node has for longer than it has nearly all is given "
             "to a second node, too; at most 2 % more urgent work"},
};

constexpr Key link_keys[] = {
    {.name = "heartbeat_interval",
     .slot = in<&Config::link, &LinkConfig::heartbeat_interval>,
     .help = "how often nodes that are linked show each other that they live",
     .min = count(10ms),
     .max = count(1min)},
    {.name = "heartbeats_missed_max",
     .slot = in<&Config::link, &LinkConfig::heartbeats_missed_max>,
     .help = "silent intervals after which a peer counts as down",
     .min = 1,
     .max = 100},
    {.name = "outbox_bytes_max",
     .slot = in<&Config::link, &LinkConfig::outbox_bytes_max>,
     .help = "what may wait to be sent to one peer; more is refused",
     .min = limits::frame_bytes_max * limits::frames_per_message_max,
     .max = mebi(64 << 10)},
};

constexpr Key client_keys[] = {
    {.name = "location",
     .slot = in<&Config::client, &ClientConfig::location>,
     .help = "where the client is, as `location` of a node; empty: distances do not count",
     .complaint = location_complaint},
};

constexpr Key log_keys[] = {
    {.name = "level",
     .slot = in<&Config::log, &LogConfig::level>,
     .help = "the least that is logged: `\"trace\"`, `\"debug\"`, `\"info\"`, `\"warn\"` or "
             "`\"error\"`",
     .complaint = choice_complaint<levels>},
    {.name = "format",
     .slot = in<&Config::log, &LogConfig::format>,
     .help = "`\"human\"`, `\"json\"` (one object a line), or `\"auto\"`: human on a terminal",
     .complaint = choice_complaint<formats>},
};

constexpr Key tracing_keys[] = {
    {.name = "endpoint",
     .slot = in<&Config::tracing, &TracingConfig::endpoint>,
     .help = "where spans go, by OTLP over HTTP: a collector's address, as in "
             "`\"http://127.0.0.1:4318\"`; empty: nowhere",
     .complaint = collector_complaint},
    {.name = "sample",
     .slot = in<&Config::tracing, &TracingConfig::sample>,
     .help = "how many of the traces that begin at a node are recorded, from 0 to 1; a trace that "
             "came with a request says so itself",
     .max = 1000},
};

constexpr Key up_keys[] = {
    {.name = "start_timeout",
     .slot = in<&Config::up, &UpConfig::start_timeout>,
     .help = "how long `troupe up` waits until every node is ready",
     .min = count(1s),
     .max = count(1h)},
    {.name = "stop_timeout",
     .slot = in<&Config::up, &UpConfig::stop_timeout>,
     .help = "how long a node may take to stop by itself before it is killed",
     .min = count(100ms),
     .max = count(10min)},
    {.name = "restarts_max",
     .slot = in<&Config::up, &UpConfig::restarts_max>,
     .help = "restarts of one node within a minute; after more `troupe up` gives up",
     .max = 1000},
    {.name = "program",
     .slot = in<&Config::up, &UpConfig::program>,
     .help = "this program, as the other machines of `troupe up --ssh` and `--slurm` find it",
     .complaint = file_complaint},
    {.name = "ssh",
     .slot = in<&Config::up, &UpConfig::ssh>,
     .help = "the words of `troupe up --ssh` before the machine",
     .min = 1,
     .max = 64,
     .complaint = file_complaint},
    {.name = "srun",
     .slot = in<&Config::up, &UpConfig::srun>,
     .help = "the words of `troupe up --slurm` before the node's",
     .min = 1,
     .max = 64,
     .complaint = file_complaint},
};

}  // namespace

std::string title(const Section& section) {
  return section.named() ? std::string(section.parent()) + ".NAME" : std::string(section.table);
}

std::span<const Section> schema() noexcept {
  static const Section sections[] = {
      {"cluster", "The cluster as a whole.", cluster_keys},
      {"node.*", "One process each; `NAME` is the node's. At least one.", node_keys},
      {"model.*", "A model that every node loads; tasks call it by `NAME`.", model_keys},
      {"policy.*", "A policy that every node loads; agents act by it under `NAME`.", policy_keys},
      {"scheduling",
       "Urgent work goes now, ordinary work coalesces. There is nothing to tune here.",
       scheduling_keys},
      {"agents", "Supervision of agents, on every node.", agents_keys},
      {"memory", "What agents remember, beside the devices.", memory_keys},
      {"delivery", "Tasks that one process gives to another.", delivery_keys},
      {"link", "The connections between nodes.", link_keys},
      {"client",
       "Clients that read this file: `troupe submit`, and programs by `client/client.hpp`.",
       client_keys},
      {"http", "The door for programs that speak HTTP ([http.md](http.md)).", http_keys()},
      {"grpc",
       "The door for programs that speak gRPC ([grpc.md](grpc.md)). Keys, TLS, `open`, "
       "`model_control`, the "
       "idle, request and drain timeouts are those of `[http]`.",
       grpc_keys()},
      {"log", "What nodes tell their operator.", log_keys},
      {"tracing", "What traces record of tasks ([operations.md](operations.md#tracing)).",
       tracing_keys},
      {"up", "`troupe up`, which runs every node.", up_keys},
  };
  return sections;
}

std::string environment_name(std::string_view table, std::string_view key) {
  std::string name = "TROUPE";
  const auto append = [&](std::string_view part) {
    name += name == "TROUPE" ? "_" : "__";
    for (const char c : part)
      name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A')
              : letter_or_digit(c) ? c
                                   : '_';
  };
  // Only the first dot divides: a node may be called "gpu1.rack2".
  const auto dot = table.find('.');
  append(table.substr(0, dot));
  if (dot != std::string_view::npos) append(table.substr(dot + 1));
  append(key);
  return name;
}

}  // namespace troupe::config
