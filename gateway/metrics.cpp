#include "gateway/metrics.hpp"

#include <algorithm>
#include <string>

#include "gateway/metrics_text.hpp"

namespace troupe::gateway {
namespace {

using actors::NodeFacts;

void write_node(MetricsText& text, const NodeFacts& facts) {
  text.family("troupe_node_info", "gauge", "1, with the node's name.");
  text.sample({{"node", facts.name}}, 1U);
  text.family("troupe_ready", "gauge", "Whether a device of the node works and it does not drain.");
  text.sample({}, actors::is_ready(facts) ? 1U : 0U);
  text.family("troupe_draining", "gauge", "Whether the node is being taken out of service.");
  text.sample({}, facts.drain.draining ? 1U : 0U);
  text.family("troupe_uptime_seconds", "gauge", "Since the node could work.");
  text.sample({}, facts.uptime);
  text.family("troupe_agents", "gauge", "Agents that live on the node.");
  for (const auto& [type, count] : facts.agents) text.sample({{"type", type}}, count);
  text.family("troupe_agent_hosts", "gauge", "Processes that host agents for the node.");
  for (const auto& [type, count] : facts.hosts) text.sample({{"type", type}}, count);
  text.family("troupe_memory_bytes", "gauge", "What agents remember here, in bytes.");
  text.sample({}, facts.memory_bytes);
  text.family("troupe_memory_max_bytes", "gauge", "What they may remember together, in bytes.");
  text.sample({}, facts.memory_bytes_max);
  text.family("troupe_memory_documents", "gauge", "Documents that agents remember here.");
  text.sample({}, facts.memory_documents);
}

// One family with a sample for each lane.
template <class Value>
void each_lane(MetricsText& text, const NodeFacts& facts, std::string_view name,
               std::string_view kind, std::string_view help, Value value) {
  text.family(name, kind, help);
  for (std::size_t i = 0; i < lane_count; ++i)
    text.sample({{"lane", troupe::name(static_cast<Lane>(i))}}, value(facts.stats.lanes[i]));
}

template <class Histogram>
void each_lane_histogram(MetricsText& text, const NodeFacts& facts, std::string_view name,
                         std::string_view help, Histogram histogram) {
  text.family(name, "histogram", help);
  for (std::size_t i = 0; i < lane_count; ++i)
    text.histogram({{"lane", troupe::name(static_cast<Lane>(i))}}, histogram(facts.stats.lanes[i]));
}

void write_lanes(MetricsText& text, const NodeFacts& facts) {
  using actors::LaneStats;
  each_lane(text, facts, "troupe_tasks_accepted_total", "counter",
            "Tasks admitted, by the lane asked for.",
            [](const LaneStats& l) { return l.accepted; });
  each_lane(text, facts, "troupe_tasks_completed_total", "counter",
            "Tasks done, by the lane that carried them.",
            [](const LaneStats& l) { return l.completed; });
  text.family("troupe_tasks_failed_total", "counter",
              "Tasks that failed or were refused, by code.");
  for (std::size_t i = 0; i < lane_count; ++i)
    for (const auto& [code, count] : facts.stats.lanes[i].failed)
      text.sample({{"lane", troupe::name(static_cast<Lane>(i))}, {"code", troupe::name(code)}},
                  count);
  each_lane(text, facts, "troupe_tasks_turned_away_total", "counter",
            "Tasks not accepted because the lane was full.",
            [](const LaneStats& l) { return l.turned_away; });
  text.family("troupe_tasks_refused_total", "counter",
              "Tasks that were not accepted, those turned away among them, by code.");
  for (const auto& [code, count] : facts.stats.refused)
    text.sample({{"code", troupe::name(code)}}, count);
  each_lane(text, facts, "troupe_tasks_queued", "gauge", "Tasks that wait now.",
            [](const LaneStats& l) { return l.queued; });
  each_lane(text, facts, "troupe_queue_oldest_seconds", "gauge",
            "How long the one of them that came first has waited; 0 when none waits.",
            [&](const LaneStats& l) {
              return l.oldest == never ? Duration{} : std::max(Duration{}, facts.at - l.oldest);
            });
  each_lane(text, facts, "troupe_tasks_launched", "gauge", "Tasks on a device now.",
            [](const LaneStats& l) { return l.launched; });
  each_lane(text, facts, "troupe_batches_total", "counter", "Batches launched.",
            [](const LaneStats& l) { return l.batches; });
  each_lane(text, facts, "troupe_batch_yields_total", "counter",
            "Times a running batch let urgent work in.",
            [](const LaneStats& l) { return l.yields; });
  each_lane_histogram(text, facts, "troupe_batch_tasks", "Tasks in a batch.",
                      [](const LaneStats& l) { return std::span(l.batch_tasks); });
  each_lane_histogram(
      text, facts, "troupe_task_queue_seconds", "From admission to the launch.",
      [](const LaneStats& l) -> const auto& { return l.queue; });
  each_lane_histogram(
      text, facts, "troupe_task_batch_wait_seconds",
      "Of that, while a device was free and the task waited for company.",
      [](const LaneStats& l) -> const auto& { return l.batch_wait; });
  each_lane_histogram(
      text, facts, "troupe_task_seconds", "From admission to the result.",
      [](const LaneStats& l) -> const auto& { return l.total; });
  each_lane_histogram(
      text, facts, "troupe_task_slack_seconds",
      "What was left of their time limit when tasks that had one were done in time.",
      [](const LaneStats& l) -> const auto& { return l.slack; });
  each_lane(text, facts, "troupe_tasks_late_total", "counter",
            "Tasks that were done when their time limit was over.",
            [](const LaneStats& l) { return l.late; });
  text.family("troupe_launches_total", "counter", "Batches launched, by why.");
  for (std::size_t i = 0; i < facts.stats.reasons.size(); ++i)
    text.sample({{"reason", troupe::name(static_cast<LaunchReason>(i))}}, facts.stats.reasons[i]);
  text.family("troupe_launches_inside_total", "counter", "Of them, those inside a running batch.");
  text.sample({}, facts.stats.inside);
}

std::string_view name_of_model(const NodeFacts& facts, const scheduler::Kind& kind) {
  switch (kind.operation) {
    case scheduler::Operation::encode:
      return facts.models[kind.model.value].name;
    case scheduler::Operation::act:
      return facts.policies[kind.model.value].name;
    case scheduler::Operation::recall:
      break;
  }
  return "";
}

template <class Value>
void each_kind(MetricsText& text, const NodeFacts& facts, std::string_view name,
               std::string_view help, Value value) {
  text.family(name, "counter", help);
  for (const auto& [kind, stats] : facts.stats.kinds)
    text.sample(
        {{"operation", scheduler::name(kind.operation)}, {"model", name_of_model(facts, kind)}},
        value(stats));
}

void write_models(MetricsText& text, const NodeFacts& facts) {
  using actors::KindStats;
  each_kind(text, facts, "troupe_model_tasks_completed_total", "Tasks done, by model.",
            [](const KindStats& k) { return k.completed; });
  each_kind(text, facts, "troupe_model_tasks_failed_total", "Tasks that failed, by model.",
            [](const KindStats& k) { return k.failed; });
  each_kind(text, facts, "troupe_model_units_total",
            "Of the tasks done: tokens, thousands of memory rows, or decisions.",
            [](const KindStats& k) { return k.units; });
  each_kind(text, facts, "troupe_model_batches_total", "Batches launched, by model.",
            [](const KindStats& k) { return k.batches; });
  each_kind(text, facts, "troupe_model_queue_seconds_total", "Time that tasks waited, by model.",
            [](const KindStats& k) { return k.queue; });
  each_kind(text, facts, "troupe_model_compute_seconds_total",
            "Time that tasks were on a device, by model.",
            [](const KindStats& k) { return k.compute; });
  text.family("troupe_model_task_seconds", "histogram", "From admission to the result, by model.");
  for (const auto& [kind, stats] : facts.stats.kinds)
    text.histogram(
        {{"operation", scheduler::name(kind.operation)}, {"model", name_of_model(facts, kind)}},
        stats.total);
}

template <class Value>
void each_tenant(MetricsText& text, const NodeFacts& facts, std::string_view name,
                 std::string_view help, Value value) {
  text.family(name, "counter", help);
  const auto& tenants = facts.stats.tenants;
  std::uint64_t others = 0;
  for (std::size_t i = 0; i < tenants.size(); ++i)
    if (i < metrics_tenants_max)
      text.sample({{"tenant", facts.tenants[i]}}, value(tenants[i]));
    else
      others += value(tenants[i]);
  if (tenants.size() > metrics_tenants_max) text.sample({{"tenant", "(others)"}}, others);
}

void write_tenants(MetricsText& text, const NodeFacts& facts) {
  using actors::TenantStats;
  each_tenant(text, facts, "troupe_tenant_tasks_completed_total", "Tasks done, by tenant.",
              [](const TenantStats& t) { return t.completed; });
  each_tenant(text, facts, "troupe_tenant_tasks_failed_total", "Tasks that failed, by tenant.",
              [](const TenantStats& t) { return t.failed; });
  each_tenant(text, facts, "troupe_tenant_units_total",
              "Of the tasks done: tokens, thousands of memory rows, or decisions.",
              [](const TenantStats& t) { return t.units; });
  text.family("troupe_tenant_task_seconds", "histogram",
              "From admission to the result, by tenant.");
  const auto& tenants = facts.stats.tenants;
  OctaveHistogram others;
  for (std::size_t i = 0; i < tenants.size(); ++i)
    if (i < metrics_tenants_max)
      text.histogram({{"tenant", facts.tenants[i]}}, tenants[i].total);
    else
      others.merge(tenants[i].total);
  if (tenants.size() > metrics_tenants_max) text.histogram({{"tenant", "(others)"}}, others);
}

template <class Value>
void each_worker(MetricsText& text, const NodeFacts& facts, std::string_view name,
                 std::string_view kind, std::string_view help, Value value) {
  text.family(name, kind, help);
  for (std::size_t i = 0; i < facts.devices.size(); ++i) {
    const std::string worker = std::to_string(i);
    const auto& workers = facts.stats.workers;
    text.sample({{"worker", worker}, {"device", facts.devices[i].name}},
                value(i < workers.size() ? workers[i] : actors::WorkerStats{}));
  }
}

void write_workers(MetricsText& text, const NodeFacts& facts) {
  using actors::WorkerStats;
  each_worker(text, facts, "troupe_worker_batches_total", "counter", "Batches launched, by device.",
              [](const WorkerStats& w) { return w.batches; });
  each_worker(text, facts, "troupe_worker_tasks_total", "counter", "Tasks launched, by device.",
              [](const WorkerStats& w) { return w.tasks; });
  each_worker(text, facts, "troupe_worker_busy_seconds_total", "counter",
              "Time that the device was busy with the batches that are done.",
              [](const WorkerStats& w) { return w.busy; });
  each_worker(text, facts, "troupe_worker_lost", "gauge", "Whether it is gone or stuck.",
              [](const WorkerStats& w) { return w.lost ? 1U : 0U; });
}

void write_link(MetricsText& text, const NodeFacts& facts) {
  text.family("troupe_peer_up", "gauge", "Whether the link to another node is up.");
  for (const auto& [peer, up] : facts.peers) text.sample({{"peer", peer}}, up ? 1U : 0U);
  text.family("troupe_nodes_living", "gauge", "Nodes on which agents live, as this one sees it.");
  text.sample({}, facts.living.size());
  text.family("troupe_mail_waiting", "gauge", "Letters that wait here for nodes that are down.");
  text.sample({}, facts.mail_waiting);
  text.family("troupe_link_waiting_bytes", "gauge", "Bytes that wait to be sent to another node.");
  for (const auto& [peer, backlog] : facts.backlogs)
    for (std::size_t i = 0; i < lane_count; ++i)
      text.sample({{"peer", peer}, {"lane", troupe::name(static_cast<Lane>(i))}},
                  backlog.waiting[i]);
  text.family("troupe_link_on_its_way_bytes", "gauge",
              "Bytes of the ordinary lane that another node has not said to have received.");
  for (const auto& [peer, backlog] : facts.backlogs)
    text.sample({{"peer", peer}}, backlog.on_its_way);
  text.family("troupe_link_window_bytes", "gauge", "How many bytes that may be now.");
  for (const auto& [peer, backlog] : facts.backlogs) text.sample({{"peer", peer}}, backlog.window);
  const auto counter = [&](std::string_view name, std::string_view help, std::uint64_t value) {
    text.family(name, "counter", help);
    text.sample({}, value);
  };
  counter("troupe_tasks_moved_total", "Tasks submitted here and sent to less busy nodes.",
          facts.tasks_moved);
  counter("troupe_task_offers_total", "Offers of this node's tasks to nodes, itself among them.",
          facts.offers.all);
  counter("troupe_task_offers_again_total",
          "Of them, those of tasks that had been offered before, hedges apart.",
          facts.offers.again);
  counter("troupe_spans_exported_total", "Spans of traces that a collector took.",
          facts.spans.exported);
  counter("troupe_spans_dropped_total", "Spans of traces that went nowhere.", facts.spans.dropped);
  text.family("troupe_hedges_total", "counter",
              "Late urgent tasks that were offered to a second node, and those it answered first.");
  text.sample({{"event", "offered"}}, facts.offers.hedges);
  text.sample({{"event", "won"}}, facts.offers.hedges_won);
  counter("troupe_link_messages_sent_total", "Messages to nodes and clients.",
          facts.link.messages_sent);
  counter("troupe_link_messages_received_total", "Messages from nodes and clients.",
          facts.link.messages_received);
  counter("troupe_link_malformed_total", "Messages dropped because they follow no format.",
          facts.link.malformed);
  counter("troupe_link_unauthorized_total", "Handshakes refused.", facts.link.unauthorized);
  counter("troupe_link_undeliverable_total", "Messages to peers that had gone.",
          facts.link.undeliverable);
}

void write_jobs(MetricsText& text, const JobCounts& jobs) {
  text.family("troupe_http_jobs", "gauge", "Long requests, by whether they have ended.");
  text.sample({{"state", "working"}}, jobs.working);
  text.sample({{"state", "ended"}}, jobs.kept);
  text.family("troupe_http_jobs_bytes", "gauge", "Bytes held for long requests and their answers.");
  text.sample({}, jobs.bytes);
}

void write_http(MetricsText& text, const HttpCounts& http, const ServerCounters& server) {
  text.family("troupe_http_requests_total", "counter", "HTTP requests answered, by status.");
  for (const auto& [key, count] : http.answers)
    text.sample({{"ask", name(key.first)}, {"code", std::to_string(key.second)}}, count);
  text.family("troupe_http_request_seconds", "histogram",
              "From an HTTP request's last byte to its answer.");
  for (std::size_t i = 0; i < asks; ++i)
    if (http.took[i].count() != 0)
      text.histogram({{"ask", name(static_cast<Ask>(i))}}, http.took[i]);
  text.family("troupe_http_connections", "gauge", "HTTP connections that are open.");
  text.sample({}, server.connections);
  text.family("troupe_http_connections_refused_total", "counter",
              "HTTP connections over the limit.");
  text.sample({}, server.connections_refused);
  text.family("troupe_http_handshakes_failed_total", "counter",
              "TLS handshakes that came to nothing.");
  text.sample({}, server.handshakes_failed);
  text.family("troupe_http_body_bytes", "gauge", "Bytes held for bodies of HTTP requests.");
  text.sample({}, server.bodies_bytes);
}

// Under the statuses of HTTP that say the same (docs/grpc.md has the table).
void write_grpc(MetricsText& text, const HttpCounts& grpc) {
  text.family("troupe_grpc_requests_total", "counter",
              "Calls of gRPC answered, by the status that HTTP has for it.");
  for (const auto& [key, count] : grpc.answers)
    text.sample({{"ask", name(key.first)}, {"code", std::to_string(key.second)}}, count);
  text.family("troupe_grpc_request_seconds", "histogram",
              "From a call's arrival at a desk to its answer.");
  for (std::size_t i = 0; i < asks; ++i)
    if (grpc.took[i].count() != 0)
      text.histogram({{"ask", name(static_cast<Ask>(i))}}, grpc.took[i]);
}

void write_process(MetricsText& text, const ProcessFacts& process) {
  text.family("process_cpu_seconds_total", "counter", "Time of all threads on processors.");
  text.sample({}, process.cpu);
  text.family("process_resident_memory_bytes", "gauge", "Memory in use, in bytes.");
  text.sample({}, process.resident_bytes);
  text.family("process_open_fds", "gauge", "Open files, connections among them.");
  text.sample({}, process.files);
  text.family("process_max_fds", "gauge", "How many may be open.");
  text.sample({}, process.files_max);
}

}  // namespace

Response metrics_response(const NodeFacts& node, const DoorFacts& door) {
  MetricsText text;
  write_node(text, node);
  write_lanes(text, node);
  write_models(text, node);
  write_tenants(text, node);
  write_workers(text, node);
  write_link(text, node);
  write_http(text, door.http, door.server);
  write_grpc(text, door.grpc);
  write_jobs(text, door.jobs);
  write_process(text, door.process);
  Response response;
  response.content_type = "text/plain; version=0.0.4; charset=utf-8";
  response.body = text.take();
  return response;
}

}  // namespace troupe::gateway
