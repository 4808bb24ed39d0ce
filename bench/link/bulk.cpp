// bulk: letters of 64 KiB, as many as go one way, beside raw TCP and ZeroMQ alone with CURVE.
// urgent: a small urgent letter every millisecond, on an idle link and on one that is full of such
// bulk; and what the bulk loses by it.
//
// The loopback interface is as fast as the two cores, so a full link there is a full machine.
//
// shaped: the same over a wire of 1 Gbit/s (wire.hpp), which is full while the machine is not.
#include <atomic>
#include <thread>

#include "base/clock.hpp"
#include "bench/harness/paired.hpp"
#include "bench/link/link_pair.hpp"
#include "bench/link/scenarios.hpp"
#include "bench/report/figure.hpp"
#include "bench/rivals/direct_zmq.hpp"
#include "bench/rivals/raw_tcp.hpp"

namespace troupe::bench::link {
namespace {

constexpr std::size_t bulk_bytes = std::size_t{64} << 10;
constexpr std::size_t urgent_bytes = 256;
constexpr Duration urgent_interval = std::chrono::milliseconds(1);
constexpr std::uint64_t wire_megabits_per_s = 1000;
constexpr Duration run_usual = std::chrono::milliseconds(1500);
constexpr Duration run_quick = std::chrono::milliseconds(50);

struct Traffic {
  double bulk_per_s = 0;
  harness::LatencyHistogram urgent;  // one way: both ends have this process's clock
};

// Bulk from a thread of its own that sends whenever the outbox takes more.
class Feeder {
 public:
  Feeder(LinkPair& pair, bool feeding) {
    if (feeding) thread_ = std::thread([this, &pair] { run(pair); });
  }
  ~Feeder() {
    ending_ = true;
    if (thread_.joinable()) thread_.join();
  }
  Feeder(const Feeder&) = delete;
  Feeder& operator=(const Feeder&) = delete;

 private:
  void run(LinkPair& pair) {
    const auto message = letter(bulk_bytes);
    while (!ending_)
      if (!pair.send(Lane::ordinary, message))
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  std::atomic<bool> ending_{false};
  std::thread thread_;
};

Result<Traffic> run_traffic(bool bulk, bool urgent, Duration length, const RunOptions& options,
                            const Wire* wire = nullptr) {
  Traffic traffic;
  std::atomic<std::uint64_t> bulk_arrived{0};
  std::atomic<bool> measuring{false};
  // `reply` carries when an urgent letter left. The far end's thread alone writes the histogram.
  auto pair = LinkPair::open(
      [&](const transport::AgentMessage& message) {
        if (message.reply == 0) {
          bulk_arrived.fetch_add(1, std::memory_order_relaxed);
        } else if (measuring) {
          const Duration left{static_cast<Duration::rep>(message.reply)};
          traffic.urgent.add(now().time_since_epoch() - left);
        }
      },
      wire);
  if (!pair) return pair.error();
  {
    const Feeder feeder(**pair, bulk);
    auto message = letter(urgent_bytes);
    const Instant start = now();
    const Instant begin = start + length / 4;
    const Instant end = begin + length;
    std::uint64_t before = 0;
    for (Instant due = start; due < end; due += urgent_interval) {
      if (options.is_interrupted()) return harness::interrupted_error();
      std::this_thread::sleep_until(std::chrono::steady_clock::time_point(due.time_since_epoch()));
      if (!measuring && due >= begin) {
        before = bulk_arrived;
        measuring = true;
      }
      if (!urgent) continue;
      message.reply = static_cast<std::uint64_t>(now().time_since_epoch().count());
      if (auto sent = (*pair)->send(Lane::urgent, message); !sent) return sent.error();
    }
    traffic.bulk_per_s = static_cast<double>(bulk_arrived - before) * 1e9 /
                         static_cast<double>((now() - begin).count());
  }
  pair->reset();  // then nobody writes any more
  return traffic;
}

Duration run_length(const RunOptions& options) {
  return options.quick ? run_quick : options.run_length.value_or(run_usual);
}

double p50_us(const harness::LatencyHistogram& latency) {
  return static_cast<double>(latency.quantile(0.5).count()) / 1e3;
}

// An urgent letter each millisecond beside bulk, and either alone, in turns.
struct Beside {
  std::vector<double> slower;  // urgent p50 beside bulk / alone
  std::vector<double> kept;    // bulk beside urgent / alone
  std::vector<double> idle_us;
  std::vector<double> loaded_us;
  std::vector<double> bulk_mb_per_s;
  harness::LatencyHistogram idle_all;
  harness::LatencyHistogram loaded_all;
};

Result<Beside> run_beside(const RunOptions& options, Progress& progress, const Wire* wire) {
  const Duration length = run_length(options);
  Beside beside;
  for (std::uint32_t round = 0; round < options.pairs; ++round) {
    progress.at(static_cast<double>(round) / static_cast<double>(options.pairs),
                "urgent beside bulk");
    const auto idle = run_traffic(false, true, length, options, wire);
    if (!idle) return idle.error();
    const auto loaded = run_traffic(true, true, length, options, wire);
    if (!loaded) return loaded.error();
    const auto alone = run_traffic(true, false, length, options, wire);
    if (!alone) return alone.error();
    beside.idle_us.push_back(p50_us(idle->urgent));
    beside.loaded_us.push_back(p50_us(loaded->urgent));
    beside.idle_all.merge(idle->urgent);
    beside.loaded_all.merge(loaded->urgent);
    beside.slower.push_back(beside.loaded_us.back() / beside.idle_us.back());
    beside.kept.push_back(loaded->bulk_per_s / alone->bulk_per_s);
    beside.bulk_mb_per_s.push_back(alone->bulk_per_s * static_cast<double>(bulk_bytes) / 1e6);
  }
  return beside;
}

std::vector<report::Figure> beside_figures(const Beside& beside, const std::string& id,
                                           const std::string& where) {
  const std::string rounds = "median of " + std::to_string(beside.slower.size()) + " rounds ";
  const auto p99 = [](const harness::LatencyHistogram& all) {
    return std::to_string(all.quantile(0.99).count() / 1000);
  };
  auto urgent = report::figure(id, "urgent p50 on " + where + " full of bulk / on an idle one",
                               report::Comparison::at_most, 1.5);
  const auto slower = harness::spread_of(beside.slower);
  urgent.value = slower.median;
  urgent.detail = rounds + harness::spread_text(slower) + "; one way, idle " +
                  harness::spread_text(harness::spread_of(beside.idle_us)) + ", full " +
                  harness::spread_text(harness::spread_of(beside.loaded_us)) + " us, p99 of all " +
                  p99(beside.idle_all) + " and " + p99(beside.loaded_all) + " us";
  auto bulk = report::figure(id, "bulk kept beside 1,000 urgent letters a second",
                             report::Comparison::at_least, 0.95);
  const auto kept = harness::spread_of(beside.kept);
  bulk.value = kept.median;
  bulk.detail = rounds + harness::spread_text(kept) + "; alone " +
                harness::spread_text(harness::spread_of(beside.bulk_mb_per_s)) + " MB/s";
  return {urgent, bulk};
}

}  // namespace

Result<ScenarioResult> run_bulk(const RunOptions& options, Progress& progress) {
  const Duration length = run_length(options);
  std::vector<double> curve_per_s;
  const auto samples = harness::run_pairs<double>(
      options.pairs,
      [&]() -> Result<double> {
        const auto curve = rivals::zmq_messages_per_s(rivals::Wire::curve, bulk_bytes, 1, length);
        if (!curve) return curve.error();
        curve_per_s.push_back(*curve);
        const auto traffic = run_traffic(true, false, length, options);
        if (!traffic) return traffic.error();
        return traffic->bulk_per_s;
      },
      [&] { return rivals::tcp_messages_per_s(bulk_bytes, length); },
      [&](std::size_t done) {
        progress.at(static_cast<double>(done) / static_cast<double>(2 * options.pairs),
                    "64 KiB, one way");
      });
  if (!samples) return samples.error();
  const auto comparison = harness::compare(*samples);
  std::vector<double> of_curve;
  for (std::size_t i = 0; i < samples->size(); ++i)
    of_curve.push_back((*samples)[i].first / curve_per_s[i]);
  auto figure = report::figure("bulk", "letters/s of 64 KiB over our link / raw TCP",
                               report::Comparison::at_least, 0.45);
  figure.value = comparison.ratio.median;
  figure.detail = "median of " + std::to_string(options.pairs) + " pairs " +
                  harness::spread_text(comparison.ratio) + "; ours, encrypted, " +
                  harness::spread_text(comparison.a) + ", TCP " +
                  harness::spread_text(comparison.b) + ", ZeroMQ with CURVE " +
                  harness::spread_text(harness::spread_of(curve_per_s)) + " /s: ours / that " +
                  harness::spread_text(harness::spread_of(of_curve));
  ScenarioResult result;
  result.figures = {figure};
  result.text = "Letters of 64 KiB one way over the production link, encrypted, and over raw TCP.";
  return result;
}

Result<ScenarioResult> run_urgent_lane(const RunOptions& options, Progress& progress) {
  const auto beside = run_beside(options, progress, nullptr);
  if (!beside) return beside.error();
  ScenarioResult result;
  result.figures = beside_figures(*beside, "urgent", "a link");
  result.text =
      "An urgent letter of 256 bytes each millisecond, on an idle link and beside letters of 64 "
      "KiB as fast as they go.";
  return result;
}

Result<ScenarioResult> run_shaped(const RunOptions& options, Progress& progress) {
  ScenarioResult result;
  result.text =
      "The same over a wire of 1 Gbit/s, 125 MB/s, between two network namespaces: one queue in "
      "front of it, which both lanes share.";
  const auto wire = Wire::make(wire_megabits_per_s);
  Beside beside;
  if (wire) {
    auto measured = run_beside(options, progress, wire->get());
    if (!measured) return measured.error();
    beside = std::move(*measured);
  }
  result.figures = beside_figures(beside, "shaped", "a wire of 1 Gbit/s");
  if (!wire)
    for (auto& figure : result.figures)
      figure =
          report::unmeasured(std::move(figure), wire.error().what + "; " + wire.error().next_step);
  return result;
}

}  // namespace troupe::bench::link
