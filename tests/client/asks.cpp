// A program that a test can kill: asks a cluster for the tasks 1 to N, under ids of its own, a few
// at a time, and writes a line for each outcome. Usage: asks CLUSTER_FILE COUNT
// [TRACEPARENT]
// With COUNT 0 it goes on until its stdin ends.
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>

#include "client/client.hpp"

namespace {

// The same in every life of the program: a task is known by it.
constexpr std::uint64_t name_of_ids = 0x7465737473;

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3 && argc != 4) return 2;
  const auto trace = troupe::parse_traceparent(argc == 4 ? argv[3] : "");
  if (argc == 4 && !trace) return 2;
  auto client = troupe::connect(argv[1]);
  if (!client) {
    std::cerr << client.error().to_string() << '\n';
    return 1;
  }
  const auto count = static_cast<std::uint64_t>(std::atoll(argv[2]));
  std::atomic<bool> enough{false};
  std::thread listener;
  if (count == 0)
    listener = std::thread([&enough] {
      while (std::cin.get() != std::istream::traits_type::eof()) {
      }
      enough = true;
    });
  troupe::Outcomes outcomes(**client, 64);
  bool well = true;
  const auto tell = [&](const troupe::TaskOutcome& outcome) {
    if (!outcome.result) std::cerr << outcome.result.error().to_string() << '\n';
    well = well && outcome.result.has_value();
    std::cout << outcome.id.low << std::endl;  // flushed: the test reads along
  };
  for (std::uint64_t i = 1; count == 0 ? !enough : i <= count; ++i) {
    troupe::TaskRequest request;
    request.id = {name_of_ids, i};
    request.model = "tiny";
    request.work = troupe::Encode{"text " + std::to_string(i)};
    if (trace) request.trace = *trace;
    outcomes.submit(std::move(request));
    if (const auto outcome = outcomes.next(troupe::Duration::zero())) tell(*outcome);
  }
  while (const auto outcome = outcomes.next()) tell(*outcome);
  if (listener.joinable()) listener.join();
  return well ? 0 : 1;
}
