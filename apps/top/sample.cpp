#include "apps/top/sample.hpp"

#include <charconv>
#include <nlohmann/json.hpp>

namespace troupe::apps {
namespace {

using nlohmann::json;

// A member that is an object or a list, or an empty one of nothing.
const json& part(const json& of, const char* name) {
  static const json none;
  const auto found = of.find(name);
  return found == of.end() ? none : *found;
}

std::string text_or_null(const json& of, const char* name) {
  const json& text = part(of, name);
  return text.is_null() ? std::string() : text.get<std::string>();
}

Counts counts_of(const json& object) {
  return object.is_null() ? Counts{} : object.get<Counts>();
}

TimesSample times_of(const json& times) {
  TimesSample sample;
  sample.count = times.value("count", std::uint64_t{0});
  sample.sum_ms = times.value("sum", 0.0);
  sample.p50_ms = times.value("p50", 0.0);
  sample.p99_ms = times.value("p99", 0.0);
  for (const auto& range : part(times, "ranges_us"))
    sample.ranges_us[range.at(0).get<std::uint64_t>()] += range.at(1).get<std::uint64_t>();
  return sample;
}

LaneSample lane_of(const json& lane) {
  LaneSample sample;
  sample.accepted = lane.value("accepted", std::uint64_t{0});
  sample.completed = lane.value("completed", std::uint64_t{0});
  sample.turned_away = lane.value("turned_away", std::uint64_t{0});
  sample.queued = lane.value("queued", std::uint64_t{0});
  sample.launched = lane.value("launched", std::uint64_t{0});
  sample.batches = lane.value("batches", std::uint64_t{0});
  sample.yields = lane.value("yields", std::uint64_t{0});
  sample.failed = counts_of(part(lane, "failed"));
  for (const auto& [size, batches] : counts_of(part(lane, "batch_tasks"))) {
    std::uint64_t tasks = 0;
    const auto read = std::from_chars(size.data(), size.data() + size.size(), tasks);
    if (read.ec == std::errc() && read.ptr == size.data() + size.size())
      sample.batch_tasks[tasks] = batches;
  }
  sample.queue = times_of(lane.at("queue_ms"));
  sample.batch_wait = times_of(lane.at("batch_wait_ms"));
  sample.total = times_of(lane.at("total_ms"));
  return sample;
}

NodeSample sample_of(const json& status) {
  NodeSample sample;
  sample.epoch = status.at("epoch").get<std::uint64_t>();
  sample.uptime_s = status.at("uptime_s").get<double>();
  sample.ready = status.at("ready").get<bool>();
  sample.draining = status.value("draining", false);  // older nodes do not say
  for (const auto& [peer, up] : part(status, "peers_up").items())
    sample.peers_up[peer] = up.get<bool>();
  sample.lanes = {lane_of(status.at("lanes").at("urgent")),
                  lane_of(status.at("lanes").at("ordinary"))};
  sample.launches = counts_of(part(status, "launches"));
  sample.launches_inside = status.value("launches_inside", std::uint64_t{0});
  for (const auto& device : part(status, "devices"))
    sample.devices.push_back({device.value("name", ""), device.value("description", ""),
                              device.value("state", ""), device.value("busy_s", 0.0)});
  for (const auto& model : part(status, "models"))
    sample.models.push_back(
        {model.value("name", ""), model.value("state", ""), text_or_null(model, "error")});
  for (const auto& policy : part(status, "policies"))
    sample.policies.push_back(policy.value("name", ""));
  sample.agents = counts_of(part(status, "agents"));
  for (const auto& tenant : part(status, "tenants"))
    sample.tenants.push_back({tenant.value("name", ""), tenant.value("completed", std::uint64_t{0}),
                              tenant.value("failed", std::uint64_t{0})});
  const json& memory = status.at("memory");
  sample.memory_bytes = memory.value("bytes", std::uint64_t{0});
  sample.memory_bytes_max = memory.value("bytes_max", std::uint64_t{0});
  sample.memory_documents = memory.value("documents", std::uint64_t{0});
  if (const json& kept = part(memory, "kept"); !kept.is_null())
    sample.memory_error = text_or_null(kept, "error");
  sample.tasks_moved = status.value("tasks_moved", std::uint64_t{0});
  sample.link = counts_of(part(status, "link"));
  return sample;
}

}  // namespace

Result<NodeSample> read_sample(std::string_view status) {
  try {
    return sample_of(json::parse(status));
  } catch (const json::exception& wrong) {
    return Error{ErrorCode::malformed, std::string("the status is none: ") + wrong.what(), ""};
  }
}

}  // namespace troupe::apps
