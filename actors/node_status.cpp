#include "actors/node_status.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace troupe::actors {
namespace {

using nlohmann::json;

double ms(Duration duration) {
  return static_cast<double>(duration.count()) / 1e6;
}

// How many samples lay in which range, so that two statuses give the percentiles of the time
// between them: [upper edge in microseconds, samples], the empty ones left out. A range is 1 us
// wide, and above 16 us an eighth of a power of two, whose edges are the histogram's own.
json ranges(const DurationHistogram& histogram) {
  constexpr std::uint64_t steps = 8;
  constexpr std::uint64_t edge_us_max = std::uint64_t{1} << 36;  // above the histogram's range
  json ranges = json::array();
  std::uint64_t below = 0;
  std::uint64_t step_us = 1;
  for (std::uint64_t edge_us = 1; below < histogram.count() && edge_us <= edge_us_max;
       edge_us += step_us) {
    const std::uint64_t now_below = histogram.count_below(std::chrono::microseconds(edge_us));
    if (now_below != below) ranges.push_back({edge_us, now_below - below});
    below = now_below;
    if (edge_us == 2 * steps * step_us) step_us *= 2;
  }
  return ranges;
}

json percentiles(const DurationHistogram& histogram) {
  return {{"count", histogram.count()},         {"sum", ms(histogram.sum())},
          {"ranges_us", ranges(histogram)},     {"p50", ms(histogram.quantile(0.5))},
          {"p90", ms(histogram.quantile(0.9))}, {"p99", ms(histogram.quantile(0.99))},
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
          {"turned_away", lane.turned_away},
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

json left_json(const DrainFacts& drain) {
  return {{"tasks", drain.tasks},
          {"agents", drain.agents},
          {"requests", drain.requests},
          {"sent_elsewhere", drain.sent_elsewhere}};
}

WorkerStats worker_of(const NodeFacts& facts, std::size_t worker) {
  return worker < facts.stats.workers.size() ? facts.stats.workers[worker] : WorkerStats{};
}

json device_json(const kernels::DeviceInfo& device, const WorkerStats& worker) {
  return {{"name", device.name},
          {"description", device.description},
          {"state", worker.lost ? "lost" : "working"},
          {"batches", worker.batches},
          {"tasks", worker.tasks},
          {"busy_s", ms(worker.busy) / 1e3}};
}

// Those who asked first, by name; what the others have had is in the lanes' counts.
json tenants_json(const NodeFacts& facts) {
  constexpr std::size_t tenants_max = 64;
  json tenants = json::array();
  for (std::size_t i = 0; i < std::min(facts.stats.tenants.size(), tenants_max); ++i)
    tenants.push_back({{"name", facts.tenants[i]},
                       {"completed", facts.stats.tenants[i].completed},
                       {"failed", facts.stats.tenants[i].failed},
                       {"units", facts.stats.tenants[i].units}});
  return tenants;
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

std::string to_json(const std::string& node, std::uint64_t epoch, const DrainFacts& drain) {
  json answer = {{"node", node}, {"epoch", epoch}, {"draining", drain.draining}};
  if (drain.draining) answer["left"] = left_json(drain);
  return answer.dump(-1, ' ', false, json::error_handler_t::replace);
}

bool is_ready(const NodeFacts& facts) {
  if (facts.drain.draining) return false;
  for (std::size_t i = 0; i < facts.devices.size(); ++i)
    if (!worker_of(facts, i).lost) return true;
  return facts.devices.empty();
}

std::string to_json(const NodeFacts& facts) {
  json devices = json::array();
  for (std::size_t i = 0; i < facts.devices.size(); ++i)
    devices.push_back(device_json(facts.devices[i], worker_of(facts, i)));
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
  json status = {
      {"node", facts.name},
      {"epoch", facts.epoch},
      {"ready",
       is_ready(facts)},  // a node answers only once it can work; later its devices may be lost
      {"draining", facts.drain.draining},
      {"uptime_s", ms(facts.uptime) / 1e3},
      {"nodes", facts.nodes},
      {"peers_up", facts.peers},
      {"living", facts.living},
      {"mail_waiting", facts.mail_waiting},
      {"models", models},
      {"policies", policies},
      {"devices", devices},
      {"agents", facts.agents},
      {"hosts", facts.hosts},
      {"tenants", tenants_json(facts)},
      {"memory", memory_json(facts)},
      {"lanes", {{"urgent", lane_json(lanes[0])}, {"ordinary", lane_json(lanes[1])}}},
      {"launches", launches},
      {"launches_inside", facts.stats.inside},
      {"tasks_moved", facts.tasks_moved},
      {"hedges", {{"offered", facts.offers.hedges}, {"won", facts.offers.hedges_won}}},
      {"link",
       {{"messages_sent", facts.link.messages_sent},
        {"messages_received", facts.link.messages_received},
        {"malformed", facts.link.malformed},
        {"unauthorized", facts.link.unauthorized},
        {"undeliverable", facts.link.undeliverable}}}};
  if (facts.drain.draining) status["left"] = left_json(facts.drain);
  return status.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace troupe::actors
