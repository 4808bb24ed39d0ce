// round-trip: one letter of 256 bytes at a time from an agent on one node to one on the other, and
// back. messages: as many as go, one way.
//
// Beside them, in turns: a TCP connection with nothing above it, and ZeroMQ alone, plain and with
// CURVE. Our link is always encrypted, so its fair rival is CURVE; the ratio to TCP counts what
// that costs as ours.
#include <atomic>
#include <functional>
#include <thread>

#include "base/clock.hpp"
#include "bench/harness/paired.hpp"
#include "bench/link/scenarios.hpp"
#include "bench/link/two_nodes.hpp"
#include "bench/report/figure.hpp"
#include "bench/rivals/direct_zmq.hpp"
#include "bench/rivals/raw_tcp.hpp"

namespace troupe::bench::link {
namespace {

using actors::AgentMail;
using actors::Context;

constexpr std::size_t letter_bytes = 256;
constexpr std::uint32_t round_trips_usual = 5000;
constexpr std::uint32_t round_trips_quick = 50;
constexpr Duration flood_usual = std::chrono::seconds(1);
constexpr Duration flood_quick = std::chrono::milliseconds(50);
constexpr Duration answer_limit = std::chrono::seconds(30);
// What is on its way between the two at most, and how often the receiver says how far it is.
constexpr std::uint64_t window = 8192;
constexpr std::uint64_t report_every = 512;

double in_us(Duration duration) {
  return static_cast<double>(duration.count()) / 1e3;
}

// An agent that is one function.
class Plain final : public actors::Agent {
 public:
  using Handler = std::function<void(Context&, const AgentMail&)>;
  explicit Plain(Handler handler) : handler_(std::move(handler)) {}
  void on_message(Context& context, const AgentMail& mail) override { handler_(context, mail); }

 private:
  Handler handler_;
};

class PlainModule final : public actors::AgentModule {
 public:
  PlainModule(std::string type, Plain::Handler handler)
      : type_(std::move(type)), handler_(std::move(handler)) {}
  [[nodiscard]] std::string_view type() const override { return type_; }
  std::unique_ptr<actors::Agent> create(const AgentId&) override {
    return std::make_unique<Plain>(handler_);
  }

 private:
  const std::string type_;
  const Plain::Handler handler_;
};

// What the two agents of a run share with who measures them. Each field is written by one agent.
struct Shared {
  AgentId other;  // on the second node
  std::uint32_t times = 0;
  std::atomic<bool> ending{false};
  std::atomic<bool> failed{false};
  std::atomic<std::uint64_t> received{0};

  actors::Sender asked;
  Instant sent;
  std::uint32_t done = 0;
  std::uint64_t out = 0;
  harness::LatencyHistogram latency;

  void check(const Status& status) {
    if (!status) failed = true;
  }
};

// Begins with "go" and answers it with "done".
void ping(Shared& shared, Context& context, const AgentMail& mail) {
  const Instant at = context.now();
  if (mail.topic == "go") {
    shared.asked = mail.from;
  } else {
    ++shared.done;
    if (shared.done > shared.times / 10) shared.latency.add(at - shared.sent);
  }
  if (shared.done == shared.times) return shared.check(context.reply(shared.asked, "done", ""));
  shared.sent = context.now();
  shared.check(context.send(shared.other, "ping", std::string(letter_bytes, 'x')));
}

void echo(Shared& shared, Context& context, const AgentMail& mail) {
  shared.check(context.reply(mail.from, "pong", mail.body));
}

// Sends until a window is on its way, and on as it hears that letters have come.
void flood(Shared& shared, Context& context, const AgentMail& mail) {
  if (mail.topic == "go")
    shared.asked = mail.from;
  else
    shared.out -= report_every;
  if (shared.ending) {
    if (shared.out < report_every) shared.check(context.reply(shared.asked, "done", ""));
    return;
  }
  for (; shared.out < window; ++shared.out)
    shared.check(context.send(shared.other, "letter", std::string(letter_bytes, 'x')));
}

void drink(Shared& shared, Context& context, const AgentMail& mail) {
  const auto count = shared.received.load(std::memory_order_relaxed) + 1;
  shared.received.store(count, std::memory_order_relaxed);
  if (count % report_every == 0) shared.check(context.reply(mail.from, "report", ""));
}

using Role = void (*)(Shared&, Context&, const AgentMail&);

Result<std::unique_ptr<TwoNodes>> start(Shared& shared, Role near, Role far) {
  const auto module_of = [&shared](const char* type, Role role) {
    return std::make_shared<PlainModule>(
        type,
        [&shared, role](Context& context, const AgentMail& mail) { role(shared, context, mail); });
  };
  shared.other = TwoNodes::agent_on(1, "far");
  return TwoNodes::start({module_of("near", near), module_of("far", far)});
}

Status wait_done(TwoNodes& two, const Shared& shared) {
  if (!two.client().receive(answer_limit) || shared.failed)
    return Error{ErrorCode::internal, "letters between the two nodes were lost", ""};
  return {};
}

Result<harness::LatencyHistogram> our_round_trips(std::uint32_t times) {
  Shared shared;
  shared.times = times;
  auto two = start(shared, ping, echo);
  if (!two) return two.error();
  if (auto sent = (*two)->client().send(TwoNodes::agent_on(0, "near"), "go", "", 1); !sent)
    return sent.error();
  if (auto done = wait_done(**two, shared); !done) return done.error();
  two->reset();
  return shared.latency;
}

Result<double> our_messages_per_s(Duration length, const RunOptions& options) {
  Shared shared;
  auto two = start(shared, flood, drink);
  if (!two) return two.error();
  if (auto sent = (*two)->client().send(TwoNodes::agent_on(0, "near"), "go", "", 1); !sent)
    return sent.error();
  std::this_thread::sleep_for(length / 4);  // warm
  const std::uint64_t before = shared.received;
  const Instant begin = now();
  std::this_thread::sleep_for(length);
  const std::uint64_t count = shared.received - before;
  const Duration took = now() - begin;
  shared.ending = true;
  if (auto done = wait_done(**two, shared); !done) return done.error();
  if (options.is_interrupted()) return harness::interrupted_error();
  return static_cast<double>(count) * 1e9 / static_cast<double>(took.count());
}

struct Side {
  const char* name;
  std::function<Result<double>()> measure;
  std::vector<double> values{};
};

// All of them in turns, each round in the other direction.
Status take_turns(std::vector<Side>& sides, const RunOptions& options, Progress& progress) {
  double done = 0;
  for (std::uint32_t round = 0; round < options.pairs; ++round)
    for (std::size_t turn = 0; turn < sides.size(); ++turn) {
      Side& side = sides[round % 2 == 0 ? turn : sides.size() - 1 - turn];
      if (options.is_interrupted()) return harness::interrupted_error();
      progress.at(done++ / static_cast<double>(options.pairs * sides.size()), side.name);
      const auto value = side.measure();
      if (!value) return value.error();
      side.values.push_back(*value);
    }
  return {};
}

harness::Spread ratio(const Side& a, const Side& b) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < a.values.size(); ++i) ratios.push_back(a.values[i] / b.values[i]);
  return harness::spread_of(ratios);
}

std::string words_of(const std::vector<Side>& sides, const std::string& unit) {
  std::string text;
  for (const Side& side : sides)
    text += std::string("; ") + side.name + " " +
            harness::spread_text(harness::spread_of(side.values)) + " " + unit;
  return text;
}

Result<double> p50_us(const Result<harness::LatencyHistogram>& latency) {
  if (!latency) return latency.error();
  return in_us(latency->quantile(0.5));
}

}  // namespace

Result<ScenarioResult> run_round_trip(const RunOptions& options, Progress& progress) {
  const std::uint32_t times = options.quick ? round_trips_quick : round_trips_usual;
  std::vector<Side> sides = {
      {"agents", [&] { return p50_us(our_round_trips(times)); }},
      {"raw TCP", [&] { return p50_us(rivals::tcp_round_trips(letter_bytes, times)); }},
      {"plain ZeroMQ",
       [&] { return p50_us(rivals::zmq_round_trips(rivals::Wire::plain, letter_bytes, times)); }},
      {"ZeroMQ with CURVE",
       [&] { return p50_us(rivals::zmq_round_trips(rivals::Wire::curve, letter_bytes, times)); }}};
  if (auto measured = take_turns(sides, options, progress); !measured) return measured.error();
  auto figure = report::figure("round-trip", "agents on two nodes, 256 B there and back / raw TCP",
                               report::Comparison::at_most, 6.5);
  const auto spread = ratio(sides[0], sides[1]);
  figure.value = spread.median;
  figure.detail = "median of " + std::to_string(options.pairs) + " rounds " +
                  harness::spread_text(spread) + "; ours / ZeroMQ with CURVE " +
                  harness::spread_text(ratio(sides[0], sides[3])) + words_of(sides, "us at p50");
  ScenarioResult result;
  result.figures = {figure};
  result.text =
      "One letter of 256 bytes at a time between agents on two nodes, encrypted; raw TCP and "
      "ZeroMQ "
      "between two threads beside it.";
  return result;
}

Result<ScenarioResult> run_messages(const RunOptions& options, Progress& progress) {
  const Duration length = options.quick ? flood_quick : options.run_length.value_or(flood_usual);
  const auto zmq = [&](rivals::Wire wire, std::size_t per_frame) {
    return [=] { return rivals::zmq_messages_per_s(wire, letter_bytes, per_frame, length); };
  };
  std::vector<Side> sides = {
      {"agents", [&] { return our_messages_per_s(length, options); }},
      {"ZeroMQ with CURVE", zmq(rivals::Wire::curve, 1)},
      {"plain ZeroMQ", zmq(rivals::Wire::plain, 1)},
      {"ZeroMQ with CURVE, 16 in a frame", zmq(rivals::Wire::curve, 16)},
      {"plain ZeroMQ, 16 in a frame", zmq(rivals::Wire::plain, 16)},
      {"raw TCP", [&] { return rivals::tcp_messages_per_s(letter_bytes, length); }}};
  if (auto measured = take_turns(sides, options, progress); !measured) return measured.error();
  auto messages = report::figure("messages",
                                 "letters/s of 256 B between agents on two nodes / "
                                 "ZeroMQ alone with CURVE",
                                 report::Comparison::at_least, 0.6);
  const auto spread = ratio(sides[0], sides[1]);
  messages.value = spread.median;
  messages.detail = "median of " + std::to_string(options.pairs) + " rounds " +
                    harness::spread_text(spread) + "; to plain ZeroMQ " +
                    harness::spread_text(ratio(sides[0], sides[2])) + words_of(sides, "/s");
  auto curve = report::figure("curve", "ZeroMQ with CURVE / plain, 256 B, 16 in a frame",
                              report::Comparison::at_least, 0.4);
  const auto cost = ratio(sides[3], sides[4]);
  curve.value = cost.median;
  curve.detail = "what encryption leaves: our link has no plain mode to compare; " +
                 harness::spread_text(cost) + "; one in a frame " +
                 harness::spread_text(ratio(sides[1], sides[2]));
  ScenarioResult result;
  result.figures = {messages, curve};
  result.text =
      "As many letters of 256 bytes as go one way between agents on two nodes, encrypted; ZeroMQ's "
      "own sockets and raw TCP between two threads beside it.";
  return result;
}

}  // namespace troupe::bench::link
