// troupe node FILE --name NAME: one node of a cluster, in the foreground, until Ctrl-C or SIGTERM.
// SIGHUP makes it read its file again.
#include "actors/node.hpp"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>
#include <optional>

#include "actors/module_loader.hpp"
#include "apps/cluster.hpp"
#include "apps/end_of_input.hpp"
#include "apps/interrupts.hpp"
#include "apps/reloading.hpp"
#include "apps/verbs.hpp"
#include "apps/wiring.hpp"
#include "gateway/front_door.hpp"
#include "gateway/grpc/grpc_door.hpp"
#include "tracing/exporter.hpp"

namespace troupe::apps {
namespace {

constexpr Duration signal_wait = std::chrono::seconds(1);

// Linux lets timers be late by 50 us to save power; ours are what urgent work waits for. Inherited
// by every thread that starts after it.
void ask_for_exact_timers() {
  ::prctl(PR_SET_TIMERSLACK, 1000UL);
}

// Those of the config, ready to be handed to the node.
Result<std::vector<std::shared_ptr<actors::AgentModule>>> all_modules(const Config& config,
                                                                      Log& log) {
  auto modules = built_in_modules();
  const auto& files = config.agents.modules;
  auto loaded = actors::load_agent_modules(files, modules);
  if (!loaded) return loaded.error();
  for (std::size_t i = 0; i < files.size(); ++i)
    log.info("loaded a module of agents", {{"type", (*loaded)[i]->type()}, {"file", files[i]}});
  modules.insert(modules.end(), loaded->begin(), loaded->end());
  return modules;
}

}  // namespace

int run_node(const NodeOptions& options, Output& output) {
  Interrupts interrupts(Interrupts::Hangups::are_told);
  let_writes_fail();  // its log may go to a pipe
  const auto cluster = load_cluster(options.config);
  if (!cluster) return output.fail(cluster.error());
  const auto name = choose_node(cluster->config, options.name);
  if (!name) return output.fail(name.error());
  auto wiring = node_options(cluster->config, cluster->keys, *name);
  if (!wiring) return output.fail(wiring.error());
  // Asked over the link, it ends as by the signal that says the same.
  std::atomic<int> ends_with{exit_ok};
  wiring->on_end_asked = [&ends_with](actors::Ending how) {
    if (how == actors::Ending::restart) ends_with = exit_restart;
    ::kill(::getpid(), SIGTERM);
  };
  std::optional<EndOfInput> end_of_input;
  if (options.stop_at_eof) end_of_input.emplace([] { ::kill(::getpid(), SIGTERM); });
  auto http = front_door_options(cluster->config, *name);
  if (!http) return output.fail(http.error());

  const auto log = open_log(cluster->config, *name);
  Reloading reloading(options.config, *name, *cluster, wiring->link.keys.public_key, *log);
  wiring->on_reload = [&reloading] { return reloading.reload(); };
  ask_for_exact_timers();
  log->info("starting");
  auto modules = all_modules(cluster->config, *log);
  if (!modules) {
    log->error("the node cannot load its modules", modules.error());
    return exit_code(modules.error().code);
  }
  wiring->modules = std::move(*modules);
  const auto grpc_wanted = grpc_options(cluster->config, *name);
  if (grpc_wanted) {
    if (auto loaded = gateway::load_grpc(); !loaded) {
      log->error("the node cannot serve gRPC", loaded.error());
      return exit_code(loaded.error().code);
    }
  }
  const auto node = actors::Node::start(std::move(*wiring), *log);
  if (!node) {
    log->error("the node cannot start", node.error());
    return exit_code(node.error().code);
  }
  std::optional<tracing::Exporter> exporter;
  if (auto collector = exporter_options(cluster->config, *name)) {
    log->info("spans go to a collector", {{"endpoint", cluster->config.tracing.endpoint}});
    exporter.emplace(std::move(*collector), (*node)->tracer(), *log);
  }
  reloading.attach(**node);
  std::unique_ptr<gateway::FrontDoor> door;
  if (*http) {
    auto opened = gateway::FrontDoor::open(std::move(**http), **node, *log);
    if (!opened) {
      log->error("the node cannot serve HTTP", opened.error());
      return exit_code(opened.error().code);
    }
    door = std::move(*opened);
    reloading.attach(*door);
    const bool tls = !cluster->config.http.tls_certificate.empty();
    if (door->port() != 0)
      log->info(tls ? "serving HTTPS" : "serving HTTP", {{"port", door->port()}});
  }
  std::unique_ptr<gateway::GrpcDoor> grpc;
  if (grpc_wanted) {
    auto opened = gateway::open_grpc_door(*grpc_wanted, *door);
    if (!opened) {
      log->error("the node cannot serve gRPC", opened.error());
      return exit_code(opened.error().code);
    }
    grpc = std::move(*opened);
    log->info("serving gRPC", {{"port", grpc->port()}});
  }
  log->info("ready");
  while (!interrupts.wait(signal_wait))
    if (interrupts.take_hangup()) (void)reloading.reload();  // it logs what came of it
  log->info("stopping");
  if (door) {
    door->drain(cluster->config.http.drain_timeout);
    if (grpc) grpc->stop();
    door->stop();
  }
  (*node)->stop();
  log->info("stopped");
  return ends_with;
}

}  // namespace troupe::apps
