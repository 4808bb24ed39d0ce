// A cluster, as its file describes it: every setting of troupe, with its default. The file's keys
// have the names of the members (configs/quickstart.toml shows them all, commented).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "scheduler/scheduler.hpp"

namespace troupe::config {

// [cluster]
struct ClusterConfig {
  std::string name = "troupe";
  // The folder of the cluster's keys: NODE.key and NODE.pub for each node, client.key and
  // client.pub for the command line, further *.pub for further clients (docs/operations.md).
  // "auto": a private folder below $XDG_STATE_HOME/troupe, with keys made on first use; for
  // clusters on this machine only.
  std::string keys = "auto";
};

// [node.NAME]
struct NodeConfig {
  std::string name;
  std::string host = "127.0.0.1";
  std::uint16_t urgent_port = 0;                // required
  std::uint16_t ordinary_port = 0;              // required
  std::vector<std::string> devices = {"auto"};  // one worker each: "cpu", "auto", "cuda:0"
  std::string machine{};   // as ssh and Slurm know where it runs; empty: `host`
  std::string http{};      // where it serves HTTP, instead of [http]'s `listen`; "off": nowhere
  std::string location{};  // "LATITUDE,LONGITUDE" in degrees; empty: it is not said
  std::string grpc{};      // where it serves gRPC, instead of [grpc]'s `listen`; "off": nowhere
};

// [model.NAME]
struct ModelConfig {
  std::string name;
  std::string folder;             // a Hugging Face folder; "$TROUPE_MODEL_DIR" and "~" are expanded
  std::string precision = "f32";  // bf16
  std::string load = "start";     // demand
};

// [policy.NAME]
struct PolicyConfig {
  std::string name;
  std::string folder;  // policy.json and policy.safetensors; "~" and variables are expanded
  std::string sampling = "greedy";  // softmax, gumbel
  double temperature = 1;
  std::uint32_t seed = 0;
};

// [scheduling], beside the scheduler's own options
struct RecordConfig {
  std::string folder;  // key `record`; empty: nothing is recorded
};

// [agents]
struct AgentConfig {
  std::uint32_t restarts_max = 5;  // within the window, then the agent stays down
  Duration restart_window = std::chrono::seconds(60);
  Duration backoff_min = std::chrono::milliseconds(10);  // doubles with each restart
  Duration backoff_max = std::chrono::seconds(5);
  std::uint32_t stash_messages_max = 1024;  // kept while an agent is restarting
  std::uint32_t agents_max = 1'000'000;
  Duration move_after = std::chrono::seconds(10);  // that their node has been away
  std::uint32_t threads = 2;                       // of the actor system's pool
  std::vector<std::string> modules{};  // shared libraries; "~" and variables are expanded
};

// [memory]
struct MemoryConfig {
  std::uint64_t bytes_max = std::uint64_t{1} << 30;
  std::uint32_t documents_max = std::uint32_t{1} << 31;  // of one agent
  std::string eviction = "oldest";                       // least_recently_recalled
  std::string rows = "f32";                              // bf16, halves
  std::string folder;                                    // empty: memories go with their node
  Duration save_interval = std::chrono::minutes(1);
  bool salvage = false;
};

// [delivery]
struct DeliveryConfig {
  bool hedge = false;  // late urgent tasks are given to a second node (delivery/hedging.hpp)
};

// [link]
struct LinkConfig {
  Duration heartbeat_interval = std::chrono::seconds(1);
  std::uint32_t heartbeats_missed_max = 3;
  std::uint64_t outbox_bytes_max = std::uint64_t{64} << 20;
};

// [client]
struct ClientConfig {
  std::string location;  // as a node's
};

// [http]
struct HttpConfig {
  std::string listen;  // "HOST:PORT"; empty: only nodes that say so serve HTTP
  std::vector<std::string>
      keys;                     // "TENANT sha256:HASH", from `troupe keys api`; none: no key asked
  bool open = false;            // without keys it may listen beyond this machine
  std::string tls_certificate;  // a file in PEM; empty: plain HTTP
  std::string tls_key;          // a file in PEM; empty exactly where the other is
  bool model_control = false;   // whoever may ask may load and unload models
  std::uint32_t threads = 1;
  std::uint32_t connections_max = 4096;
  std::uint64_t header_bytes_max = std::uint64_t{16} << 10;
  std::uint64_t body_bytes_max = std::uint64_t{8} << 20;
  std::uint64_t bodies_bytes_max = std::uint64_t{256} << 20;  // of all connections together
  Duration idle_timeout = std::chrono::seconds(75);           // between two requests
  Duration request_timeout = std::chrono::seconds(30);        // from its first byte to its last
  Duration write_timeout = std::chrono::seconds(30);          // until the client has the answer
  std::uint32_t jobs_max = 256;                               // of a node, those kept included
  std::uint64_t jobs_bytes_max = std::uint64_t{512} << 20;    // of their texts and answers
  Duration job_kept = std::chrono::minutes(10);               // once it has ended
  Duration drain_timeout = std::chrono::seconds(5);  // for work under way, when asked to stop
};

// [grpc]: what [http] does not say for both.
struct GrpcConfig {
  std::string listen;              // as that of [http]; empty: only nodes that say so serve gRPC
  std::uint32_t calls_max = 1024;  // of a node, under way
  std::uint64_t message_bytes_max = std::uint64_t{8} << 20;
  std::uint64_t messages_bytes_max = std::uint64_t{256} << 20;  // of all calls under way together
};

// [log]
struct LogConfig {
  std::string level = "info";   // trace, debug, info, warn, error
  std::string format = "auto";  // human, json; auto: human on a terminal
};

// [tracing]
struct TracingConfig {
  std::string endpoint;  // "http://HOST:PORT" of an OTLP collector; empty: spans go nowhere
  double sample = 0;     // of the traces that begin here, how many are recorded
};

// [up]
struct UpConfig {
  Duration start_timeout = std::chrono::seconds(60);  // until every node is ready
  Duration stop_timeout = std::chrono::seconds(10);   // from the polite signal to the hard one
  std::uint32_t restarts_max = 5;                     // of one node, within a minute
  std::string program = "troupe";                     // on machines that are not this one
  std::vector<std::string> ssh = {
      "ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=5"};
  std::vector<std::string> srun = {"srun", "--nodes=1", "--ntasks=1", "--unbuffered"};
};

struct Config {
  ClusterConfig cluster;
  std::vector<NodeConfig> nodes;           // sorted by name, at least one
  std::vector<ModelConfig> models;         // sorted by name
  std::vector<PolicyConfig> policies;      // sorted by name
  scheduler::SchedulerOptions scheduling;  // [scheduling]
  RecordConfig record;
  AgentConfig agents;
  MemoryConfig memory;
  DeliveryConfig delivery;
  LinkConfig link;
  ClientConfig client;
  HttpConfig http;
  GrpcConfig grpc;
  LogConfig log;
  TracingConfig tracing;
  UpConfig up;
};

// "https://" where there is a certificate.
[[nodiscard]] inline std::string_view http_scheme(const Config& config) {
  return config.http.tls_certificate.empty() ? "http://" : "https://";
}

// Where a node serves HTTP; empty: nowhere.
[[nodiscard]] inline std::string http_of(const Config& config, const std::string& name) {
  for (const auto& node : config.nodes)
    if (node.name == name && node.http != "off")
      return node.http.empty() ? config.http.listen : node.http;
  return "";
}

// Where a node serves gRPC; empty: nowhere.
[[nodiscard]] inline std::string grpc_of(const Config& config, const std::string& name) {
  for (const auto& node : config.nodes)
    if (node.name == name && node.grpc != "off")
      return node.grpc.empty() ? config.grpc.listen : node.grpc;
  return "";
}

}  // namespace troupe::config
