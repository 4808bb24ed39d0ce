// The command line of the verbs about the agents of a running cluster.
#include "apps/main.hpp"

namespace troupe::apps {

void add_agents(CommandLine& line) {
  auto& agents = *line.app.add_subcommand("agents", "The agents of a running cluster");
  agents.require_subcommand(1);
  agents.footer("Example:\n  troupe agents ls configs/quickstart.toml --type librarian");

  auto& list = add_verb(line, agents, "ls", "List them, by address: where each lives, what it does",
                        "troupe agents ls configs/quickstart.toml --type librarian --limit 20");
  auto listed = std::make_shared<AgentsOptions>();
  add_cluster(list, ConfigAs::position, listed->config);
  list.add_option("--type", listed->type, "Only agents of this type")->type_name("TYPE");
  list.add_option("--node", listed->node, "Only those on this node")->type_name("NAME");
  list.add_option("--limit", listed->limit, "How many to show")
      ->type_name("N")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  on_chosen(line, list, listed, run_agents_ls);

  auto& show = add_verb(line, agents, "show", "Show one, or say where it would live",
                        "troupe agents show librarian/017 configs/quickstart.toml");
  auto shown = std::make_shared<AgentOptions>();
  show.add_option("agent", shown->agent, "Its address")->type_name("TYPE/KEY")->required();
  add_cluster(show, ConfigAs::position, shown->config);
  on_chosen(line, show, shown, run_agents_show);
}

}  // namespace troupe::apps
