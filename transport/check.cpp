#include "transport/check.hpp"

#include <algorithm>
#include <cmath>
#include <span>

#include "base/limits.hpp"
#include "base/utf8.hpp"

namespace troupe::transport {
namespace {

Error invalid(std::string what, std::string next_step = "") {
  return {ErrorCode::invalid_argument, std::move(what), std::move(next_step)};
}

Status check_size(std::string_view what, std::size_t size, std::size_t size_max,
                  std::string_view unit) {
  if (size <= size_max) return {};
  return Error{ErrorCode::too_large,
               std::string(what) + " of " + std::to_string(size) + " " + std::string(unit) +
                   " is over the limit of " + std::to_string(size_max),
               ""};
}

bool is_control(char c) noexcept {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

Status check_name(std::string_view what, std::string_view name) {
  if (auto fits = check_size(what, name.size(), limits::name_bytes_max, "bytes"); !fits)
    return fits;
  if (!is_utf8(name) || std::any_of(name.begin(), name.end(), is_control))
    return invalid(std::string(what) + " is not printable UTF-8");
  return {};
}

Status check_agent(const AgentId& id) {
  auto parsed = parse_agent_id(to_string(id));
  if (!parsed) return parsed.error();
  return {};
}

Status check_floats(std::string_view what, std::span<const float> values, std::size_t count_max) {
  if (values.empty()) return invalid(std::string(what) + " is empty");
  if (auto fits = check_size(what, values.size(), count_max, "numbers"); !fits) return fits;
  if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); }))
    return invalid(std::string(what) + " holds a number that is not finite");
  return {};
}

Status check_task(TaskId id) {
  if (id.is_none()) return invalid("a task has no id");
  return {};
}

// "type/key" or "type/*".
Status check_scope(std::string_view scope) {
  std::string one_agent(scope);
  if (scope.ends_with("/*")) one_agent.back() = '-';
  auto parsed = parse_agent_id(one_agent);
  if (!parsed)
    return invalid("a recall's scope is neither an agent nor all of a type",
                   "write it like librarian/017 or librarian/*");
  return {};
}

Status check_work(const Encode& work) {
  return check_size("a text", work.text.size(), limits::text_bytes_max, "bytes");
}

Status check_work(const Recall& work) {
  if (auto scope = check_scope(work.scope); !scope) return scope;
  if (work.k == 0) return invalid("a recall asks for no documents");
  if (auto fits = check_size("a recall", work.k, limits::recall_hits_max, "documents"); !fits)
    return fits;
  return check_floats("a query", work.query, limits::embedding_width_max);
}

Status check_work(const Classify& work) {
  return check_size("a text", work.text.size(), limits::text_bytes_max, "bytes");
}

// What the policy and its sampling want of it, the node knows.
Status check_work(const Act& work) {
  if (!work.agent.empty())
    if (auto agent = parse_agent_id(work.agent); !agent) return agent.error();
  return check_floats("an observation", work.observation, limits::observation_width_max);
}

Status check_output(const Embedding& output) {
  return check_floats("an embedding", output.vector, limits::embedding_width_max);
}

Status check_output(const Hits& output) {
  if (auto fits = check_size("an answer", output.hits.size(), limits::recall_hits_max, "documents");
      !fits)
    return fits;
  for (const Hit& hit : output.hits) {
    if (auto memory = parse_agent_id(hit.memory); !memory) return memory.error();
    if (!std::isfinite(hit.score)) return invalid("a score is not finite");
  }
  return {};
}

Status check_output(const Action&) {
  return {};
}

Status check_output(const Scores& output) {
  if (output.labels.size() != output.logits.size())
    return invalid("scores and labels are not as many");
  for (const auto& label : output.labels)
    if (auto name = check_name("a label", label); !name) return name;
  return check_floats("a text's scores", output.logits, limits::labels_max);
}

Status check_one(const Hello& hello) {
  if (hello.node.empty()) return invalid("a hello has no name");
  return check_name("a node's name", hello.node);
}

Status check_one(const Heartbeat&) {
  return {};
}

Status check_one(const AgentMessage& message) {
  if (auto to = check_agent(message.to); !to) return to;
  // Empty when a client wrote; half empty never.
  if (message.from != AgentId{})
    if (auto from = check_agent(message.from); !from) return from;
  if (auto topic = check_name("a topic", message.topic); !topic) return topic;
  return check_size("a message", message.body.size(), limits::message_bytes_max, "bytes");
}

Status check_one(const SubmitTask& submit) {
  const TaskRequest& request = submit.request;
  if (auto id = check_task(request.id); !id) return id;
  if (auto model = check_name("a model's name", request.model); !model) return model;
  if (auto tenant = check_name("a tenant's name", request.tenant); !tenant) return tenant;
  if (auto flow = check_name("a workflow's name", request.workflow); !flow) return flow;
  if (!request.agent.empty())
    if (auto agent = parse_agent_id(request.agent); !agent) return agent.error();
  // Written so that NaN is refused, too.
  if (!(request.weight > 0 && request.weight <= limits::task_weight_max))
    return invalid("a task's weight is not above 0 and at most 1000000");
  return std::visit([](const auto& work) { return check_work(work); }, request.work);
}

Status check_one(const CancelTask& cancel) {
  return check_task(cancel.task);
}

Status check_one(const TaskResult& result) {
  const TaskOutcome& outcome = result.outcome;
  if (auto id = check_task(outcome.id); !id) return id;
  if (auto fits =
          check_size("a batch", outcome.timing.batch_tasks, limits::tasks_per_batch_max, "tasks");
      !fits)
    return fits;
  if (!outcome.result) return {};
  return std::visit([](const auto& output) { return check_output(output); }, *outcome.result);
}

Status check_one(const TaskAccepted& accepted) {
  return check_task(accepted.task);
}

Status check_one(const TaskRejected& rejected) {
  return check_task(rejected.task);
}

Status check_one(const ResultAck& acknowledged) {
  return check_task(acknowledged.task);
}

Status check_one(const ControlRequest& request) {
  if (request.verb.empty()) return invalid("a control request has no verb");
  if (auto verb = check_name("a verb", request.verb); !verb) return verb;
  return check_size("a request", request.body.size(), limits::message_bytes_max, "bytes");
}

Status check_one(const ControlReply& reply) {
  return check_size("a reply", reply.body.size(), limits::message_bytes_max, "bytes");
}

}  // namespace

Status check(const Message& message) {
  return std::visit([](const auto& one) { return check_one(one); }, message);
}

}  // namespace troupe::transport
