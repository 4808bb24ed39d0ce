// A program that asks a cluster for urgent tasks, one after another, until it has learnt how long
// they take. Then it writes "ready" and waits for a line on its stdin; then it gives a task to NODE
// and goes on asking OTHER until that has its outcome. It writes that node's "answered", or the
// error's code, and how many tasks and how many outcomes there were.
// Usage: urgent CLUSTER_FILE NODE OTHER
#include <atomic>
#include <iostream>
#include <string>

#include "client/client.hpp"

namespace {

troupe::TaskRequest urgent() {
  troupe::TaskRequest request;
  request.model = "tiny";
  request.work = troupe::Encode{"a text editor"};
  request.lane = troupe::Lane::urgent;
  return request;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  auto client = troupe::connect(argv[1]);
  if (!client) {
    std::cerr << client.error().to_string() << '\n';
    return 1;
  }
  for (const char* node : {argv[2], argv[3]})
    if (auto up = (*client)->wait_connected(node, std::chrono::seconds(20)); !up) {
      std::cerr << up.error().to_string() << '\n';
      return 1;
    }
  std::atomic<int> asked{0}, came{0};
  const auto ask = [&](const char* node) {
    ++asked;
    auto outcome = (*client)->submit(urgent(), node).outcome.get();
    ++came;
    if (!outcome.result) std::cerr << outcome.result.error().to_string() << '\n';
  };
  for (int i = 0; i < 200; ++i) ask(argv[2]);
  std::cout << "ready" << std::endl;  // flushed: the test reads along
  std::string line;
  std::getline(std::cin, line);
  std::atomic<bool> done{false};
  ++asked;
  (*client)->submit(
      urgent(),
      [&](const troupe::TaskOutcome& outcome) {
        std::cout << (outcome.result ? "answered" : troupe::name(outcome.result.error().code))
                  << std::endl;
        ++came;
        done = true;
      },
      argv[2]);
  while (!done) ask(argv[3]);
  std::getline(std::cin, line);
  for (int i = 0; i < 20; ++i) ask(argv[2]);
  std::cout << asked << ' ' << came << std::endl;
  return 0;
}
