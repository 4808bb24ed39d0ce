#include "actors/node_status.hpp"

#include <nlohmann/json.hpp>

namespace troupe::actors {
namespace {

using nlohmann::json;

double ms(Duration duration) {
  return static_cast<double>(duration.count()) / 1e6;
}

json percentiles(const DurationHistogram& histogram) {
  return {{"count", histogram.count()},
          {"p50", ms(histogram.quantile(0.5))},
          {"p90", ms(histogram.quantile(0.9))},
          {"p99", ms(histogram.quantile(0.99))},
          {"max", ms(histogram.quantile(1.0))}};
}

json lane_json(const LaneStats& lane) {
  json sizes = json::object();
  for (std::size_t tasks = 0; tasks < lane.batch_tasks.size(); ++tasks)
    if (lane.batch_tasks[tasks] != 0) sizes[std::to_string(tasks)] = lane.batch_tasks[tasks];
  json failed = json::object();
  for (const auto& [code, tasks] : lane.failed) failed[std::string(name(code))] = tasks;
  return {{"accepted", lane.accepted},
          {"completed", lane.completed},
          {"failed", failed},
          {"queued", lane.queued},
          {"launched", lane.launched},
          {"batches", lane.batches},
          {"batch_tasks", sizes},
          {"yields", lane.yields},
          {"queue_ms", percentiles(lane.queue)},
          {"batch_wait_ms", percentiles(lane.batch_wait)},
          {"total_ms", percentiles(lane.total)}};
}

json kept_json(const KeptMemories& kept) {
  json saved = nullptr;
  if (kept.saved) saved = ms(*kept.saved) / 1e3;
  json error = nullptr;
  if (kept.error) error = *kept.error;
  return {{"file", kept.file},
          {"file_bytes", kept.file_bytes},
          {"saved_s_ago", saved},
          {"changed", kept.changed},
          {"error", error}};
}

json memory_json(const NodeFacts& facts) {
  json memory = {{"bytes", facts.memory_bytes},
                 {"bytes_max", facts.memory_bytes_max},
                 {"documents", facts.memory_documents}};
  if (facts.kept) memory["kept"] = kept_json(*facts.kept);
  return memory;
}

json model_json(const ModelFacts& model) {
  json one = {{"name", model.name}, {"width", model.width}, {"state", name(model.state)}};
  if (!model.failure.empty()) one["error"] = model.failure;
  return one;
}

bool is_lost(const NodeFacts& facts, std::size_t worker) {
  return worker < facts.stats.workers.size() && facts.stats.workers[worker].lost;
}

}  // namespace

std::string to_json(const KeptMemories& kept, std::uint64_t documents) {
  json saved = kept_json(kept);
  saved["documents"] = documents;
  return saved.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string to_json(const ModelFacts& model) {
  return model_json(model).dump(-1, ' ', false, json::error_handler_t::replace);
}

bool is_ready(const NodeFacts& facts) {
  for (std::size_t i = 0; i < facts.devices.size(); ++i)
    if (!is_lost(facts, i)) return true;
  return facts.devices.empty();
}

std::string to_json(const NodeFacts& facts) {
  json devices = json::array();
  for (std::size_t i = 0; i < facts.devices.size(); ++i) {
    devices.push_back({{"name", facts.devices[i].name},
                       {"description", facts.devices[i].description},
                       {"state", is_lost(facts, i) ? "lost" : "working"}});
  }
  json models = json::array();
  for (const auto& model : facts.models) models.push_back(model_json(model));
  json policies = json::array();
  for (const auto& policy : facts.policies)
    policies.push_back(
        {{"name", policy.name}, {"observation", policy.observation}, {"actions", policy.actions}});
  json launches = json::object();
  for (std::size_t i = 0; i < facts.stats.reasons.size(); ++i)
    if (facts.stats.reasons[i] != 0)
      launches[std::string(name(static_cast<LaunchReason>(i)))] = facts.stats.reasons[i];
  const auto& lanes = facts.stats.lanes;
  const json status = {
      {"node", facts.name},
      {"epoch", facts.epoch},
      {"ready",
       is_ready(facts)},  // a node answers only once it can work; later its devices may be lost
      {"uptime_s", ms(facts.uptime) / 1e3},
      {"nodes", facts.nodes},
      {"peers_up", facts.peers},
      {"models", models},
      {"policies", policies},
      {"devices", devices},
      {"agents", facts.agents},
      {"memory", memory_json(facts)},
      {"lanes", {{"urgent", lane_json(lanes[0])}, {"ordinary", lane_json(lanes[1])}}},
      {"launches", launches},
      {"launches_inside", facts.stats.inside},
      {"tasks_moved", facts.tasks_moved},
      {"link",
       {{"messages_sent", facts.link.messages_sent},
        {"messages_received", facts.link.messages_received},
        {"malformed", facts.link.malformed},
        {"unauthorized", facts.link.unauthorized},
        {"undeliverable", facts.link.undeliverable}}}};
  return status.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace troupe::actors
