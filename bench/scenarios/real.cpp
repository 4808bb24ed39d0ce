#include "bench/scenarios/real.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <ctime>
#include <limits>
#include <mutex>
#include <thread>

#include "actors/wakeup.hpp"
#include "base/clock.hpp"
#include "bench/report/number.hpp"
#include "bench/scenarios/ports.hpp"
#include "bench/scenarios/virtual.hpp"

namespace troupe::bench::scenarios {
namespace {

constexpr Duration connect_limit = std::chrono::seconds(10);
constexpr Duration answers_limit = std::chrono::seconds(3);  // after the last arrival
constexpr double lost_share_max = 0.001;

// How late the client sends counts as latency; the last stretch to an arrival is not slept.
constexpr Duration spin = std::chrono::microseconds(25);

void sleep_until(Instant until) {
  const Instant at = until - spin;
  constexpr Duration::rep second = 1'000'000'000;
  const Duration::rep ns = at.time_since_epoch().count();
  const timespec time{static_cast<std::time_t>(ns / second), static_cast<long>(ns % second)};
  if (at > now()) ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr);
  while (now() < until) continue;
}

// Takes the outcomes of an open loop. The tag of a task says which stream it is of, and when it was
// meant to arrive, since the start.
class Answers final : public actors::ReplySink {
 public:
  Answers(Instant start, std::size_t streams, harness::Window window)
      : start_(start), streams_(streams), window_(window) {
    for (std::size_t i = 0; i < streams; ++i) recorders_.emplace_back(window);
  }

  [[nodiscard]] std::uint64_t tag(std::size_t stream, Duration intended) const {
    return static_cast<std::uint64_t>(intended.count()) * streams_ + stream;
  }

  void sent() {
    const std::lock_guard lock(mutex_);
    ++missing_;
  }

  void refused(std::uint64_t tag) {
    const std::lock_guard lock(mutex_);
    recorders_[tag % streams_].refused(intended_of(tag));
    --missing_;
  }

  void deliver(std::vector<actors::Answer> answers) override {
    const Duration at = now() - start_;
    const std::lock_guard lock(mutex_);
    for (const auto& answer : answers) {
      auto& recorder = recorders_[answer.tag % streams_];
      if (answer.outcome.result) {
        recorder.answered(intended_of(answer.tag), at);
        if (answer.tag % streams_ == 0 && at >= window_.warm_up && at < window_.end) ++in_time_;
      } else {
        recorder.refused(intended_of(answer.tag));
      }
    }
    missing_ -= answers.size();
    if (missing_ == 0) all_there_.notify_all();
  }

  void wait_all(Duration limit) {
    std::unique_lock lock(mutex_);
    all_there_.wait_for(lock, limit, [this] { return missing_ == 0; });
  }

  // Of the first stream, answered within the window, whenever they arrived.
  [[nodiscard]] std::uint64_t in_time() const { return in_time_; }
  [[nodiscard]] const std::vector<harness::LatencyRecorder>& recorders() const {
    return recorders_;
  }

 private:
  [[nodiscard]] Duration intended_of(std::uint64_t tag) const {
    return Duration{static_cast<Duration::rep>(tag / streams_)};
  }

  const Instant start_;
  const std::size_t streams_;
  const harness::Window window_;
  std::mutex mutex_;
  std::condition_variable all_there_;
  std::vector<harness::LatencyRecorder> recorders_;  // guarded by mutex_, as all below
  std::uint64_t missing_ = 0;
  std::uint64_t in_time_ = 0;
};

}  // namespace

const std::string RealNode::name = "bench";

RealNode::~RealNode() {
  client_.reset();
  node_.reset();
}

Result<std::unique_ptr<RealNode>> RealNode::start(RealOptions options) {
  auto keys = transport::generate_keys();
  if (!keys) return keys.error();
  auto client_keys = transport::generate_keys();
  if (!client_keys) return client_keys.error();
  actors::NodeOptions base;
  base.name = name;
  base.link.keys = *keys;
  base.link.allowed = {{keys->public_key, name, transport::Role::node},
                       {client_keys->public_key, "client", transport::Role::client}};
  if (options.device)
    base.devices_open = {options.device};
  else
    base.devices = {"cpu"};
  if (!options.model_folder.empty()) base.models = {{"encoder", options.model_folder}};
  base.modules = std::move(options.modules);
  base.scheduling.tasks_max = options.tasks_max;
  if (options.policy != "troupe")
    base.policy = [policy = options.policy, most = options.tasks_max] {
      return make_policy(policy, most);
    };

  std::unique_ptr<RealNode> real(new RealNode);
  for (int attempt = 1; real->node_ == nullptr; ++attempt) {
    const transport::Endpoint endpoint{"127.0.0.1", next_port(), next_port()};
    actors::NodeOptions these = base;
    these.cluster = {{name, endpoint, {keys->public_key}}};
    auto node = actors::Node::start(std::move(these), real->log_);
    if (node) {
      real->node_ = std::move(*node);
    } else if (node.error().code != ErrorCode::io || attempt == port_attempts) {
      return node.error();
    } else {
      continue;
    }
    if (!options.client) break;
    ClientOptions reach;
    reach.public_key = client_keys->public_key.z85;
    reach.secret_key = client_keys->secret_z85;
    reach.nodes = {
        {name, endpoint.host, endpoint.urgent_port, endpoint.ordinary_port, keys->public_key.z85}};
    auto client = Client::open(std::move(reach));
    if (!client) return client.error();
    real->client_ = std::move(*client);
    if (auto up = real->client_->wait_connected(name, connect_limit); !up) return up.error();
  }
  return real;
}

TaskRequest small_task() {
  TaskRequest task;
  task.work = Recall{"none/0", {1.0F}, 1};
  return task;
}

Result<RealRun> run_open_loop(RealNode& real, const std::vector<RealStream>& streams,
                              Duration warm_up, Duration length, const RunOptions& options) {
  std::vector<harness::OpenLoop> loops;
  for (std::size_t i = 0; i < streams.size(); ++i) {
    auto arrivals =
        harness::Arrivals::make(harness::Poisson{streams[i].per_second}, options.seed + i);
    if (!arrivals) return arrivals.error();
    loops.emplace_back(std::move(*arrivals), length);
  }
  RealRun run;
  bool interrupted = false;
  const Instant start = now() + std::chrono::milliseconds(5);
  const auto answers =
      std::make_shared<Answers>(start, streams.size(), harness::Window{warm_up, length});
  // A thread of its own, because how precisely it wakes is set for a whole thread.
  std::thread sender([&] {
    actors::name_thread("sender");
    actors::wake_precisely();
    std::vector<std::uint64_t> numbers(streams.size());
    harness::Usage before;
    bool warm = false;
    while (!interrupted) {
      std::size_t first = 0;
      for (std::size_t i = 1; i < loops.size(); ++i)
        if (loops[i].next_due() &&
            (!loops[first].next_due() || *loops[i].next_due() < *loops[first].next_due()))
          first = i;
      const auto due = loops[first].next_due();
      if (!due) break;
      if (!warm && *due >= warm_up) {
        warm = true;
        before = harness::process_usage();
      }
      Instant at = now();
      if (at < start + *due) {
        sleep_until(start + *due);
        at = now();
      }
      while (const auto arrival = loops[first].take(*due)) {
        if (arrival->at >= warm_up)
          run.sent_late.add(std::max(at - start - arrival->at, Duration{}));
        const auto tag = answers->tag(first, arrival->at);
        answers->sent();
        if (!real.node().submit(streams[first].make(numbers[first]++), {answers, tag}))
          answers->refused(tag);
        interrupted = options.is_interrupted();
      }
    }
    run.used = harness::process_usage() - before;
  });
  sender.join();
  if (!interrupted) answers->wait_all(answers_limit);
  real.node().stop();  // what is still missing is answered as draining
  if (interrupted) return harness::interrupted_error();
  for (const auto& recorder : answers->recorders()) {
    RealStreamResult result;
    result.latency = recorder.latency();
    result.offered = recorder.offered();
    result.answered = recorder.answered();
    result.lost = recorder.refused() + recorder.unanswered();
    run.streams.push_back(std::move(result));
  }
  run.answers_per_s = static_cast<double>(answers->in_time()) * 1e9 /
                      static_cast<double>((length - warm_up).count());
  return run;
}

double quantile_ms(const RealStreamResult& stream, double q) {
  const double lost = static_cast<double>(stream.lost);
  if (stream.answered == 0 || lost > lost_share_max * static_cast<double>(stream.offered))
    return std::numeric_limits<double>::quiet_NaN();
  return in_ms(stream.latency.quantile(q));
}

std::string conditions_of(const RealRun& run) {
  return "the client sent " + report::number_text(in_ms(run.sent_late.quantile(0.5))) +
         " ms late at p50, " + report::number_text(in_ms(run.sent_late.quantile(0.99))) +
         " ms at p99; " + std::to_string(run.used.switches_involuntary) + " involuntary switches";
}

}  // namespace troupe::bench::scenarios
