// The reading half of wire.hpp: structure first (sizes that add up, one read_*() per kind), then
// meaning (check.hpp).
#include <array>
#include <bit>
#include <cstring>
#include <optional>
#include <vector>

#include "transport/bytes.hpp"
#include "transport/check.hpp"
#include "transport/header.hpp"
#include "transport/layout.hpp"
#include "transport/wire.hpp"

namespace troupe::transport {
namespace {

constexpr std::size_t extensions_known = tag_received;

Error malformed(std::string what) {
  return {ErrorCode::malformed, std::move(what), ""};
}

// The parts of one message, cut apart but not yet understood.
struct Parts {
  Header header;
  std::string_view body;
  std::string_view tensor;
  std::array<std::optional<std::string_view>, extensions_known> extensions;  // by tag, from 1

  [[nodiscard]] std::optional<std::string_view> extension(std::uint16_t tag) const {
    return extensions[tag - 1U];
  }
};

Status cut_extensions(std::string_view bytes, Parts& parts) {
  Reader in(bytes);
  while (in.left() != 0) {
    const auto tag = in.number<std::uint16_t>();
    const auto value = in.text32();
    if (tag == 0 || tag > extensions_known) continue;  // of a later minor version
    if (parts.extension(tag)) return malformed("an extension stands there twice");
    parts.extensions[tag - 1U] = value;
  }
  if (in.failed()) return malformed("an extension is longer than what holds it");
  return {};
}

Result<Parts> cut(std::span<const std::string_view> frames) {
  if (frames.empty()) return malformed("a message has no frame");
  auto header = load_header(frames[0]);
  if (!header) return header.error();
  if (frames.size() != (header->tensor_framed ? 2U : 1U))
    return malformed("a message has " + std::to_string(frames.size()) +
                     " frames, not as many as its header says");

  Parts parts{*header, {}, {}, {}};
  const std::uint64_t tensor_bytes = std::uint64_t{header->tensor_floats} * sizeof(float);
  if (header->tensor_framed) {
    if (frames[1].size() != tensor_bytes)
      return malformed("a tensor's frame does not have the size of its shape");
    parts.tensor = frames[1];
  }
  const std::uint64_t inline_bytes = header->tensor_framed ? 0 : tensor_bytes;
  if (frames[0].size() !=
      std::uint64_t{header->bytes} + header->body_bytes + inline_bytes + header->extension_bytes)
    return malformed("a frame's parts do not add up to its size");

  std::string_view rest = frames[0].substr(header->bytes);
  parts.body = rest.substr(0, header->body_bytes);
  rest.remove_prefix(header->body_bytes);
  if (!header->tensor_framed) parts.tensor = rest.substr(0, inline_bytes);
  if (auto extensions = cut_extensions(rest.substr(inline_bytes), parts); !extensions)
    return extensions.error();
  return parts;
}

std::vector<float> floats(std::string_view bytes) {
  static_assert(std::endian::native == std::endian::little, "floats are copied as they lie");
  if (bytes.empty()) return {};
  std::vector<float> values(bytes.size() / sizeof(float));
  // A frame need not be aligned for floats.
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

// Reads a body; remembers what the Reader cannot know: a value outside its enumeration or range.
class BodyReader {
 public:
  explicit BodyReader(const Parts& parts) : in_(parts.body), parts_(parts) {}

  template <class T>
  T number() {
    return in_.number<T>();
  }
  float real() { return in_.real(); }
  std::string extension(std::uint16_t tag) const {
    return std::string(parts_.extension(tag).value_or(""));
  }
  std::string name() { return std::string(in_.text16()); }
  std::string text() { return std::string(in_.text32()); }
  std::size_t left() const { return in_.left(); }

  bool flag() {
    const auto raw = in_.number<std::uint8_t>();
    if (raw > 1) refuse("a flag is neither 0 nor 1");
    return raw == 1;
  }

  AgentId agent() {
    auto id = parse_agent_id(in_.text16());
    if (id) return *id;
    refuse("an agent's id is malformed");
    return {};
  }

  AgentId agent_or_nobody() {
    const auto text = in_.text16();
    if (text.empty()) return {};
    auto id = parse_agent_id(text);
    if (id) return *id;
    refuse("an agent's id is malformed");
    return {};
  }

  Duration duration() { return duration(in_.number<std::uint64_t>()); }

  Duration duration(std::uint64_t raw) {
    if (raw > static_cast<std::uint64_t>(duration_max.count())) {
      refuse("a duration is over a year");
      return {};
    }
    return Duration{static_cast<Duration::rep>(raw)};
  }

  std::vector<float> tensor() {
    tensor_used_ = true;
    return floats(parts_.tensor);
  }

  void refuse(const char* why) {
    if (why_ == nullptr) why_ = why;
  }

  // The first thing that was wrong, once everything has been read.
  [[nodiscard]] Status finish() const {
    if (why_ != nullptr) return malformed(why_);
    if (!in_.finished()) return malformed("a body does not have the length of its contents");
    if (!tensor_used_ && parts_.header.tensor_floats != 0)
      return malformed("a tensor where none belongs");
    return {};
  }

 private:
  Reader in_;
  const Parts& parts_;
  const char* why_ = nullptr;
  bool tensor_used_ = false;
};

// Flags from the future mean nothing here, nor do any without ids.
Trace read_trace(BodyReader& in, const Header& header) {
  Trace trace = header.trace;
  const std::string flags = in.extension(tag_trace_flags);
  if (flags.size() > 1) in.refuse("an extension of trace flags does not have its length");
  trace.sampled = !trace.is_none() && flags.size() == 1 && (flags[0] & 1) != 0;
  return trace;
}

Message read_hello(BodyReader& in) {
  Hello hello;
  hello.epoch = in.number<std::uint64_t>();
  hello.connection = in.number<std::uint64_t>();
  hello.node = in.name();
  if (const std::string rules = in.extension(tag_delivery); !rules.empty()) {
    if (rules != "\x01") in.refuse("a hello announces rules of delivery that do not exist");
    hello.delivery = true;
  }
  if (const std::string framing = in.extension(tag_framing); !framing.empty()) {
    if (framing != "\x01") in.refuse("a hello announces a framing that does not exist");
    hello.framing = true;
  }
  return hello;
}

Message read_heartbeat(BodyReader& in) {
  Heartbeat heartbeat{in.number<std::uint64_t>()};
  if (const std::string last = in.extension(tag_last); !last.empty()) {
    if (last != "\x01") in.refuse("a heartbeat is the last in a way that does not exist");
    heartbeat.last = true;
  }
  if (const std::string bytes = in.extension(tag_received); !bytes.empty()) {
    Reader number(bytes);
    heartbeat.received = number.number<std::uint64_t>();
    if (!number.finished()) in.refuse("an extension of bytes received does not have its length");
  }
  return heartbeat;
}

Message read_agent_message(BodyReader& in, const Header& header) {
  AgentMessage message;
  message.reply = in.number<std::uint64_t>();
  message.to = in.agent();
  message.from = in.agent_or_nobody();
  message.topic = in.name();
  message.body = in.text();
  message.trace = read_trace(in, header);
  return message;
}

Work read_work(BodyReader& in, std::uint8_t kind) {
  if (kind == work_encode) return Encode{in.text()};
  if (kind == work_classify) return Classify{in.text()};
  if (kind == work_act) {
    Act act;
    act.agent = in.name();
    act.step = in.number<std::uint64_t>();
    act.observation = in.tensor();
    return act;
  }
  if (kind != work_recall) in.refuse("a kind of work that does not exist");
  Recall recall;
  recall.scope = in.name();
  recall.k = in.number<std::uint32_t>();
  recall.query = in.tensor();
  return recall;
}

Message read_submit(BodyReader& in, const Header& header) {
  TaskRequest request;
  request.id = header.task;
  request.lane = header.lane;
  if (header.time_to_live_us)
    request.time_limit =
        std::chrono::microseconds(static_cast<std::int64_t>(*header.time_to_live_us));
  const auto kind = in.number<std::uint8_t>();
  request.model = in.name();
  request.tenant = in.name();
  request.work = read_work(in, kind);
  request.workflow = in.extension(tag_workflow);
  request.agent = in.extension(tag_agent);
  std::uint32_t attempt = 0;
  if (const std::string bytes = in.extension(tag_attempt); !bytes.empty()) {
    Reader number(bytes);
    attempt = number.number<std::uint32_t>();
    if (!number.finished() || attempt == 0) in.refuse("an attempt is not a number from 1");
  }
  if (const std::string bytes = in.extension(tag_weight); !bytes.empty()) {
    Reader number(bytes);
    request.weight = number.real();
    if (!number.finished()) in.refuse("an extension of weight does not have its length");
  }
  request.trace = read_trace(in, header);
  return SubmitTask{std::move(request), attempt};
}

Error read_error(BodyReader& in) {
  const auto code = in.number<std::uint16_t>();
  Error error;
  error.code = is_error_code(code) ? static_cast<ErrorCode>(code) : ErrorCode::internal;
  error.what = in.name();
  error.next_step = in.name();
  if (error.what.size() > error_text_bytes_max || error.next_step.size() > error_text_bytes_max)
    in.refuse("an error's text is over the limit");
  return error;
}

std::optional<NodeLoad> read_load(BodyReader& in) {
  const std::string bytes = in.extension(tag_load);
  if (bytes.empty()) return std::nullopt;
  Reader parts(bytes);
  NodeLoad load;
  load.ordinary = in.duration(parts.number<std::uint64_t>());
  load.urgent = in.duration(parts.number<std::uint64_t>());
  if (!parts.finished()) in.refuse("an extension of load does not have its length");
  return load;
}

Message read_accepted(BodyReader& in, const Header& header) {
  return TaskAccepted{header.task, in.number<std::uint32_t>(), read_load(in)};
}

Message read_rejected(BodyReader& in, const Header& header) {
  TaskRejected rejected;
  rejected.task = header.task;
  rejected.attempt = in.number<std::uint32_t>();
  rejected.retry_after = in.duration();
  rejected.why = read_error(in);
  rejected.load = read_load(in);
  return rejected;
}

Hits read_hits(BodyReader& in) {
  const auto count = in.number<std::uint32_t>();
  constexpr std::size_t hit_bytes_min = 2 + 8 + 4;
  if (count > limits::recall_hits_max || count > in.left() / hit_bytes_min) {
    in.refuse("an answer counts more documents than it holds");
    return {};
  }
  Hits hits;
  hits.hits.resize(count);
  for (Hit& hit : hits.hits) {
    hit.memory = in.name();
    hit.document = in.number<std::uint64_t>();
    hit.score = in.real();
  }
  return hits;
}

Output read_embedding(BodyReader& in) {
  Embedding embedding;
  embedding.tokens = in.number<std::uint32_t>();
  embedding.truncated = in.flag();
  embedding.vector = in.tensor();
  return embedding;
}

Output read_scores(BodyReader& in) {
  Scores scores;
  scores.tokens = in.number<std::uint32_t>();
  scores.truncated = in.flag();
  const auto count = in.number<std::uint32_t>();
  constexpr std::size_t label_bytes_min = 2;
  if (count > limits::labels_max || count > in.left() / label_bytes_min) {
    in.refuse("an answer counts more labels than it holds");
    return scores;
  }
  scores.labels.resize(count);
  for (auto& label : scores.labels) label = in.name();
  scores.logits = in.tensor();
  return scores;
}

// Numbers from the future are read as if nothing had been said.
void read_why(BodyReader& in, Timing& timing) {
  const std::string bytes = in.extension(tag_timing);
  if (bytes.empty()) return;
  Reader why(bytes);
  timing.batch_wait = in.duration(why.number<std::uint64_t>());
  timing.predicted = in.duration(why.number<std::uint64_t>());
  if (why.number<std::uint8_t>() == static_cast<std::uint8_t>(Entry::inside))
    timing.entry = Entry::inside;
  if (const auto reason = why.number<std::uint8_t>(); reason < launch_reasons)
    timing.reason = static_cast<LaunchReason>(reason);
  if (!why.finished()) in.refuse("an extension of timing does not have its length");
}

Message read_result(BodyReader& in, const Header& header) {
  TaskResult message;
  TaskOutcome& outcome = message.outcome;
  outcome.id = header.task;
  const auto kind = in.number<std::uint8_t>();
  outcome.timing.queue = in.duration();
  outcome.timing.compute = in.duration();
  outcome.timing.network = in.duration();
  outcome.timing.batch_tasks = in.number<std::uint32_t>();
  outcome.timing.lane = header.lane.value_or(Lane::ordinary);
  read_why(in, outcome.timing);
  message.load = read_load(in);
  if (!header.lane) in.refuse("a result has no lane");
  if (kind == outcome_error)
    outcome.result = read_error(in);
  else if (kind == outcome_embedding)
    outcome.result = read_embedding(in);
  else if (kind == outcome_hits)
    outcome.result = Output{read_hits(in)};
  else if (kind == outcome_action)
    outcome.result = Output{Action{in.number<std::uint32_t>()}};
  else if (kind == outcome_scores)
    outcome.result = read_scores(in);
  else
    in.refuse("a kind of result that does not exist");
  return message;
}

Message read_control_request(BodyReader& in) {
  ControlRequest request;
  request.id = in.number<std::uint64_t>();
  request.verb = in.name();
  request.body = in.text();
  return request;
}

Message read_control_reply(BodyReader& in) {
  ControlReply reply;
  reply.id = in.number<std::uint64_t>();
  reply.ok = in.flag();
  reply.body = in.text();
  return reply;
}

Message read_body(BodyReader& in, const Header& header) {
  switch (header.kind) {
    case Kind::hello:
      return read_hello(in);
    case Kind::heartbeat:
      return read_heartbeat(in);
    case Kind::agent_message:
      return read_agent_message(in, header);
    case Kind::submit_task:
      return read_submit(in, header);
    case Kind::cancel_task:
      return CancelTask{header.task};
    case Kind::task_result:
      return read_result(in, header);
    case Kind::control_request:
      return read_control_request(in);
    case Kind::control_reply:
      return read_control_reply(in);
    case Kind::task_accepted:
      return read_accepted(in, header);
    case Kind::task_rejected:
      return read_rejected(in, header);
    case Kind::result_ack:
      return ResultAck{header.task};
  }
  TROUPE_ASSERT(false, "load_header() lets only known kinds through");
}

// The fields of the header that a kind has no use for must be as if unset.
Status check_unused(const Header& header) {
  const bool has_task = header.kind == Kind::submit_task || header.kind == Kind::cancel_task ||
                        header.kind == Kind::task_result || header.kind == Kind::task_accepted ||
                        header.kind == Kind::task_rejected || header.kind == Kind::result_ack;
  const bool has_lane = header.kind == Kind::submit_task || header.kind == Kind::task_result;
  if (!has_task && !header.task.is_none()) return malformed("a task id where none belongs");
  if (!has_lane && header.lane) return malformed("a lane where none belongs");
  if (header.kind != Kind::submit_task && header.time_to_live_us)
    return malformed("a time to live where none belongs");
  return {};
}

}  // namespace

Result<Message> decode(std::span<const std::string_view> frames) {
  auto parts = cut(frames);
  if (!parts) return parts.error();
  if (auto unused = check_unused(parts->header); !unused) return unused.error();

  BodyReader in(*parts);
  Message message = read_body(in, parts->header);
  if (auto finished = in.finish(); !finished) return finished.error();
  if (auto valid = check(message); !valid) return malformed(valid.error().what);
  return message;
}

}  // namespace troupe::transport
