// The writing half of wire.hpp: one body() per kind of message, in the order of docs/wire.md.
#include <algorithm>
#include <bit>
#include <chrono>
#include <cstring>
#include <iterator>

#include "transport/bytes.hpp"
#include "transport/check.hpp"
#include "transport/header.hpp"
#include "transport/layout.hpp"
#include "transport/wire.hpp"

namespace troupe::transport {
namespace {

// A message on its way into bytes: the fields of its header, its body and its tensor.
struct Draft {
  Header header;
  std::string& bytes;
  Writer out;
  std::span<const float> tensor{};
  std::string extensions;

  explicit Draft(std::string& to) : bytes(to), out(to) {}

  // One that says nothing is left out, so that messages without it are as they always were.
  void extend(std::uint16_t tag, std::string_view value) {
    if (value.empty()) return;
    Writer to(extensions);
    to.number(tag);
    to.text32(value);
  }
};

std::string agent_text(const AgentId& id) {
  return id == AgentId{} ? "" : to_string(id);
}

// The ids have their place in the header.
void trace(Draft& draft, const Trace& trace) {
  draft.header.trace = trace;
  if (trace.sampled && !trace.is_none()) draft.extend(tag_trace_flags, "\x01");
}

std::uint64_t nanoseconds(Duration duration) {
  return static_cast<std::uint64_t>(std::clamp(duration, Duration::zero(), duration_max).count());
}

// Cut to the limit, and not within a character: half of one would make the whole text invalid.
std::string_view shorten(std::string_view text) {
  if (text.size() <= error_text_bytes_max) return text;
  std::size_t size = error_text_bytes_max;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0U) == 0x80) --size;
  return text.substr(0, size);
}

void body(Draft& draft, const Hello& hello) {
  draft.header.kind = Kind::hello;
  draft.out.number(hello.epoch);
  draft.out.number(hello.connection);
  draft.out.text16(hello.node);
  if (hello.delivery) draft.extend(tag_delivery, "\x01");
  if (hello.framing) draft.extend(tag_framing, "\x01");
}

void body(Draft& draft, const Heartbeat& heartbeat) {
  draft.header.kind = Kind::heartbeat;
  draft.out.number(heartbeat.epoch);
  if (heartbeat.last) draft.extend(tag_last, "\x01");
  std::string received;
  if (heartbeat.received) Writer(received).number(*heartbeat.received);
  draft.extend(tag_received, received);
}

void body(Draft& draft, const AgentMessage& message) {
  draft.header.kind = Kind::agent_message;
  draft.out.number(message.reply);
  draft.out.text16(agent_text(message.to));
  draft.out.text16(agent_text(message.from));
  draft.out.text16(message.topic);
  draft.out.text32(message.body);
  trace(draft, message.trace);
}

void work(Draft& draft, const Encode& encode) {
  draft.out.text32(encode.text);
}

void work(Draft& draft, const Recall& recall) {
  draft.out.text16(recall.scope);
  draft.out.number(recall.k);
  draft.tensor = recall.query;
}

void work(Draft& draft, const Act& act) {
  draft.out.text16(act.agent);
  draft.out.number(act.step);
  draft.tensor = act.observation;
}

void work(Draft& draft, const Classify& classify) {
  draft.out.text32(classify.text);
}

std::uint8_t kind_of(const Work& work) {
  constexpr std::uint8_t kinds[] = {work_encode, work_recall, work_act, work_classify};
  static_assert(std::size(kinds) == std::variant_size_v<Work>);
  return kinds[work.index()];
}

void body(Draft& draft, const SubmitTask& submit) {
  const TaskRequest& request = submit.request;
  draft.header.kind = Kind::submit_task;
  draft.header.task = request.id;
  draft.header.lane = request.lane;
  if (request.time_limit)
    draft.header.time_to_live_us =
        std::min(nanoseconds(*request.time_limit) / 1000, time_to_live_us_max);
  draft.out.number(kind_of(request.work));
  draft.out.text16(request.model);
  draft.out.text16(request.tenant);
  std::visit([&](const auto& one) { work(draft, one); }, request.work);
  draft.extend(tag_workflow, request.workflow);
  draft.extend(tag_agent, request.agent);
  std::string attempt;
  if (submit.attempt != 0) Writer(attempt).number(submit.attempt);
  draft.extend(tag_attempt, attempt);
  std::string weight;
  if (request.weight != 1) Writer(weight).number(request.weight);
  draft.extend(tag_weight, weight);
  trace(draft, request.trace);
}

void error(Draft& draft, const Error& error) {
  draft.out.number(static_cast<std::uint16_t>(error.code));
  draft.out.text16(shorten(error.what));
  draft.out.text16(shorten(error.next_step));
}

void extend_by(Draft& draft, const std::optional<NodeLoad>& load) {
  if (!load) return;
  std::string bytes;
  Writer out(bytes);
  out.number(nanoseconds(load->ordinary));
  out.number(nanoseconds(load->urgent));
  draft.extend(tag_load, bytes);
}

void body(Draft& draft, const TaskAccepted& accepted) {
  draft.header.kind = Kind::task_accepted;
  draft.header.task = accepted.task;
  draft.out.number(accepted.attempt);
  extend_by(draft, accepted.load);
}

void body(Draft& draft, const TaskRejected& rejected) {
  draft.header.kind = Kind::task_rejected;
  draft.header.task = rejected.task;
  draft.out.number(rejected.attempt);
  draft.out.number(nanoseconds(rejected.retry_after));
  error(draft, rejected.why);
  extend_by(draft, rejected.load);
}

void body(Draft& draft, const ResultAck& acknowledged) {
  draft.header.kind = Kind::result_ack;
  draft.header.task = acknowledged.task;
}

void body(Draft& draft, const CancelTask& cancel) {
  draft.header.kind = Kind::cancel_task;
  draft.header.task = cancel.task;
}

std::string why(const Timing& timing) {
  std::string bytes;
  Writer out(bytes);
  out.number(nanoseconds(timing.batch_wait));
  out.number(nanoseconds(timing.predicted));
  out.number(static_cast<std::uint8_t>(timing.entry));
  out.number(static_cast<std::uint8_t>(timing.reason));
  return bytes.find_first_not_of('\0') == std::string::npos ? "" : bytes;
}

void output(Draft& draft, const Embedding& embedding) {
  draft.out.number(embedding.tokens);
  draft.out.number(static_cast<std::uint8_t>(embedding.truncated ? 1 : 0));
  draft.tensor = embedding.vector;
}

void output(Draft& draft, const Hits& hits) {
  draft.out.number(static_cast<std::uint32_t>(hits.hits.size()));
  for (const Hit& hit : hits.hits) {
    draft.out.text16(hit.memory);
    draft.out.number(hit.document);
    draft.out.number(hit.score);
  }
}

void output(Draft& draft, const Action& action) {
  draft.out.number(action.number);
}

void output(Draft& draft, const Scores& scores) {
  draft.out.number(scores.tokens);
  draft.out.number(static_cast<std::uint8_t>(scores.truncated ? 1 : 0));
  draft.out.number(static_cast<std::uint32_t>(scores.labels.size()));
  for (const auto& label : scores.labels) draft.out.text16(label);
  draft.tensor = scores.logits;
}

std::uint8_t kind_of(const Result<Output>& result) {
  constexpr std::uint8_t kinds[] = {outcome_embedding, outcome_hits, outcome_action,
                                    outcome_scores};
  static_assert(std::size(kinds) == std::variant_size_v<Output>);
  return result ? kinds[result->index()] : outcome_error;
}

void body(Draft& draft, const TaskResult& result) {
  const TaskOutcome& outcome = result.outcome;
  draft.header.kind = Kind::task_result;
  draft.header.task = outcome.id;
  draft.header.lane = outcome.timing.lane;
  draft.out.number(kind_of(outcome.result));
  draft.out.number(nanoseconds(outcome.timing.queue));
  draft.out.number(nanoseconds(outcome.timing.compute));
  draft.out.number(nanoseconds(outcome.timing.network));
  draft.out.number(outcome.timing.batch_tasks);
  draft.extend(tag_timing, why(outcome.timing));
  extend_by(draft, result.load);
  if (outcome.result) {
    std::visit([&](const auto& one) { output(draft, one); }, *outcome.result);
    return;
  }
  error(draft, outcome.result.error());
}

void body(Draft& draft, const ControlRequest& request) {
  draft.header.kind = Kind::control_request;
  draft.out.number(request.id);
  draft.out.text16(request.verb);
  draft.out.text32(request.body);
}

void body(Draft& draft, const ControlReply& reply) {
  draft.header.kind = Kind::control_reply;
  draft.out.number(reply.id);
  draft.out.number(static_cast<std::uint8_t>(reply.ok ? 1 : 0));
  draft.out.text32(reply.body);
}

void append_floats(std::string& bytes, std::span<const float> values) {
  static_assert(std::endian::native == std::endian::little, "floats are copied as they lie");
  if (values.empty()) return;  // and there is no pointer to copy from
  const std::size_t begin = bytes.size();
  bytes.resize(begin + values.size_bytes());
  std::memcpy(bytes.data() + begin, values.data(), values.size_bytes());
}

}  // namespace

Result<Frames> encode(const Message& message) {
  if (auto valid = check(message); !valid) return valid.error();
  Frames frames;
  frames.head.reserve(header_bytes + 512);
  frames.head.resize(header_bytes);
  Draft draft(frames.head);
  std::visit([&](const auto& one) { body(draft, one); }, message);

  draft.header.body_bytes = static_cast<std::uint32_t>(frames.head.size() - header_bytes);
  draft.header.tensor_floats = static_cast<std::uint32_t>(draft.tensor.size());
  draft.header.tensor_framed = draft.tensor.size_bytes() >= tensor_frame_bytes_min;
  append_floats(draft.header.tensor_framed ? frames.tensor : frames.head, draft.tensor);
  draft.header.extension_bytes = static_cast<std::uint32_t>(draft.extensions.size());
  frames.head += draft.extensions;
  store(draft.header, frames.head);
  return frames;
}

}  // namespace troupe::transport
