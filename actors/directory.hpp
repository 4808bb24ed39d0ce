// The agents of this node, by address. An agent that is written to and not there is created.
//
// Thread-safe: every agent that writes to another looks it up here, without a mailbox in between.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "actors/agent_type.hpp"
#include "actors/messages.hpp"
#include "actors/vitals.hpp"
#include "actors/world.hpp"

namespace troupe::actors {

class Directory {
 public:
  // `system` and `world` outlive it.
  Directory(caf::actor_system& system, World& world) : system_(system), world_(world) {}

  // Before the first delivery. Errors: invalid_argument for a type that is not an address part, is
  // reserved or there already.
  Status add_module(std::shared_ptr<AgentModule> module);

  // Whether a module of this node makes agents of this type.
  [[nodiscard]] bool makes(std::string_view type) const { return modules_.contains(type); }

  // To an agent of this node; false, and nothing is done, for one that is not here and would live
  // elsewhere. Errors: not_found for an unknown type, queue_full over agents_max, draining after
  // stop_all().
  Result<bool> deliver(const AgentId& to, AgentMail& mail);

  // Lets every agent go that lives elsewhere now: it handles what it got so far, waits for the
  // outcomes of its tasks, and ends. Returns how many.
  std::size_t move_away();

  // A shell that ends by itself takes its name off first, so that the next message makes a new one.
  void remove(const AgentId& id, const caf::actor& shell);

  // The last word of a shell.
  void gone();

  // Ends every agent and waits until all are gone. Returns how many did not go within the limit.
  std::size_t stop_all(Duration limit);

  // Agents of this node as they are now, for whoever looks. Every agent is looked at; no answer is
  // longer than its limit.
  struct Seen {
    AgentId id;
    ShellState state = ShellState::running;
    std::uint64_t mail = 0;
    std::uint64_t tasks = 0;
    std::uint64_t restarts = 0;
    Instant last_active;
  };
  struct Listed {
    std::vector<Seen> agents;  // the first by address
    std::size_t all = 0;       // of the type
  };
  // Of that type, or of all where it is empty.
  [[nodiscard]] Listed list(std::string_view type, std::size_t agents_max) const;
  [[nodiscard]] std::optional<Seen> see(const AgentId& id) const;

  [[nodiscard]] std::size_t agents() const;
  [[nodiscard]] std::map<std::string, std::size_t> agents_by_type() const;

 private:
  struct Entry {
    caf::actor shell;
    std::shared_ptr<Vitals> vitals;
  };
  using Entries = std::unordered_map<AgentId, Entry>;
  Result<Entry> create(const AgentId& id);  // under mutex_
  void give(const Entry& to, AgentMail&& mail);
  [[nodiscard]] static Seen seen(const Entries::value_type& entry);

  caf::actor_system& system_;
  World& world_;
  std::map<std::string, std::shared_ptr<AgentModule>, std::less<>>
      modules_;  // fixed once there are agents

  mutable std::shared_mutex mutex_;
  Entries shells_;       // guarded by mutex_
  bool closed_ = false;  // guarded by mutex_

  std::mutex alive_mutex_;
  std::condition_variable all_gone_;
  std::size_t alive_ = 0;  // shells spawned and not gone; guarded by alive_mutex_
};

}  // namespace troupe::actors
