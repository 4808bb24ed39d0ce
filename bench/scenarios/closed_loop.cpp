#include "bench/scenarios/closed_loop.hpp"

#include <atomic>
#include <deque>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "bench/scenarios/real.hpp"
#include "bench/scenarios/sleeping_device.hpp"

namespace troupe::bench::scenarios {
namespace {

constexpr Duration end_limit = std::chrono::seconds(10);
constexpr Duration look = std::chrono::milliseconds(100);  // for an interrupt
constexpr std::string_view agent_type = "loop";

// What the agents share with who measures them.
struct Shared {
  const ClosedLoop& loop;
  std::atomic<bool> measuring{false};
  std::atomic<bool> ending{false};
  std::atomic<bool> failed{false};
  struct alignas(64) Mine {  // one agent's; a line of its own, so that counting costs nothing
    std::atomic<std::uint64_t> done{0};
    harness::LatencyHistogram latency;  // read when the agents have ended
  };
  std::deque<Mine> agents;
};

class Loop final : public actors::Agent {
 public:
  Loop(Shared& shared, std::size_t number) : shared_(shared), mine_(shared.agents[number]) {}

  void on_message(actors::Context& context, const actors::AgentMail& mail) override {
    asked_ = mail.from;
    while (out_ < shared_.loop.window && ask(context)) continue;
    if (out_ == 0) answer(context);
  }

  void on_outcome(actors::Context& context, const TaskOutcome& outcome) override {
    --out_;
    if (!outcome.result) shared_.failed = true;
    // One writer, so it need not be one atomic step.
    mine_.done.store(mine_.done.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    if (shared_.loop.timed && shared_.measuring.load(std::memory_order_relaxed)) {
      for (const Sent& one : sent_)
        if (one.id == outcome.id) mine_.latency.add(context.now() - one.at);
    }
    std::erase_if(sent_, [&](const Sent& one) { return one.id == outcome.id; });
    if (!shared_.ending.load(std::memory_order_relaxed) && !shared_.failed) ask(context);
    if (out_ == 0) answer(context);
  }

 private:
  struct Sent {
    TaskId id;
    Instant at;
  };

  bool ask(actors::Context& context) {
    TaskRequest task = small_task();
    if (const auto every = shared_.loop.urgent_one_in; every > 0 && ++asked_tasks_ % every == 0)
      task.lane = Lane::urgent;
    Instant at;
    if (shared_.loop.timed) at = context.now();
    if (shared_.loop.watch != nullptr) shared_.loop.watch->asked(context.now());
    const auto id = context.submit(std::move(task));
    if (!id) {
      shared_.failed = true;
      return false;
    }
    ++out_;
    if (shared_.loop.timed) sent_.push_back({*id, at});
    return true;
  }

  void answer(actors::Context& context) {
    if (!context.reply(asked_, "done", "")) shared_.failed = true;
  }

  Shared& shared_;
  Shared::Mine& mine_;
  actors::Sender asked_;
  std::uint32_t out_ = 0;
  std::uint64_t asked_tasks_ = 0;
  std::vector<Sent> sent_;
};

class LoopModule final : public actors::AgentModule {
 public:
  explicit LoopModule(Shared& shared) : shared_(shared) {}
  [[nodiscard]] std::string_view type() const override { return agent_type; }
  std::unique_ptr<actors::Agent> create(const AgentId& id) override {
    return std::make_unique<Loop>(shared_, std::stoul(id.key));
  }

 private:
  Shared& shared_;
};

std::uint64_t done_by_all(const Shared& shared) {
  std::uint64_t done = 0;
  for (const auto& one : shared.agents) done += one.done.load(std::memory_order_relaxed);
  return done;
}

// False if the user gave up.
bool pass(Duration length, const RunOptions& options) {
  const Instant end = now() + length;
  for (Instant at = now(); at < end && !options.is_interrupted(); at = now())
    std::this_thread::sleep_for(std::min(look, end - at));
  return !options.is_interrupted();
}

}  // namespace

Result<ClosedLoopResult> run_closed_loop(const ClosedLoop& loop, const RunOptions& options) {
  Shared shared{loop, {}, {}, {}, {}};
  for (std::uint32_t i = 0; i < loop.agents; ++i) shared.agents.emplace_back();
  RealOptions node;
  node.policy = loop.policy;
  node.tasks_max = loop.tasks_max;
  node.device = loop.device;
  node.modules = {std::make_shared<LoopModule>(shared)};
  node.client = true;
  auto real = RealNode::start(std::move(node));
  if (!real) return real.error();
  for (std::uint32_t i = 0; i < loop.agents; ++i)
    if (auto sent =
            (*real)->client().send({std::string(agent_type), std::to_string(i)}, "go", "", 1);
        !sent)
      return sent.error();

  bool whole = pass(loop.warm_up, options);
  if (loop.watch != nullptr) loop.watch->begin();
  shared.measuring = true;
  const auto used_before = harness::process_usage();
  const std::uint64_t done_before = done_by_all(shared);
  const Instant begin = now();
  whole = whole && pass(loop.length, options);
  const std::uint64_t done = done_by_all(shared) - done_before;
  const Duration took = now() - begin;
  ClosedLoopResult result;
  result.used = harness::process_usage() - used_before;
  shared.measuring = false;
  shared.ending = true;
  for (std::uint32_t ended = 0; ended < loop.agents; ++ended)
    if (!(*real)->client().receive(end_limit))
      return Error{ErrorCode::internal, "an agent got no outcome for its task", ""};
  if (!whole) return harness::interrupted_error();
  if (shared.failed)
    return Error{ErrorCode::internal, "a task of the closed loop was refused or failed", ""};
  real->reset();  // then nobody writes any more
  for (const auto& one : shared.agents) result.latency.merge(one.latency);
  result.tasks_per_s = static_cast<double>(done) * 1e9 / static_cast<double>(took.count());
  result.cpu_per_task =
      result.used.cpu() / static_cast<Duration::rep>(std::max<std::uint64_t>(done, 1));
  return result;
}

}  // namespace troupe::bench::scenarios
