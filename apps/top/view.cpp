#include "apps/top/view.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace troupe::apps {
namespace {

using nlohmann::json;

constexpr std::array<const char*, 2> lane_names = {"urgent", "ordinary"};

std::uint64_t grown(std::uint64_t before, std::uint64_t after) {
  return after > before ? after - before : 0;
}

// What has come to each, where something has.
template <class Key>
std::map<Key, std::uint64_t> grown(const std::map<Key, std::uint64_t>& before,
                                   const std::map<Key, std::uint64_t>& after) {
  std::map<Key, std::uint64_t> more;
  for (const auto& [key, count] : after) {
    const auto old = before.find(key);
    const std::uint64_t by = grown(old == before.end() ? 0 : old->second, count);
    if (by != 0) more[key] = by;
  }
  return more;
}

template <class Key>
std::uint64_t count_in(const std::map<Key, std::uint64_t>& counts, const Key& key) {
  const auto found = counts.find(key);
  return found == counts.end() ? 0 : found->second;
}

// The upper edge of the range in which the share of all samples is reached.
std::optional<double> percentile_ms(const std::map<std::uint64_t, std::uint64_t>& ranges_us,
                                    double share) {
  std::uint64_t count = 0;
  for (const auto& [edge, samples] : ranges_us) count += samples;
  if (count == 0) return std::nullopt;
  const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(count - 1)) + 1;
  std::uint64_t seen = 0;
  for (const auto& [edge, samples] : ranges_us)
    if ((seen += samples) >= wanted) return static_cast<double>(edge) / 1e3;
  return std::nullopt;
}

void add_percentiles(LaneView& view, const LaneSample* before, const LaneSample& after) {
  if (before != nullptr) {
    const auto ranges = grown(before->total.ranges_us, after.total.ranges_us);
    view.p50_ms = percentile_ms(ranges, 0.5);
    view.p99_ms = percentile_ms(ranges, 0.99);
    view.percentiles_of_interval = view.p50_ms.has_value();
  }
  if (view.percentiles_of_interval || after.total.count == 0) return;
  view.p50_ms = after.total.p50_ms;
  view.p99_ms = after.total.p99_ms;
}

void add_rates(LaneView& view, const LaneSample& before, const LaneSample& after,
               double interval_s) {
  const auto rate = [&](std::uint64_t LaneSample::*count) {
    return static_cast<double>(grown(before.*count, after.*count)) / interval_s;
  };
  view.accepted_per_s = rate(&LaneSample::accepted);
  view.completed_per_s = rate(&LaneSample::completed);
  view.batches_per_s = rate(&LaneSample::batches);
  view.yields_per_s = rate(&LaneSample::yields);
  const double queued_ms = after.queue.sum_ms - before.queue.sum_ms;
  if (queued_ms > 0)
    view.company_share =
        std::clamp((after.batch_wait.sum_ms - before.batch_wait.sum_ms) / queued_ms, 0.0, 1.0);
  const Counts failed = grown(before.failed, after.failed);
  view.ended = grown(before.completed, after.completed);
  for (const auto& [code, tasks] : failed) view.ended += tasks;
  view.late =
      count_in(failed, std::string("expired")) + count_in(failed, std::string("infeasible"));
  if (view.ended != 0)
    view.late_share = static_cast<double>(view.late) / static_cast<double>(view.ended);
}

LaneView lane_view(const LaneSample* before, const LaneSample& after, double interval_s) {
  LaneView view;
  if (before != nullptr) {
    add_rates(view, *before, after, interval_s);
    view.batch_tasks = grown(before->batch_tasks, after.batch_tasks);
    view.batch_tasks_of_interval = !view.batch_tasks.empty();
  }
  if (!view.batch_tasks_of_interval) view.batch_tasks = after.batch_tasks;
  add_percentiles(view, before, after);
  return view;
}

std::vector<RefusalView> refusals_of(const NodeSample* before, const NodeSample& after,
                                     double interval_s) {
  std::vector<RefusalView> all;
  for (std::size_t i = 0; i < after.lanes.size(); ++i) {
    const LaneSample& now = after.lanes[i];
    const auto add = [&](const std::string& code, bool at_the_door, std::uint64_t old,
                         std::uint64_t count) {
      if (count == 0) return;
      std::optional<double> per_s;
      if (before != nullptr) per_s = static_cast<double>(grown(old, count)) / interval_s;
      all.push_back({lane_names[i], code, at_the_door, per_s, count});
    };
    for (const auto& [code, tasks] : now.failed)
      add(code, false, before == nullptr ? 0 : count_in(before->lanes[i].failed, code), tasks);
    add("queue_full", true, before == nullptr ? 0 : before->lanes[i].turned_away, now.turned_away);
  }
  std::stable_sort(all.begin(), all.end(), [](const RefusalView& a, const RefusalView& b) {
    return a.per_s.value_or(0) != b.per_s.value_or(0) ? a.per_s.value_or(0) > b.per_s.value_or(0)
                                                      : a.since_start > b.since_start;
  });
  return all;
}

json number(const std::optional<double>& value) {
  return value ? json(*value) : json(nullptr);
}

json lane_json(const LaneView& lane, const LaneSample& now) {
  json sizes = json::object();
  for (const auto& [tasks, batches] : lane.batch_tasks) sizes[std::to_string(tasks)] = batches;
  return {{"accepted_per_s", number(lane.accepted_per_s)},
          {"completed_per_s", number(lane.completed_per_s)},
          {"batches_per_s", number(lane.batches_per_s)},
          {"yields_per_s", number(lane.yields_per_s)},
          {"queued", now.queued},
          {"launched", now.launched},
          {"p50_ms", number(lane.p50_ms)},
          {"p99_ms", number(lane.p99_ms)},
          {"percentiles_of", lane.percentiles_of_interval ? "interval" : "start"},
          {"company_share", number(lane.company_share)},
          {"late", lane.late},
          {"ended", lane.ended},
          {"late_share", number(lane.late_share)},
          {"batch_tasks", sizes},
          {"batch_tasks_of", lane.batch_tasks_of_interval ? "interval" : "start"}};
}

json node_json(const NodeView& node) {
  if (!node.now) return {{"node", node.node}, {"reachable", false}, {"error", node.error}};
  json refusals = json::array();
  for (const auto& one : node.refusals)
    refusals.push_back({{"lane", one.lane},
                        {"code", one.code},
                        {"at_the_door", one.at_the_door},
                        {"per_s", number(one.per_s)},
                        {"since_start", one.since_start}});
  json devices = json::array();
  for (std::size_t i = 0; i < node.now->devices.size(); ++i)
    devices.push_back({{"name", node.now->devices[i].name},
                       {"state", node.now->devices[i].state},
                       {"busy", number(node.busy[i])}});
  json models = json::array();
  for (const auto& model : node.now->models)
    models.push_back({{"name", model.name}, {"state", model.state}});
  json tenants = json::array();
  for (std::size_t i = 0; i < node.now->tenants.size(); ++i)
    tenants.push_back(
        {{"name", node.now->tenants[i].name}, {"completed_per_s", number(node.tenants_per_s[i])}});
  return {{"node", node.node},
          {"reachable", true},
          {"ready", node.now->ready},
          {"draining", node.now->draining},
          {"uptime_s", node.now->uptime_s},
          {"interval_s", number(node.interval_s)},
          {"peers_up", node.now->peers_up},
          {"lanes",
           {{"urgent", lane_json(node.lanes[0], node.now->lanes[0])},
            {"ordinary", lane_json(node.lanes[1], node.now->lanes[1])}}},
          {"launches_per_s", node.launches_per_s},
          {"inside_per_s", number(node.inside_per_s)},
          {"refusals", refusals},
          {"devices", devices},
          {"models", models},
          {"agents", node.now->agents},
          {"tenants", tenants},
          {"memory",
           {{"bytes", node.now->memory_bytes},
            {"bytes_max", node.now->memory_bytes_max},
            {"documents", node.now->memory_documents}}},
          {"link",
           {{"sent_per_s", number(node.sent_per_s)},
            {"received_per_s", number(node.received_per_s)},
            {"counts", node.now->link}}},
          {"tasks_moved", node.now->tasks_moved}};
}

}  // namespace

NodeView view_between(const Look* before, const Look& after) {
  NodeView view;
  view.node = after.node;
  view.now = after.sample;
  view.error = after.error;
  if (!view.now) return view;
  const NodeSample& now = *view.now;
  const NodeSample* old = before != nullptr && before->sample ? &*before->sample : nullptr;
  if (old != nullptr && (old->epoch != now.epoch || !(now.uptime_s > old->uptime_s))) old = nullptr;
  const double interval_s = old == nullptr ? 1 : now.uptime_s - old->uptime_s;
  if (old != nullptr) view.interval_s = interval_s;
  for (std::size_t i = 0; i < view.lanes.size(); ++i)
    view.lanes[i] = lane_view(old == nullptr ? nullptr : &old->lanes[i], now.lanes[i], interval_s);
  view.refusals = refusals_of(old, now, interval_s);
  view.busy.resize(now.devices.size());
  view.tenants_per_s.resize(now.tenants.size());
  if (old == nullptr) return view;
  const auto rate = [&](std::uint64_t earlier, std::uint64_t later) {
    return static_cast<double>(grown(earlier, later)) / interval_s;
  };
  for (const auto& [reason, batches] : grown(old->launches, now.launches))
    view.launches_per_s[reason] = static_cast<double>(batches) / interval_s;
  view.inside_per_s = rate(old->launches_inside, now.launches_inside);
  for (std::size_t i = 0; i < std::min(old->devices.size(), now.devices.size()); ++i)
    view.busy[i] =
        std::clamp((now.devices[i].busy_s - old->devices[i].busy_s) / interval_s, 0.0, 1.0);
  for (std::size_t i = 0; i < now.tenants.size(); ++i) {  // they keep their places
    const bool known = i < old->tenants.size() && old->tenants[i].name == now.tenants[i].name;
    view.tenants_per_s[i] = rate(known ? old->tenants[i].completed : 0, now.tenants[i].completed);
  }
  const auto link = [&](const std::string& which) {
    return rate(count_in(old->link, which), count_in(now.link, which));
  };
  view.sent_per_s = link("messages_sent");
  view.received_per_s = link("messages_received");
  return view;
}

json view_json(const ClusterView& view) {
  json nodes = json::array();
  for (const auto& node : view.nodes) nodes.push_back(node_json(node));
  return {{"cluster", view.cluster}, {"nodes", nodes}};
}

}  // namespace troupe::apps
