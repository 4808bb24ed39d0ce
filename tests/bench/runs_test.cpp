#include <cmath>

#include "bench/harness/machine.hpp"
#include "bench/harness/paired.hpp"
#include "bench/harness/progress.hpp"
#include "bench/harness/usage.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::bench::harness;
using namespace std::chrono_literals;

TEST_CASE("pairs are run in turns, and who goes first changes") {
  std::string order;
  std::vector<std::size_t> done;
  const auto pairs = run_pairs<char>(
      3, [&]() -> Result<char> { return order += 'a', 'a'; },
      [&]() -> Result<char> { return order += 'b', 'b'; },
      [&](std::size_t runs) { done.push_back(runs); });
  REQUIRE(pairs);
  CHECK(order == "abbaab");
  CHECK(done == std::vector<std::size_t>{0, 1, 2, 3, 4, 5});
  REQUIRE(pairs->size() == 3);
  for (const auto& [a, b] : *pairs) CHECK((a == 'a' && b == 'b'));
}

TEST_CASE("the first run that fails ends the pairs") {
  int runs = 0;
  const auto sound = [&]() -> Result<int> { return ++runs; };
  const auto broken = [&]() -> Result<int> { return Error{ErrorCode::io, "no", ""}; };
  CHECK(run_pairs<int>(5, sound, broken).error().code == ErrorCode::io);
  CHECK(runs == 1);
}

TEST_CASE("paired ratios see a difference that drift hides from the medians") {
  // The machine gets slower and slower; B takes 10 % longer throughout.
  std::vector<std::pair<double, double>> pairs;
  for (int i = 0; i < 11; ++i) {
    const double speed = 100 * std::pow(1.3, i);
    pairs.emplace_back(speed, 1.1 * speed);
  }
  const auto comparison = compare(pairs);
  CHECK(comparison.ratio.median == Approx(1 / 1.1));
  CHECK(comparison.ratio.low == Approx(comparison.ratio.high));
  CHECK(comparison.a.high > 10 * comparison.a.low);
}

TEST_CASE("spreads have the middle of an odd number and the mean of the middle two of an even") {
  CHECK(spread_of({3, 1, 2}).median == 2);
  CHECK(spread_of({4, 1, 3, 2}).median == 2.5);
  CHECK(spread_of({5}).low == 5);
  CHECK(std::isnan(spread_of({}).median));
  const std::vector<std::pair<double, double>> zero = {{1, 0}};
  CHECK(std::isnan(compare(zero).ratio.median));
  CHECK(spread_text({1.31, 1.24, 1.52}) == "1.31 (1.24 to 1.52)");
}

TEST_CASE("usage grows by the CPU that a loop takes") {
  const Usage before = thread_usage();
  volatile std::uint64_t sum = 0;
  Usage used;
  // Bounded, so that a machine whose accounting stands still fails instead of hanging.
  for (std::uint64_t i = 0; i < 40'000'000'000ULL && used.cpu() < 20ms; ++i) {
    sum = sum + i;
    if (i % 100000 == 0) used = thread_usage() - before;
  }
  CHECK(used.cpu() >= 20ms);
  CHECK(process_usage().cpu() >= used.cpu());
}

TEST_CASE("the machine is described in one line") {
  Machine machine;
  read_cpuinfo(
      "processor\t: 0\nmodel name\t: Intel(R)  Xeon(R)   CPU @ 2.20GHz\nflags\t\t: fpu hypervisor "
      "avx2\n\nprocessor\t: 1\nmodel name\t: Other\n",
      machine);
  CHECK(machine.cpu == "Intel(R) Xeon(R) CPU @ 2.20GHz");
  CHECK(machine.is_virtual);
  CHECK(machine.cores_all == 2);
  machine.cores = 1;
  machine.governor = "performance";
  machine.system = "Linux 6.1 x86_64";
  CHECK(describe(machine) ==
        "Intel(R) Xeon(R) CPU @ 2.20GHz, 1 of 2 cores, virtual, governor performance, "
        "Linux 6.1 x86_64");
  CHECK(describe({}).starts_with("unknown CPU"));
  read_cpuinfo("no colon\n:\n: \nmodel name", machine);  // is borne
  const Machine here = this_machine();
  CHECK(here.cores >= 1);
  CHECK(here.cores_all >= here.cores);
  CHECK(describe(here).find('\n') == std::string::npos);
}

TEST_CASE("a bar shows the share, the time and what is left of it") {
  const ProgressView view{"sweep", "eager-edf at 0.7", 2, 5, 0.31, 12s};
  CHECK(progress_bar(view, 100) ==
        "[2/5] sweep  [######--------------]  31 %  12 s, 26 s left  eager-edf at 0.7");
  CHECK(progress_line(view) == "[2/5] sweep: 31 %, 12 s, 26 s left: eager-edf at 0.7");
  CHECK(progress_bar(view, 40).size() <= 40);
  CHECK(progress_bar({"sweep", "", 0, 0, 1, 200s}, 79) ==
        "sweep  [####################] 100 %  3 min 20 s");
  // Too early to guess what is left.
  CHECK(progress_line({"sweep", "", 0, 0, 0.01, 3s}) == "sweep: 1 %, 3 s");
}

TEST_CASE("shares that make no sense are drawn at the edge") {
  CHECK(progress_bar({"s", "", 0, 0, 7, 0s}, 79).find("[####################] 100 %") !=
        std::string::npos);
  for (const double share : {-1.0, std::nan("")})
    CHECK(progress_bar({"s", "", 0, 0, share, 0s}, 79).find("[--------------------]   0 %") !=
          std::string::npos);
}

TEST_CASE("progress is told now and then, on a terminal more often") {
  for (const bool live : {true, false}) {
    std::vector<std::string> said;
    Instant now{};
    Progress progress([&](std::string_view line) { said.emplace_back(line); }, [&] { return now; },
                      live);
    progress.begin("sweep", 1, 2);
    REQUIRE(said.size() == 1);
    for (int i = 0; i < 1000; ++i) {
      now += 10ms;
      progress.at(i / 1000.0, "busy");
    }
    INFO(live);
    CHECK(said.size() == (live ? 101 : 3));
    CHECK((said.back().find('#') != std::string::npos) == live);
    CHECK(said.back().find("10 s") != std::string::npos);
  }
}
