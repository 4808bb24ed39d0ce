// A scenario: one workload with its measurement, under a name that `troupe bench` runs it by.
//
// Rig V scenarios (`troupe bench sim`) run policies in the simulator: exact, the same on every
// machine. Rig C scenarios (`troupe bench lanes`) run real devices and the real node: as good as
// the machine is quiet. bench/scenarios lists both. Rig K scenarios (`troupe bench encode`, `act`
// and `recall`) run the CPU kernels alone, on one thread; bench/compute lists them.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "base/time.hpp"
#include "bench/harness/arrivals.hpp"
#include "bench/harness/progress.hpp"
#include "bench/report/chart.hpp"
#include "bench/report/figure.hpp"

namespace troupe::bench::harness {

struct RunOptions {
  std::uint64_t seed = 1;
  // What to run beside each other, ours first; all known. Empty only where a rig has none.
  std::vector<std::string> policies;
  // Real arrivals to replay in place of the scenario's own; scenarios that have no use for them
  // ignore them.
  std::shared_ptr<const std::vector<Arrival>> trace{};
  std::uint32_t pairs = 10;              // of rigs C and K: runs of A and B
  std::optional<Duration> run_length{};  // of the same: each run; otherwise the scenario's own
  bool quick = false;                    // as little as shows that it runs
  // Set when the user gave up; scenarios look at it between runs and end with `canceled`.
  const std::atomic<bool>* interrupted = nullptr;

  [[nodiscard]] bool is_interrupted() const noexcept {
    return interrupted != nullptr && interrupted->load(std::memory_order_relaxed);
  }
};

struct ScenarioResult {
  std::vector<report::Figure> figures;
  std::vector<report::Chart> charts;  // their names begin with the scenario's
  std::string text;                   // what was run, for the report
};

struct Scenario {
  std::string_view name;     // one word or words joined by '-'
  std::string_view summary;  // one line
  Result<ScenarioResult> (*run)(const RunOptions& options, Progress& progress) = nullptr;
};

// What a scenario ends with when is_interrupted().
inline Error interrupted_error() {
  return {ErrorCode::canceled, "the run was interrupted", "run it again; nothing was kept"};
}

}  // namespace troupe::bench::harness
