#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "apps/doctor/examine.hpp"
#include "config/rules.hpp"
#include "gateway/grpc/grpc_door.hpp"

namespace troupe::apps::doctor {
namespace {

constexpr int unresolved = -1;

// 0 when one can listen there now, else what the system says.
int try_to_bind(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const char* const name = host.empty() || host == "*" ? nullptr : host.c_str();
  if (::getaddrinfo(name, std::to_string(port).c_str(), &hints, &found) != 0) return unresolved;
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, ::freeaddrinfo);
  const int socket = ::socket(found->ai_family, found->ai_socktype | SOCK_CLOEXEC, 0);
  if (socket < 0) return errno;
  const int yes = 1;  // as the program: what only waits for its last packets is no obstacle
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  int failed = 0;
  if (::bind(socket, found->ai_addr, found->ai_addrlen) != 0 || ::listen(socket, 1) != 0)
    failed = errno;
  ::close(socket);
  return failed;
}

struct Port {
  std::string what;  // "urgent lane"
  std::string host;
  std::uint16_t port = 0;
};

std::string describe(const Port& port, int failed) {
  const std::string where = port.what + " " + port.host + ":" + std::to_string(port.port);
  if (failed == 0) return where + " is free";
  if (failed == unresolved) return where + ": there is no such host";
  std::string text = std::strerror(failed);  // NOLINT(concurrency-mt-unsafe): one thread
  return where + ": " + text;
}

std::string advice(int failed) {
  if (failed == EADDRINUSE)
    return "end the other program that has it (ss -ltnp names it), or choose another port";
  if (failed == EACCES) return "choose a port from 1024 up, or give the program the right to it";
  if (failed == unresolved || failed == EADDRNOTAVAIL)
    return "let `host` name an address of this machine (ip address lists them)";
  return "choose another port or another address";
}

std::vector<Port> ports_of(const config::Config& config, const config::NodeConfig& node) {
  std::vector<Port> ports = {{"urgent lane", node.host, node.urgent_port},
                             {"ordinary lane", node.host, node.ordinary_port}};
  if (const auto http = config::parse_listen(http_of(config, node.name)))
    ports.push_back({"HTTP", http->host, http->port});
  if (const auto grpc = config::parse_listen(grpc_of(config, node.name)))
    ports.push_back({"gRPC", grpc->host, grpc->port});
  return ports;
}

Finding examine_node(const config::Config& config, const config::NodeConfig& node,
                     const std::function<bool(const std::string&)>& is_running) {
  Finding finding{.about = "node " + node.name};
  finding.facts = {{"node", node.name}, {"ports", nlohmann::json::array()}};
  bool in_use = false;
  for (const Port& port : ports_of(config, node)) {
    const int failed = try_to_bind(port.host, port.port);
    in_use = in_use || failed == EADDRINUSE;
    finding.says += (finding.says.empty() ? "" : "; ") + describe(port, failed);
    finding.facts["ports"].push_back(
        {{"what", port.what}, {"host", port.host}, {"port", port.port}, {"free", failed == 0}});
    if (failed == 0) continue;
    finding.verdict = Verdict::wrong;
    if (finding.next_step.empty()) finding.next_step = advice(failed);
  }
  if (!grpc_of(config, node.name).empty() && !gateway::has_grpc()) {
    finding.verdict = Verdict::wrong;
    finding.says += "; this program was built without gRPC";
    finding.next_step = "build it with gRPC (docs/grpc.md), or leave `grpc` and [grpc] empty";
  } else if (in_use && is_running(node.name)) {
    finding.verdict = Verdict::good;
    finding.says = "runs, and has its ports";
    finding.next_step.clear();
    finding.facts["runs"] = true;
  }
  return finding;
}

}  // namespace

std::vector<std::string> nodes_of_this_machine(const config::Config& config) {
  std::vector<std::string> names;
  for (const auto& node : config.nodes) {
    const int failed = try_to_bind(node.host, 0);
    if (failed != EADDRNOTAVAIL && failed != unresolved) names.push_back(node.name);
  }
  return names;
}

void examine_ports(const config::Config& config, const std::vector<std::string>& nodes,
                   const std::function<bool(const std::string& node)>& is_running,
                   Findings& findings) {
  for (const auto& node : config.nodes)
    if (std::find(nodes.begin(), nodes.end(), node.name) != nodes.end())
      findings.push_back(examine_node(config, node, is_running));
}

}  // namespace troupe::apps::doctor
