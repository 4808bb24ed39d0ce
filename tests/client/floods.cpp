// A program that keeps a node busy until a test is done with it: gives it many long texts in the
// ordinary lane and writes "last ID", the id of the last one. When that one has its outcome it
// writes the code, or "completed", and when all have, how many outcomes there were.
// Usage: floods CLUSTER_FILE NODE COUNT
#include <cstdlib>
#include <iostream>
#include <string>

#include "base/id.hpp"
#include "client/client.hpp"

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  auto client = troupe::connect(argv[1]);
  if (!client) {
    std::cerr << client.error().to_string() << '\n';
    return 1;
  }
  if (auto up = (*client)->wait_connected(argv[2], std::chrono::seconds(20)); !up) {
    std::cerr << up.error().to_string() << '\n';
    return 1;
  }
  const int count = std::atoi(argv[3]);
  std::string text;
  for (int word = 0; word < 40; ++word) text += "a text editor ";
  troupe::Outcomes outcomes(**client, static_cast<std::size_t>(count));
  troupe::TaskId last;
  for (int i = 0; i < count; ++i) {
    troupe::TaskRequest request;
    request.model = "tiny";
    request.work = troupe::Encode{text};
    request.lane = troupe::Lane::ordinary;
    last = outcomes.submit(std::move(request), argv[2]);
  }
  std::cout << "last " << troupe::to_string(last) << std::endl;  // flushed: the test reads along
  int came = 0;
  while (const auto outcome = outcomes.next()) {
    ++came;
    if (outcome->id != last) continue;
    std::cout << (outcome->result ? "completed" : troupe::name(outcome->result.error().code))
              << std::endl;
  }
  std::cout << came << std::endl;
  return 0;
}
