// Writes a letter to each agent that it is given, and stays until its stdin ends: for tests of
// clusters of real processes. Usage: writes CLUSTER_FILE TOPIC BODY TYPE/KEY...
#include <chrono>
#include <cstdio>

#include "client/client.hpp"

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  auto client = troupe::connect(argv[1]);
  if (!client) return 1;
  for (int i = 4; i < argc; ++i) {
    const auto agent = troupe::parse_agent_id(argv[i]);
    if (!agent) return 2;
    if (!(*client)->wait_connected("", std::chrono::seconds(20))) return 3;
    const auto sent = (*client)->send(*agent, argv[2], argv[3]);
    if (!sent) {
      std::fprintf(stderr, "%s\n", sent.error().to_string().c_str());
      return 1;
    }
  }
  // Whoever runs this looks whether they have come: agents need not answer.
  while (std::getchar() != EOF) {
  }
  return 0;
}
