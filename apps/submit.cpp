// troupe submit TEXT, or --observation NUMBERS: one task, its outcome and where its time went.
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>

#include "apps/cluster.hpp"
#include "apps/verbs.hpp"
#include "base/units.hpp"

namespace troupe::apps {
namespace {

using nlohmann::json;

constexpr Duration connect_limit = std::chrono::seconds(5);
constexpr Duration patience = std::chrono::seconds(30);  // for a task without a time limit
constexpr std::size_t numbers_shown = 6;

json timing_json(const Timing& timing) {
  const auto ms = [](Duration duration) { return static_cast<double>(duration.count()) / 1e6; };
  return {{"lane", name(timing.lane)},
          {"queue_ms", ms(timing.queue)},
          {"batch_wait_ms", ms(timing.batch_wait)},
          {"compute_ms", ms(timing.compute)},
          {"predicted_ms", ms(timing.predicted)},
          {"network_ms", ms(timing.network)},
          {"batch_tasks", timing.batch_tasks},
          {"entry", name(timing.entry)},
          {"reason", name(timing.reason)}};
}

Duration total(const Timing& timing) {
  return timing.queue + timing.batch_wait + timing.compute;
}

std::string timing_text(TaskId task, const Timing& timing) {
  return std::string(name(timing.lane)) + " lane, in a batch of " +
         std::to_string(timing.batch_tasks) + ": " + human_duration(timing.queue) + " queued, " +
         human_duration(timing.batch_wait) + " waited for company, " +
         human_duration(timing.compute) + " computed\ntask " + to_string(task);
}

void show(TaskId task, const Embedding& embedding, const Timing& timing, Output& output) {
  std::string text = "a vector of " + std::to_string(embedding.vector.size()) + " numbers from " +
                     std::to_string(embedding.tokens) + " tokens: [";
  for (std::size_t i = 0; i < std::min(numbers_shown, embedding.vector.size()); ++i)
    text += (i == 0 ? "" : ", ") + std::to_string(embedding.vector[i]);
  text += embedding.vector.size() > numbers_shown ? ", ...]" : "]";
  if (embedding.truncated) text += "\nthe text was longer than the model reads and was cut";
  output.text(text + "\n" + timing_text(task, timing));
  output.object({{"task", to_string(task)},
                 {"vector", embedding.vector},
                 {"tokens", embedding.tokens},
                 {"truncated", embedding.truncated},
                 {"timing", timing_json(timing)}});
}

void show(TaskId task, const Hits& found, const Timing& timing, Output& output) {
  std::string text;
  json hits = json::array();
  for (const auto& hit : found.hits) {
    text += std::to_string(hit.score) + "  " + hit.memory + "  document " +
            std::to_string(hit.document) + "\n";
    hits.push_back({{"memory", hit.memory}, {"document", hit.document}, {"score", hit.score}});
  }
  if (found.hits.empty()) text = "nothing is remembered there\n";
  output.text(text + timing_text(task, timing));
  output.object({{"task", to_string(task)}, {"hits", hits}, {"timing", timing_json(timing)}});
}

void show(TaskId task, const Action& action, const Timing& timing, Output& output) {
  output.text("action " + std::to_string(action.number) + "\n" + timing_text(task, timing));
  output.object(
      {{"task", to_string(task)}, {"action", action.number}, {"timing", timing_json(timing)}});
}

// Best first. What the numbers mean (log-odds, a measure), the model's training says.
void show(TaskId task, const Scores& scores, const Timing& timing, Output& output) {
  std::vector<std::size_t> order(scores.logits.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return scores.logits[a] > scores.logits[b];
  });
  std::string text;
  json labels = json::array();
  for (const auto i : order) {
    text += std::to_string(scores.logits[i]) + "  " + scores.labels[i] + "\n";
    labels.push_back({{"label", scores.labels[i]}, {"logit", scores.logits[i]}});
  }
  if (scores.truncated) text += "the text was longer than the model reads and was cut\n";
  output.text(text + timing_text(task, timing));
  output.object({{"task", to_string(task)},
                 {"labels", labels},
                 {"tokens", scores.tokens},
                 {"truncated", scores.truncated},
                 {"timing", timing_json(timing)}});
}

// "0.1,-2,0.7"
Result<std::vector<float>> numbers(const std::string& text) {
  std::vector<float> values;
  for (const char *at = text.data(), *const end = at + text.size();; ++at) {
    float value = 0;
    const auto read = std::from_chars(at, end, value);
    if (read.ec != std::errc() || (read.ptr != end && *read.ptr != ','))
      return Error{ErrorCode::invalid_argument,
                   "number " + std::to_string(values.size() + 1) + " of the observation is none",
                   "write numbers with commas between them, as in 0.1,-2,0.7"};
    values.push_back(value);
    if (read.ptr == end) return values;
    at = read.ptr;
  }
}

// What the command line asks for first; a search goes on with what came of it.
Result<Work> work_of(const SubmitOptions& options) {
  if (options.observation) {
    auto observation = numbers(*options.observation);
    if (!observation) return observation.error();
    return Work{Act{std::move(*observation), options.agent, options.step}};
  }
  if (options.text && options.classify) return Work{Classify{*options.text}};
  if (options.text) return Work{Encode{*options.text}};
  return Error{ErrorCode::invalid_argument, "there is nothing to submit",
               "give a text, or an --observation for a policy"};
}

// The first of the config's, unless one is named.
template <class Named>
std::string model_of(const SubmitOptions& options, const std::vector<Named>& all) {
  return options.model.empty() && !all.empty() ? all.front().name : options.model;
}

// What the command line says about every task of it.
struct Manner {
  std::optional<Lane> lane;
  std::optional<Duration> time_limit;
  Trace trace;
};

Result<Manner> manner(const SubmitOptions& options) {
  Manner result;
  if (options.lane == "urgent")
    result.lane = Lane::urgent;
  else if (options.lane == "ordinary")
    result.lane = Lane::ordinary;
  else if (!options.lane.empty())
    return Error{ErrorCode::invalid_argument, "'" + options.lane + "' is not a lane",
                 "use urgent or ordinary"};
  if (options.time_limit) {
    const auto limit = parse_duration(*options.time_limit);
    if (!limit) return limit.error();
    result.time_limit = *limit;
  }
  if (!options.traceparent.empty()) {
    const auto trace = parse_traceparent(options.traceparent);
    if (!trace)
      return Error{ErrorCode::invalid_argument, "'" + options.traceparent + "' is no traceparent",
                   "write it like 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"};
    result.trace = *trace;
  }
  return result;
}

}  // namespace

int run_submit(const SubmitOptions& options, Output& output) {
  const auto how = manner(options);
  if (!how) return output.fail(how.error());
  auto wanted = work_of(options);
  if (!wanted) return output.fail(wanted.error());
  const auto cluster = load_cluster(options.config);
  if (!cluster) return output.fail(cluster.error());
  if (!options.node.empty())
    if (const auto node = choose_node(cluster->config, options.node); !node)
      return output.fail(node.error());
  const auto client = open_client(*cluster);
  if (!client) return output.fail(client.error());
  if (auto up = (*client)->wait_connected(options.node, connect_limit); !up)
    return output.fail(up.error());

  const auto run = [&](std::string model, Work work,
                       const std::string& node) -> Result<TaskOutcome> {
    TaskRequest task;
    task.model = std::move(model);
    task.work = std::move(work);
    task.lane = how->lane;
    task.weight = options.weight;
    task.time_limit = how->time_limit;
    task.trace = how->trace;
    Task sent = (*client)->submit(std::move(task), node);
    if (sent.outcome.wait_for(how->time_limit.value_or(Duration{}) + patience) !=
        std::future_status::ready)
      return Error{ErrorCode::unreachable,
                   "the task " + to_string(sent.id) + " had no outcome in time",
                   "ask where it is with `troupe explain`"};
    TaskOutcome outcome = sent.outcome.get();
    if (outcome.result) return outcome;
    Error error = outcome.result.error();
    error.what += " (task " + to_string(outcome.id) + ")";
    return error;
  };
  if (std::holds_alternative<Act>(*wanted)) {
    const auto acted =
        run(model_of(options, cluster->config.policies), std::move(*wanted), options.node);
    if (!acted) return output.fail(acted.error());
    show(acted->id, std::get<Action>(*acted->result), acted->timing, output);
    return exit_ok;
  }
  auto encoded = run(model_of(options, cluster->config.models), std::move(*wanted), options.node);
  if (!encoded) return output.fail(encoded.error());
  if (const auto* scores = std::get_if<Scores>(&*encoded->result)) {
    show(encoded->id, *scores, encoded->timing, output);
    return exit_ok;
  }
  const auto& embedding = std::get<Embedding>(*encoded->result);
  if (options.scope.empty()) {
    show(encoded->id, embedding, encoded->timing, output);
    return exit_ok;
  }
  // All agents of a type live on many nodes, each of which searches its own.
  std::vector<std::string> nodes = {options.node};
  if (options.node.empty() && options.scope.ends_with("/*")) {
    nodes.clear();
    for (const auto& node : cluster->config.nodes) nodes.push_back(node.name);
  }
  Hits all;
  std::optional<TaskOutcome> slowest;
  for (const auto& node : nodes) {
    auto found = run("", Recall{options.scope, embedding.vector, options.hits}, node);
    if (!found) return output.fail(found.error());
    auto& hits = std::get<Hits>(*found->result).hits;
    all.hits.insert(all.hits.end(), hits.begin(), hits.end());
    if (!slowest || total(found->timing) > total(slowest->timing)) slowest = std::move(*found);
  }
  const auto nearer = [](const Hit& a, const Hit& b) { return a.score > b.score; };
  std::stable_sort(all.hits.begin(), all.hits.end(), nearer);
  all.hits.resize(std::min<std::size_t>(all.hits.size(), options.hits));
  show(slowest->id, all, slowest->timing, output);
  return exit_ok;
}

}  // namespace troupe::apps
