#include "tests/transport/goldens.hpp"

#include <fstream>
#include <sstream>

namespace troupe::transport::testing {
namespace {

std::string from_hex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return bytes;
}

std::vector<float> ramp(int count) {
  std::vector<float> values;
  for (int i = 1; i <= count; ++i) values.push_back(static_cast<float>(i) / 2048);
  return values;
}

constexpr TaskId task{0x0123456789abcdef, 42};
constexpr Trace sampled{0x4bf92f3577b34da6, 0xa3ce929d0e0e4736, 0x00f067aa0ba902b7, true};
constexpr Trace unsampled{0x4bf92f3577b34da6, 0xa3ce929d0e0e4736, 0x00f067aa0ba902b7, false};

Message submit(const std::string& model, const std::string& tenant, Work work,
               std::optional<Lane> lane, std::optional<Duration> limit) {
  return SubmitTask{{task, model, tenant, "", "", std::move(work), lane, limit}};
}

Message submit_of(const std::string& workflow, const std::string& agent, Message message) {
  TaskRequest& request = std::get<SubmitTask>(message).request;
  request.workflow = workflow;
  request.agent = agent;
  return message;
}

Message explained(Message message, Duration batch_wait, Duration predicted, Entry entry,
                  LaunchReason reason) {
  Timing& timing = std::get<TaskResult>(message).outcome.timing;
  timing.batch_wait = batch_wait;
  timing.predicted = predicted;
  timing.entry = entry;
  timing.reason = reason;
  return message;
}

Message told(Message message, NodeLoad load) {
  std::visit(
      [&](auto& one) {
        if constexpr (requires { one.load; }) one.load = load;
      },
      message);
  return message;
}

Message result(Result<Output> output, Lane lane) {
  using std::chrono::microseconds;
  Timing timing;
  timing.queue = microseconds(1500);
  timing.compute = microseconds(8000);
  timing.network = microseconds(120);
  timing.batch_tasks = 16;
  timing.lane = lane;
  return TaskResult{{task, std::move(output), timing}};
}

}  // namespace

std::map<std::string, Bytes> read_goldens() {
  std::map<std::string, Bytes> goldens;
  std::ifstream file(TROUPE_SOURCE_DIR "/tests/data/wire-goldens.txt");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name;
    words >> name;
    for (std::string hex; words >> hex;) goldens[name].push_back(from_hex(hex));
  }
  return goldens;
}

std::map<std::string, Message> golden_messages() {
  using std::chrono::microseconds;
  using std::chrono::milliseconds;
  constexpr std::uint64_t epoch = 0x1122334455667788;
  const AgentId librarian{"librarian", "017"};
  return {
      {"hello", Hello{"node-a", epoch, 0x99aabbccddeeff00}},
      {"hello_delivery", Hello{"node-a", epoch, 0x99aabbccddeeff00, true}},
      {"hello_framing", Hello{"node-a", epoch, 0x99aabbccddeeff00, true, true}},
      {"heartbeat", Heartbeat{epoch}},
      {"heartbeat_last", Heartbeat{epoch, true}},
      {"heartbeat_received", Heartbeat{epoch, false, (std::uint64_t{1} << 40) + 7}},
      {"agent_message",
       AgentMessage{librarian, {"reader", "3"}, 7, "ask", "{\"question\":\"caf\xc3\xa9?\"}"}},
      {"agent_message_of_client", AgentMessage{librarian, {}, 0, "", ""}},
      {"agent_message_traced", AgentMessage{librarian, {}, 7, "ask", "{}", unsampled}},
      {"agent_message_sampled", AgentMessage{librarian, {}, 7, "ask", "{}", sampled}},
      {"submit_encode",
       submit("minilm", "default", Encode{"play music"}, Lane::urgent, milliseconds(50))},
      {"submit_encode_bare", submit("", "", Encode{""}, std::nullopt, std::nullopt)},
      {"submit_recall", submit("", "default", Recall{"librarian/*", {0.5F, -1.0F, 0.25F}, 10},
                               Lane::ordinary, Duration::zero())},
      {"submit_recall_framed", submit("", "default", Recall{"librarian/017", ramp(1536), 1000},
                                      std::nullopt, std::nullopt)},
      {"submit_of_agent",
       submit_of("evening news", "reader/3",
                 submit("minilm", "default", Encode{"play music"}, std::nullopt, std::nullopt))},
      {"submit_recall_of_agent",
       submit_of("", "reader/3",
                 submit("", "default", Recall{"librarian/*", {0.5F, -1.0F, 0.25F}, 10},
                        Lane::ordinary, std::nullopt))},
      {"submit_act", submit("mover", "default", Act{{0.5F, -1.0F, 0.25F}, "game/7", 41},
                            Lane::urgent, milliseconds(5))},
      {"submit_act_of_agent",
       submit_of("", "game/7",
                 submit("mover", "default", Act{ramp(1536), "", (std::uint64_t{1} << 48) - 1},
                        std::nullopt, std::nullopt))},
      {"submit_classify",
       submit("moods", "default", Classify{"what a day"}, Lane::ordinary, milliseconds(50))},
      {"submit_attempt",
       SubmitTask{{task, "minilm", "default", "", "", Encode{"play music"}, std::nullopt, {}}, 3}},
      {"submit_weight",
       SubmitTask{{task, "minilm", "default", "", "", Encode{"play music"}, {}, {}, 2.5F}, 3}},
      {"submit_traced",
       SubmitTask{{task, "minilm", "default", "", "", Encode{"play music"}, {}, {}, 1, unsampled},
                  3}},
      {"submit_sampled",
       SubmitTask{{task, "minilm", "default", "", "", Encode{"play music"}, {}, {}, 1, sampled}}},
      {"task_accepted", TaskAccepted{task, 3}},
      {"task_rejected",
       TaskRejected{task, 3, milliseconds(100),
                    Error{ErrorCode::queue_full, "4096 tasks wait already", "retry in 12ms"}}},
      {"task_accepted_load", told(TaskAccepted{task, 1}, {milliseconds(40), microseconds(20)})},
      {"task_rejected_load",
       told(TaskRejected{task, 1, {}, Error{ErrorCode::unreachable, "no device", ""}},
            {std::chrono::hours(24 * 365), std::chrono::hours(24 * 365)})},
      {"result_ack", ResultAck{task}},
      {"cancel_task", CancelTask{task}},
      {"result_error",
       result(Error{ErrorCode::queue_full, "4096 tasks wait already", "retry in 12ms"},
              Lane::ordinary)},
      {"result_embedding",
       result(Output{Embedding{{0.5F, -0.5F, 0.5F, -0.5F}, 12, true}}, Lane::urgent)},
      {"result_embedding_inline_max",
       result(Output{Embedding{ramp(1535), 1, false}}, Lane::urgent)},
      {"result_embedding_framed", result(Output{Embedding{ramp(2048), 512, false}}, Lane::urgent)},
      {"result_hits", result(Output{Hits{{{"librarian/017", 3, 0.875F},
                                          {"librarian/2", std::uint64_t{1} << 63, -0.25F}}}},
                             Lane::urgent)},
      {"result_no_hits", result(Output{Hits{}}, Lane::ordinary)},
      {"result_action", result(Output{Action{65535}}, Lane::urgent)},
      {"result_scores",
       result(Output{Scores{{-1.5F, 2.25F}, {"sad", "tr\xc3\xa8s gai"}, 7, true}}, Lane::ordinary)},
      {"result_explained",
       explained(result(Output{Embedding{{0.5F, -0.5F, 0.5F, -0.5F}, 12, false}}, Lane::urgent),
                 microseconds(250), microseconds(7900), Entry::inside, LaunchReason::urgent)},
      {"result_load", told(explained(result(Output{Action{3}}, Lane::ordinary), microseconds(250),
                                     microseconds(7900), Entry::in_turn, LaunchReason::full),
                           {})},
      {"result_infeasible",
       result(Error{ErrorCode::infeasible, "too soon", "allow 40ms"}, Lane::ordinary)},
      {"control_request", ControlRequest{9, "status", "{}"}},
      {"control_reply", ControlReply{9, true, "{\"up\":true}"}},
      {"control_reply_failed", ControlReply{10, false, "{\"error\":{\"code\":\"not_found\"}}"}},
  };
}

Bytes bytes_of(const Frames& frames) {
  Bytes bytes{frames.head};
  if (!frames.tensor.empty()) bytes.push_back(frames.tensor);
  return bytes;
}

Result<Message> decode_bytes(const Bytes& frames) {
  const std::vector<std::string_view> views(frames.begin(), frames.end());
  return decode(views);
}

}  // namespace troupe::transport::testing
