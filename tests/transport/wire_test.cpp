#include "transport/wire.hpp"

#include <cmath>
#include <limits>

#include "base/limits.hpp"
#include "tests/catch.hpp"
#include "tests/transport/goldens.hpp"
#include "tests/transport/same.hpp"
#include "transport/check.hpp"

using namespace troupe;
using namespace troupe::transport;
using namespace troupe::transport::testing;

namespace {

// Positions in the header, as docs/wire.md gives them.
constexpr std::size_t at_version = 4, at_kind = 5, at_flags = 6, at_header_bytes = 8, at_lane = 10,
                      at_dtype = 11, at_rank = 12, at_reserved = 13, at_body_bytes = 16,
                      at_extension_bytes = 20, at_task = 24, at_ttl = 40, at_shape = 72;

// The golden of that name with one byte of its first frame changed.
Result<Message> with_byte(const std::string& name, std::size_t at, int value) {
  auto bytes = read_goldens().at(name);
  bytes[0].at(at) = static_cast<char>(value);
  return decode_bytes(bytes);
}

bool is_malformed(const Result<Message>& result) {
  return !result && result.error().code == ErrorCode::malformed && !result.error().what.empty();
}

ErrorCode encode_error(const Message& message) {
  auto frames = encode(message);
  REQUIRE(!frames);
  CHECK(!frames.error().what.empty());
  return frames.error().code;
}

Message submit(Work work) {
  return SubmitTask{{{1, 1}, "", "default", "", "", std::move(work), std::nullopt, std::nullopt}};
}

Message recall(Recall work) {
  return submit(std::move(work));
}

Message embedding(std::vector<float> vector) {
  return TaskResult{{{1, 1}, Output{Embedding{std::move(vector), 1, false}}, {}}};
}

Message round_trip(const Message& message) {
  auto frames = encode(message);
  REQUIRE(frames);
  auto back = decode_bytes(bytes_of(*frames));
  REQUIRE(back);
  return *back;
}

}  // namespace

TEST_CASE("every golden message is written as the bytes that were released, and read back") {
  const auto goldens = read_goldens();
  const auto messages = golden_messages();
  REQUIRE(messages.size() == 43);
  for (const auto& [name, message] : messages) {
    INFO(name);
    REQUIRE(goldens.count(name) == 1);
    auto frames = encode(message);
    REQUIRE(frames);
    CHECK(bytes_of(*frames) == goldens.at(name));
    auto back = decode_bytes(goldens.at(name));
    REQUIRE(back);
    CHECK(same(*back, message));
  }
}

TEST_CASE("a newer minor version's longer header, extensions and trace context are skipped") {
  auto heartbeat = decode_bytes(read_goldens().at("~heartbeat_extended"));
  REQUIRE(heartbeat);
  CHECK(same(*heartbeat, Heartbeat{0x1122334455667788}));
}

TEST_CASE("trace flags from the future say nothing, and half a trace is none") {
  auto traced = decode_bytes(read_goldens().at("~submit_future_flags"));
  REQUIRE(traced);
  CHECK(traceparent(std::get<SubmitTask>(*traced).request.trace) ==
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00");
  auto half = decode_bytes(read_goldens().at("~submit_half_a_trace"));
  REQUIRE(half);
  CHECK(std::get<SubmitTask>(*half).request.trace == Trace{});
}

TEST_CASE("an error code from the future becomes internal and keeps its text") {
  auto result = decode_bytes(read_goldens().at("~result_unknown_error"));
  REQUIRE(result);
  const auto& outcome = std::get<TaskResult>(*result).outcome;
  REQUIRE(!outcome.result);
  CHECK(outcome.result.error().code == ErrorCode::internal);
  CHECK(outcome.result.error().what == "from the future");
}

TEST_CASE("a reason and an entry from the future are read as none, and their times kept") {
  auto result = decode_bytes(read_goldens().at("~result_unknown_reason"));
  REQUIRE(result);
  const Timing& timing = std::get<TaskResult>(*result).outcome.timing;
  CHECK(timing.batch_wait == std::chrono::nanoseconds(1));
  CHECK(timing.predicted == std::chrono::nanoseconds(2));
  CHECK(timing.reason == LaunchReason::none);
  CHECK(timing.entry == Entry::in_turn);
}

TEST_CASE("a known extension that stands there twice, or says nonsense, is refused") {
  const auto golden = read_goldens();
  const auto extended = [&](const std::string& name, const std::string& more) {
    auto bytes = golden.at(name);
    bytes[0] += more;
    bytes[0][at_extension_bytes] =
        static_cast<char>(bytes[0][at_extension_bytes] + static_cast<int>(more.size()));
    return decode_bytes(bytes);
  };
  const std::string agent("\x02\0\x05\0\0\0a/b/c", 11);
  const std::string other_agent("\x02\0\x03\0\0\0a/b", 9);
  const std::string timing("\x03\0\x01\0\0\0\x01", 7);
  CHECK(extended("submit_encode", other_agent));
  CHECK(is_malformed(extended("submit_of_agent", other_agent)));
  CHECK(is_malformed(extended("submit_encode", agent)));
  CHECK(is_malformed(extended("result_no_hits", timing)));
  CHECK(extended("heartbeat", timing));  // of no use there, so skipped
  const std::string other_rules("\x04\0\x01\0\0\0\x02", 7);
  const std::string no_attempt("\x05\0\x04\0\0\0\0\0\0\0", 10);
  const std::string half_attempt("\x05\0\x02\0\0\0\1\0", 8);
  CHECK(is_malformed(extended("hello", other_rules)));
  CHECK(is_malformed(extended("submit_encode", no_attempt)));
  CHECK(is_malformed(extended("submit_encode", half_attempt)));
  const std::string half_load("\x06\0\x08\0\0\0\1\0\0\0\0\0\0\0", 14);
  const std::string load_of_ages("\x06\0\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x80", 22);
  CHECK(is_malformed(extended("task_accepted", half_load)));
  const std::string half_weight("\x07\0\x02\0\0\0\1\0", 8);
  const std::string no_weight("\x07\0\x04\0\0\0\0\0\0\0", 10);
  const std::string nan_weight("\x07\0\x04\0\0\0\0\0\xc0\x7f", 10);
  const std::string negative_weight("\x07\0\x04\0\0\0\0\0\x80\xbf", 10);
  for (const auto& weight : {half_weight, no_weight, nan_weight, negative_weight})
    CHECK(is_malformed(extended("submit_encode", weight)));
  CHECK(is_malformed(extended("task_rejected", load_of_ages)));
  CHECK(is_malformed(extended("result_no_hits", half_load)));
}

TEST_CASE("another major version is told apart from damage") {
  auto other = decode_bytes(read_goldens().at("~other_version"));
  REQUIRE(!other);
  CHECK(other.error().code == ErrorCode::unsupported);
  CHECK(other.error().what.find("version 2") != std::string::npos);
  CHECK(!other.error().next_step.empty());
}

TEST_CASE("a message cut short or with bytes left over is refused, whichever it is") {
  for (const auto& [name, golden] : read_goldens()) {
    if (name == "~other_version") continue;
    INFO(name);
    for (std::size_t frame = 0; frame < golden.size(); ++frame) {
      for (std::size_t size = 0; size < golden[frame].size(); ++size) {
        auto cut = golden;
        cut[frame].resize(size);
        if (!is_malformed(decode_bytes(cut))) FAIL(name << " cut to " << size << " was accepted");
      }
      auto longer = golden;
      longer[frame] += '\0';
      CHECK(is_malformed(decode_bytes(longer)));
    }
    auto more = golden;
    more.emplace_back();
    CHECK(is_malformed(decode_bytes(more)));
  }
  CHECK(is_malformed(decode_bytes({})));
}

TEST_CASE("bytes that no length accounts for are refused, even in the shape of an extension") {
  const std::string extension("\xff\xff\0\0\0\0", 6);
  for (const auto& [name, message] : golden_messages()) {
    INFO(name);
    // Behind everything, without being announced.
    auto behind = read_goldens().at(name);
    behind[0] += extension;
    CHECK(is_malformed(decode_bytes(behind)));
    behind[0][at_extension_bytes] =
        static_cast<char>(behind[0][at_extension_bytes] + static_cast<int>(extension.size()));
    CHECK(decode_bytes(behind));
    // At the end of the body, announced as part of it.
    auto within = read_goldens().at(name);
    const auto body = static_cast<unsigned char>(within[0][at_body_bytes]);
    within[0].insert(88U + body, extension);
    within[0][at_body_bytes] = static_cast<char>(body + extension.size());
    CHECK(is_malformed(decode_bytes(within)));
  }
}

TEST_CASE("a header that contradicts itself is refused") {
  CHECK(is_malformed(with_byte("heartbeat", 0, 'X')));
  CHECK(is_malformed(with_byte("heartbeat", at_kind, 0)));
  CHECK(is_malformed(with_byte("heartbeat", at_kind, 12)));
  CHECK(is_malformed(with_byte("heartbeat", at_flags, 4)));
  CHECK(is_malformed(with_byte("heartbeat", at_flags + 1, 1)));
  CHECK(is_malformed(with_byte("heartbeat", at_flags, 1)));
  CHECK(is_malformed(with_byte("heartbeat", at_flags, 2)));
  CHECK(is_malformed(with_byte("heartbeat", at_header_bytes, 87)));
  CHECK(is_malformed(with_byte("heartbeat", at_header_bytes, 89)));
  CHECK(is_malformed(with_byte("heartbeat", at_header_bytes + 1, 0xff)));
  CHECK(is_malformed(with_byte("heartbeat", at_lane, 0)));
  CHECK(is_malformed(with_byte("submit_encode", at_lane, 2)));
  CHECK(is_malformed(with_byte("result_hits", at_lane, 255)));
  CHECK(is_malformed(with_byte("heartbeat", at_dtype, 1)));
  CHECK(is_malformed(with_byte("submit_recall", at_dtype, 2)));
  CHECK(is_malformed(with_byte("submit_recall", at_dtype, 0)));
  CHECK(is_malformed(with_byte("submit_recall", at_rank, 2)));
  CHECK(is_malformed(with_byte("submit_recall", at_shape + 4, 1)));
  CHECK(is_malformed(with_byte("submit_recall", at_shape, 0)));
  CHECK(is_malformed(with_byte("submit_recall", at_shape + 3, 0xff)));
  CHECK(is_malformed(with_byte("heartbeat", at_reserved, 1)));
  CHECK(is_malformed(with_byte("heartbeat", at_body_bytes + 3, 0xff)));
  CHECK(is_malformed(with_byte("heartbeat", at_extension_bytes, 1)));
  CHECK(is_malformed(with_byte("heartbeat", at_task, 1)));
  CHECK(is_malformed(with_byte("heartbeat", at_ttl, 1)));
  CHECK(is_malformed(with_byte("submit_encode", at_ttl + 7, 1)));
  CHECK(is_malformed(with_byte("submit_recall_framed", at_flags, 0)));
  CHECK((!with_byte("heartbeat", at_version, 0)));
}

TEST_CASE("a tensor on a message that has no use for one is refused") {
  for (const char* name : {"heartbeat", "submit_encode", "result_hits", "result_error"}) {
    INFO(name);
    auto bytes = read_goldens().at(name);
    bytes[0][at_dtype] = bytes[0][at_rank] = bytes[0][at_shape] = 1;
    bytes[0].append(4, '\0');
    CHECK(is_malformed(decode_bytes(bytes)));
  }
}

TEST_CASE("values outside their range are refused by the decoder") {
  // Bodies begin at 88; docs/wire.md has the offsets.
  CHECK(is_malformed(with_byte("control_reply", 88 + 8, 2)));
  CHECK(is_malformed(with_byte("submit_encode", 88, 0)));
  CHECK(is_malformed(with_byte("submit_encode", 88, 5)));
  CHECK(is_malformed(with_byte("submit_encode", 88, 3)));
  CHECK(is_malformed(with_byte("submit_act", 88, 1)));
  CHECK(is_malformed(with_byte("submit_recall", 88, 1)));
  CHECK(is_malformed(with_byte("result_hits", 88, 4)));
  CHECK(is_malformed(with_byte("result_hits", 88, 6)));
  CHECK(is_malformed(with_byte("result_action", 88, 3)));
  CHECK(is_malformed(with_byte("result_scores", 88, 2)));
  CHECK(is_malformed(with_byte("result_scores", 88 + 29 + 4, 2)));  // truncated: neither
  CHECK(is_malformed(with_byte("result_scores", 88 + 29 + 5, 3)));  // three labels, two scores
  CHECK(is_malformed(with_byte("result_scores", 88 + 29 + 5, 1)));  // one label, bytes left over
  CHECK(is_malformed(with_byte("result_scores", 88 + 29 + 5 + 1, 5)));   // 1282 labels
  CHECK(is_malformed(with_byte("result_hits", 88 + 1 + 7, 0x7f)));       // a queue of centuries
  CHECK(is_malformed(with_byte("result_hits", 88 + 1 + 24 + 3, 0x7f)));  // a batch of billions
  CHECK(is_malformed(with_byte("result_hits", 88 + 29 + 1, 4)));         // 1026 hits
  CHECK(is_malformed(with_byte("result_embedding", 88 + 29 + 4, 2)));    // truncated: maybe
  CHECK(is_malformed(with_byte("agent_message", 88 + 8 + 2 + 9, '!')));  // librarian!017
  CHECK(is_malformed(with_byte("agent_message_of_client", 88 + 8, 0)));  // to nobody
  // The last float of the tensor becomes a NaN.
  auto nan = read_goldens().at("result_embedding");
  nan[0].replace(nan[0].size() - 4, 4, std::string("\x00\x00\xc0\x7f", 4));
  CHECK(is_malformed(decode_bytes(nan)));
}

TEST_CASE("names with control characters or broken UTF-8 are refused both ways") {
  for (const std::string& name :
       {std::string("\xff"), std::string("a\nb"), std::string("a\0b", 3), std::string("\x7f"),
        std::string(limits::name_bytes_max + 1, 'a')}) {
    CHECK(!encode(Hello{name, 1, 1}));
    CHECK(!encode(ControlRequest{1, name, ""}));
    CHECK(!encode(AgentMessage{{"a", "b"}, {}, 0, name, ""}));
    CHECK(!encode(SubmitTask{{{1, 1}, name, "default", "", "", Encode{"x"}, {}, {}}}));
    CHECK(!encode(SubmitTask{{{1, 1}, "minilm", name, "", "", Encode{"x"}, {}, {}}}));
    CHECK(!encode(SubmitTask{{{1, 1}, "minilm", "default", name, "", Encode{"x"}, {}, {}}}));
  }
  CHECK(is_malformed(with_byte("hello", 88 + 16 + 2, '\n')));
  CHECK(is_malformed(with_byte("hello", 88 + 16 + 2, 0xc0)));
  CHECK(encode_error(Hello{"", 1, 1}) == ErrorCode::invalid_argument);
}

TEST_CASE("what the other side would refuse is refused before it is sent") {
  CHECK(encode_error(CancelTask{}) == ErrorCode::invalid_argument);
  CHECK(encode_error(AgentMessage{{"", ""}, {}, 0, "t", ""}) == ErrorCode::invalid_argument);
  CHECK(encode_error(AgentMessage{{"a", "b/c"}, {}, 0, "t", ""}) == ErrorCode::invalid_argument);
  CHECK(encode_error(AgentMessage{{"a", "b"}, {"a", ""}, 0, "t", ""}) ==
        ErrorCode::invalid_argument);
  CHECK(encode_error(AgentMessage{
            {"a", "b"}, {}, 0, "t", std::string(limits::message_bytes_max + 1, 'x')}) ==
        ErrorCode::too_large);
  CHECK(encode_error(SubmitTask{{{1, 1},
                                 "m",
                                 "t",
                                 "",
                                 "",
                                 Encode{std::string(limits::text_bytes_max + 1, 'x')},
                                 {},
                                 {}}}) == ErrorCode::too_large);
  CHECK(encode_error(recall({"librarian/*", {}, 1})) == ErrorCode::invalid_argument);
  CHECK(encode_error(recall({"librarian/*", {1.0F}, 0})) == ErrorCode::invalid_argument);
  CHECK(encode_error(recall({"librarian/*", {1.0F}, limits::recall_hits_max + 1})) ==
        ErrorCode::too_large);
  for (const char* scope : {"", "*", "librarian", "/*", "librarian/", "*/017", "a/*/*"})
    CHECK(encode_error(recall({scope, {1.0F}, 1})) == ErrorCode::invalid_argument);
  for (const char* agent : {"game", "/7", "game/", "game/*", "game/7/8", "game /7"})
    CHECK(encode_error(submit(Act{{1.0F}, agent, 0})) == ErrorCode::invalid_argument);
  CHECK(encode_error(submit(Act{{}, "game/7", 0})) == ErrorCode::invalid_argument);
  CHECK(encode_error(submit(Act{{1.0F, std::nanf("")}, "game/7", 0})) ==
        ErrorCode::invalid_argument);
  CHECK(encode_error(submit(Act{std::vector<float>(limits::observation_width_max + 1), "game/7",
                                0})) == ErrorCode::too_large);
  CHECK(encode_error(embedding({})) == ErrorCode::invalid_argument);
  CHECK(encode_error(embedding({std::nanf("")})) == ErrorCode::invalid_argument);
  CHECK(encode_error(embedding({std::numeric_limits<float>::infinity()})) ==
        ErrorCode::invalid_argument);
  CHECK(encode_error(embedding(std::vector<float>(limits::embedding_width_max + 1))) ==
        ErrorCode::too_large);
  CHECK(encode_error(TaskResult{{{1, 1}, Output{Hits{{{"nobody", 1, 0.5F}}}}, {}}}) ==
        ErrorCode::invalid_argument);
  CHECK(encode_error(TaskResult{{{1, 1}, Output{Hits{{{"a/b", 1, std::nanf("")}}}}, {}}}) ==
        ErrorCode::invalid_argument);
  const auto scores = [](std::vector<float> logits, std::vector<std::string> labels) {
    return TaskResult{{{1, 1}, Output{Scores{std::move(logits), std::move(labels), 1, false}}, {}}};
  };
  CHECK(encode_error(scores({}, {})) == ErrorCode::invalid_argument);
  CHECK(encode_error(scores({1.0F}, {"a", "b"})) == ErrorCode::invalid_argument);
  CHECK(encode_error(scores({std::nanf("")}, {"a"})) == ErrorCode::invalid_argument);
  CHECK(encode_error(scores({1.0F}, {"a\n"})) == ErrorCode::invalid_argument);
  CHECK(encode_error(scores(std::vector<float>(limits::labels_max + 1),
                            std::vector<std::string>(limits::labels_max + 1))) ==
        ErrorCode::too_large);
  CHECK(encode_error(submit(Classify{std::string(limits::text_bytes_max + 1, 'a')})) ==
        ErrorCode::too_large);
}

TEST_CASE("everything at its limit still fits into a frame") {
  const std::string name(limits::name_bytes_max, 'n');
  const std::string agent = name + "/" + name;
  for (const Message& message :
       {Message{AgentMessage{
            {name, name}, {name, name}, 1, name, std::string(limits::message_bytes_max, '\xff')}},
        embedding(std::vector<float>(limits::embedding_width_max, 1.0F)),
        recall({name + "/*", std::vector<float>(limits::embedding_width_max, 1.0F),
                limits::recall_hits_max}),
        submit(Act{std::vector<float>(limits::observation_width_max, 1.0F), agent,
                   std::numeric_limits<std::uint64_t>::max()}),
        Message{
            TaskResult{{{1, 1}, Output{Action{std::numeric_limits<std::uint32_t>::max()}}, {}}}},
        Message{TaskResult{
            {{1, 1},
             Output{Scores{std::vector<float>(limits::labels_max, 1.0F),
                           std::vector<std::string>(limits::labels_max, name), 1, false}},
             {}}}},
        Message{SubmitTask{{{1, 1},
                            name,
                            name,
                            name,
                            agent,
                            Encode{std::string(limits::text_bytes_max, '\0')},
                            {},
                            {}}}},
        Message{TaskResult{
            {{1, 1},
             Output{Hits{std::vector<Hit>(limits::recall_hits_max, Hit{agent, 1, 1.0F})}},
             {}}}}}) {
    auto frames = encode(message);
    REQUIRE(frames);
    CHECK(frames->head.size() <= limits::frame_bytes_max);
    CHECK(frames->tensor.size() <= limits::frame_bytes_max);
    CHECK(same(round_trip(message), message));
  }
}

TEST_CASE("a time limit travels in whole microseconds, rounded down and kept within a year") {
  const auto travel = [](Duration limit) {
    const Message submit = SubmitTask{{{1, 1}, "m", "t", "", "", Encode{"x"}, {}, limit}};
    return std::get<SubmitTask>(round_trip(submit)).request.time_limit;
  };
  using namespace std::chrono;
  CHECK(travel(nanoseconds(1999)) == microseconds(1));
  CHECK(travel(nanoseconds(999)) == nanoseconds(0));
  CHECK(travel(-seconds(1)) == nanoseconds(0));
  CHECK(travel(hours(365 * 24)) == hours(365 * 24));
  CHECK(travel(Duration::max()) == hours(365 * 24));
}

TEST_CASE("an outcome can be sent whatever its error says and its clocks measured") {
  std::string what(3 * error_text_bytes_max, 'x');
  what.replace(error_text_bytes_max - 1, 2, "\xc3\xa9");  // a character across the cut
  TaskOutcome outcome{{1, 1}, Error{ErrorCode::io, what, what}, {}};
  outcome.timing.network = -std::chrono::microseconds(3);
  outcome.timing.queue = Duration::max();
  const auto back = std::get<TaskResult>(round_trip(TaskResult{outcome})).outcome;
  CHECK(back.result.error().what == what.substr(0, error_text_bytes_max - 1));
  CHECK(back.result.error().code == ErrorCode::io);
  CHECK(back.timing.network == Duration::zero());
  CHECK(back.timing.queue == std::chrono::hours(365 * 24));
}

TEST_CASE("every error code survives the journey") {
  for (std::uint16_t raw = 1; is_error_code(raw); ++raw) {
    const Message result =
        TaskResult{{{1, 1}, Error{static_cast<ErrorCode>(raw), "what", "next"}, {}}};
    CHECK(same(round_trip(result), result));
  }
}
