// metrics: answers a second while somebody scrapes /metrics ten times a second, which is 150 times
// as often as Prometheus does by default, and while nobody does. The counting itself cannot be
// turned off.
//
// A scrape takes some hundred microseconds, far less than a machine's speed changes from one second
// to the next; so in one long run the two take turns five times a second.
#include <atomic>
#include <thread>

#include "base/clock.hpp"
#include "bench/harness/paired.hpp"
#include "bench/http/rig.hpp"
#include "bench/http/scenarios.hpp"
#include "bench/report/figure.hpp"

namespace troupe::bench::http {
namespace {

constexpr std::uint32_t connections = 64;
constexpr Duration turn = std::chrono::milliseconds(200);
constexpr int scrapes_a_turn = 2;
constexpr const char* scrape = "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";

// Asks for the metrics in every second turn, the first being without, until it goes.
class Scraper {
 public:
  Scraper(std::uint16_t port, Instant start) : thread_([this, port, start] { run(port, start); }) {}
  ~Scraper() { join(); }
  Scraper(const Scraper&) = delete;
  Scraper& operator=(const Scraper&) = delete;

  // How often it was answered. Errors: what kept it from an answer.
  Result<std::uint64_t> end() {
    join();
    if (!failed_) return failed_.error();
    return scrapes_;
  }

 private:
  void join() {
    ending_ = true;
    if (thread_.joinable()) thread_.join();
  }

  void run(std::uint16_t port, Instant start) {
    for (Instant turn_begins = start + turn; !ending_; turn_begins += 2 * turn) {
      for (int i = 0; i < scrapes_a_turn; ++i) {
        const Instant at = turn_begins + i * (turn / scrapes_a_turn);
        std::this_thread::sleep_until(std::chrono::steady_clock::time_point(at.time_since_epoch()));
        if (ending_) return;
        if (auto answer = ask_once(port, scrape); !answer) {
          failed_ = answer.error();
          return;
        }
        ++scrapes_;
      }
    }
  }

  std::atomic<bool> ending_{false};
  Status failed_;
  std::uint64_t scrapes_ = 0;
  std::thread thread_;
};

}  // namespace

Result<ScenarioResult> run_metrics(const RunOptions& options, Progress& progress) {
  auto rig = Rig::start();
  if (!rig) return rig.error();
  Load load = load_of((*rig)->port(), connections, options);
  const auto turns = static_cast<std::size_t>(2 * options.pairs * (load.length / turn + 1));
  std::vector<std::uint64_t> answers(turns);
  const Instant start = now() + load.warm_up;
  load.length = turn * static_cast<Duration::rep>(turns);
  load.on_answer = [&](Instant at) {
    const auto number = static_cast<std::size_t>((at - start) / turn);
    if (number >= turns) return;
    if (++answers[number] == 1)
      progress.at(static_cast<double>(number) / static_cast<double>(turns), "64 connections");
  };
  Scraper scraper(load.port, start);
  const auto run = run_load(load, options);
  const auto scraped = scraper.end();
  if (!run) return run.error();
  if (!scraped) return scraped.error();
  std::vector<std::pair<double, double>> samples;
  const double per_s = 1e9 / static_cast<double>(turn.count());
  for (std::size_t i = 0; i + 1 < turns; i += 2)
    samples.emplace_back(static_cast<double>(answers[i + 1]) * per_s,
                         static_cast<double>(answers[i]) * per_s);
  const auto comparison = harness::compare(samples);
  auto figure = report::figure("metrics", "answers/s while scraped ten times a second / never",
                               report::Comparison::at_least, 0.98);
  figure.value = comparison.ratio.median;
  figure.detail =
      "median of " + std::to_string(samples.size()) + " pairs of " +
      std::to_string(turn.count() / 1'000'000) + " ms " + harness::spread_text(comparison.ratio) +
      "; scraped " + harness::spread_text(comparison.a) + ", never " +
      harness::spread_text(comparison.b) + " answers/s; " + std::to_string(*scraped) + " scrapes";
  ScenarioResult result;
  result.figures = {figure};
  result.text = "64 connections in closed loops, with and without somebody who reads the metrics.";
  return result;
}

}  // namespace troupe::bench::http
