// metrics: answers a second while somebody scrapes /metrics ten times a second, which is 150 times
// as often as Prometheus does by default, and while nobody does. The counting itself cannot be
// turned off.
#include <atomic>
#include <thread>

#include "bench/harness/paired.hpp"
#include "bench/http/rig.hpp"
#include "bench/http/scenarios.hpp"
#include "bench/report/figure.hpp"

namespace troupe::bench::http {
namespace {

constexpr std::uint32_t connections = 64;
constexpr Duration interval = std::chrono::milliseconds(100);
constexpr const char* scrape = "GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";

// Asks for the metrics until it goes.
class Scraper {
 public:
  explicit Scraper(std::uint16_t port) : thread_([this, port] { run(port); }) {}
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

  void run(std::uint16_t port) {
    while (!ending_ && failed_) {
      if (auto answer = ask_once(port, scrape); !answer) failed_ = answer.error();
      ++scrapes_;
      std::this_thread::sleep_for(interval);
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
  const Load load = load_of((*rig)->port(), connections, options);
  std::uint64_t scrapes = 0;
  const auto rate = [&]() -> Result<double> {
    const auto run = run_load(load, options);
    if (!run) return run.error();
    return run->answers_per_s;
  };
  const auto samples = harness::run_pairs<double>(
      options.pairs,
      [&]() -> Result<double> {
        Scraper scraper(load.port);
        auto answers_per_s = rate();
        const auto scraped = scraper.end();
        if (!scraped) return scraped.error();
        scrapes += *scraped;
        return answers_per_s;
      },
      rate,
      [&](std::size_t done) {
        progress.at(static_cast<double>(done) / static_cast<double>(2 * options.pairs),
                    "64 connections");
      });
  if (!samples) return samples.error();
  const auto comparison = harness::compare(*samples);
  auto figure = report::figure("metrics", "answers/s while scraped ten times a second / never",
                               report::Comparison::at_least, 0.98);
  figure.value = comparison.ratio.median;
  figure.detail = "median of " + std::to_string(options.pairs) + " pairs " +
                  harness::spread_text(comparison.ratio) + "; scraped " +
                  harness::spread_text(comparison.a) + ", never " +
                  harness::spread_text(comparison.b) + " answers/s; " + std::to_string(scrapes) +
                  " scrapes";
  ScenarioResult result;
  result.figures = {figure};
  result.text = "64 connections in closed loops, with and without somebody who reads the metrics.";
  return result;
}

}  // namespace troupe::bench::http
