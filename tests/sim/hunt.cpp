// Runs seeds 1 to N until one breaks a promise: the program that mutants.py builds around a broken
// scheduler. Prints "caught CHECKER seed S: what" for the first violation and goes on until the
// checker named on the command line, if any, has spoken.
//
//   sim_hunt SEEDS [CHECKER]      exit code 0: nothing found; 3: caught
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/sim/judge.hpp"

int main(int argc, char** argv) {
  const std::uint64_t seeds = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 300;
  const std::string wanted = argc > 2 ? argv[2] : "";
  std::string last;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const auto judgement = troupe::sim::judge(troupe::sim::draw_configuration(seed));
    if (!judgement.violation) continue;
    const auto& violation = *judgement.violation;
    if (violation.checker != last)
      std::printf("caught %s seed %llu: %s\n", violation.checker.c_str(),
                  static_cast<unsigned long long>(seed), violation.what.c_str());
    std::fflush(stdout);
    last = violation.checker;
    if (wanted.empty() || violation.checker == wanted) return 3;
  }
  return last.empty() ? 0 : 4;
}
