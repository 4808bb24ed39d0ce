#include "apps/wiring.hpp"

#include "apps/verbs.hpp"
#include "bench/librarians/librarian.hpp"
#include "bench/librarians/reader.hpp"
#include "config/rules.hpp"

namespace troupe::apps {
namespace {

// The config has checked the words.
kernels::Precision precision_of(const config::ModelConfig& model) {
  return model.precision == "bf16" ? kernels::Precision::bf16 : kernels::Precision::f32;
}

// The config holds no other words than these.
kernels::MemoryOptions memory_options(const config::MemoryConfig& memory) {
  kernels::MemoryOptions options;
  options.documents_max = memory.documents_max;
  if (memory.eviction != "oldest") options.eviction = kernels::Eviction::least_recently_recalled;
  if (memory.rows == "bf16") options.rows = kernels::RowFormat::bf16;
  if (memory.rows == "halves") options.rows = kernels::RowFormat::halves;
  return options;
}

kernels::Sampling sampling_of(const config::PolicyConfig& policy) {
  kernels::Sampling sampling;
  if (policy.sampling == "softmax") sampling.rule = kernels::SamplingRule::softmax;
  if (policy.sampling == "gumbel") sampling.rule = kernels::SamplingRule::gumbel;
  sampling.temperature = policy.temperature;
  sampling.seed = policy.seed;
  return sampling;
}

}  // namespace

std::vector<actors::ClusterNode> cluster_nodes(const Config& config, const ClusterKeys& keys) {
  std::vector<actors::ClusterNode> nodes;
  for (const auto& node : config.nodes)
    nodes.push_back(
        {node.name, {node.host, node.urgent_port, node.ordinary_port}, keys.nodes.at(node.name)});
  return nodes;
}

Result<actors::NodeOptions> node_options(const Config& config, const ClusterKeys& keys,
                                         const std::string& name) {
  actors::NodeOptions options;
  options.name = name;
  options.cluster = cluster_nodes(config, keys);
  const config::NodeConfig* self = nullptr;
  for (const auto& node : config.nodes)
    if (node.name == name) self = &node;
  if (self == nullptr)
    return Error{ErrorCode::config, "the cluster has no node '" + name + "'",
                 "choose one of the file's [node.*] tables"};
  auto own = load_private_keys(keys, name);
  if (!own) return own.error();

  options.link.keys = std::move(*own);
  options.link.allowed = keys.allowed;
  options.link.heartbeat_interval = config.link.heartbeat_interval;
  options.link.heartbeats_missed_max = config.link.heartbeats_missed_max;
  options.link.outbox_bytes_max = config.link.outbox_bytes_max;
  options.devices = self->devices;
  for (const auto& model : config.models)
    options.models.push_back(
        {model.name, model.folder, precision_of(model), model.load == "demand"});
  for (const auto& policy : config.policies)
    options.policies.push_back({policy.name, policy.folder, sampling_of(policy)});
  options.memory_bytes_max = config.memory.bytes_max;
  options.memory = memory_options(config.memory);
  options.keep_memories = {config.memory.folder, config.memory.save_interval,
                           config.memory.salvage};
  options.scheduling = config.scheduling;
  options.tracing.records = !config.tracing.endpoint.empty();
  options.tracing.sample = config.tracing.sample;
  options.record_folder = config.record.folder;
  options.restarts = {config.agents.restarts_max, config.agents.restart_window,
                      config.agents.backoff_min, config.agents.backoff_max};
  options.stash_messages_max = config.agents.stash_messages_max;
  options.agents_max = config.agents.agents_max;
  options.agents_move_after = config.agents.move_after;
  options.threads = config.agents.threads;
  options.hedge = config.delivery.hedge;
  return options;
}

std::vector<std::shared_ptr<actors::AgentModule>> built_in_modules() {
  return {bench::librarian_module(), bench::reader_module()};
}

std::optional<tracing::ExporterOptions> exporter_options(const Config& config,
                                                         const std::string& name) {
  auto address = config::parse_collector(config.tracing.endpoint);
  if (!address) return std::nullopt;
  return tracing::ExporterOptions{
      std::move(address->host), address->port, {config.cluster.name, name, std::string(version())}};
}

Result<std::optional<gateway::FrontDoorOptions>> front_door_options(const Config& config,
                                                                    const std::string& name) {
  const auto address = config::parse_listen(http_of(config, name));
  if (!address && grpc_of(config, name).empty()) return std::optional<gateway::FrontDoorOptions>();
  auto keys = gateway::ApiKeys::parse(config.http.keys);
  if (!keys) return keys.error();
  gateway::FrontDoorOptions options;
  options.keys = std::move(*keys);
  options.version = version();
  options.model_control = config.http.model_control;
  // Without HTTP it has desks alone, for gRPC.
  options.server.host = address ? address->host : std::string();
  options.server.port = address ? address->port : std::uint16_t{0};
  options.server.tls_certificate = config.http.tls_certificate;
  options.server.tls_key = config.http.tls_key;
  options.jobs = {config.http.jobs_max, config.http.jobs_bytes_max, config.http.job_kept};
  options.server.threads = config.http.threads;
  options.server.connections_max = config.http.connections_max;
  options.server.header_bytes_max = config.http.header_bytes_max;
  options.server.body_bytes_max = config.http.body_bytes_max;
  options.server.bodies_bytes_max = config.http.bodies_bytes_max;
  options.server.idle_timeout = config.http.idle_timeout;
  options.server.request_timeout = config.http.request_timeout;
  options.server.write_timeout = config.http.write_timeout;
  return std::optional(std::move(options));
}

std::optional<gateway::GrpcOptions> grpc_options(const Config& config, const std::string& name) {
  const auto address = config::parse_listen(grpc_of(config, name));
  if (!address) return std::nullopt;
  gateway::GrpcOptions options;
  options.host = address->host;
  options.port = address->port;
  options.tls_certificate = config.http.tls_certificate;
  options.tls_key = config.http.tls_key;
  options.calls_max = config.grpc.calls_max;
  options.message_bytes_max = config.grpc.message_bytes_max;
  options.messages_bytes_max = config.grpc.messages_bytes_max;
  options.idle_timeout = config.http.idle_timeout;
  options.handshake_timeout = config.http.request_timeout;
  return options;
}

}  // namespace troupe::apps
