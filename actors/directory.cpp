#include "actors/directory.hpp"

#include "actors/agent_shell.hpp"

namespace troupe::actors {

Status Directory::add_module(std::shared_ptr<AgentModule> module) {
  const std::string type(module->type());
  if (auto good = check_agent_type(type); !good) return good;
  if (!modules_.emplace(type, std::move(module)).second)
    return Error{ErrorCode::invalid_argument, "two modules claim the agent type '" + type + "'",
                 "rename one"};
  return {};
}

Status Directory::deliver(const AgentId& to, AgentMail mail) {
  // Posted under the lock: a shell that leaves takes its name off first, so whatever was posted to
  // it stands in its mailbox before its own last message.
  {
    const std::shared_lock lock(mutex_);
    if (const auto found = shells_.find(to); found != shells_.end()) {
      post(found->second, Deliver{std::move(mail), Held(world_.in_hand)});
      return {};
    }
  }
  const std::unique_lock lock(mutex_);
  const auto shell = find_or_create(to);
  if (!shell) return shell.error();
  post(*shell, Deliver{std::move(mail), Held(world_.in_hand)});
  return {};
}

Result<caf::actor> Directory::find_or_create(const AgentId& id) {
  if (const auto found = shells_.find(id); found != shells_.end()) return found->second;
  if (closed_) return Error{ErrorCode::draining, "the node is shutting down", ""};
  const auto module = modules_.find(id.type);
  if (module == modules_.end())
    return Error{ErrorCode::not_found,
                 "no module on this node makes agents of type '" + id.type + "'",
                 "check the address, or load the module on every node"};
  if (shells_.size() >= world_.agents_max)
    return Error{ErrorCode::queue_full,
                 "the node holds its limit of " + std::to_string(world_.agents_max) + " agents",
                 "raise agents_max in [agents]"};
  {
    const std::lock_guard alive_lock(alive_mutex_);
    ++alive_;
  }
  return shells_.emplace(id, system_.spawn<AgentShell>(id, module->second, std::ref(world_)))
      .first->second;
}

void Directory::remove(const AgentId& id, const caf::actor& shell) {
  const std::unique_lock lock(mutex_);
  if (const auto found = shells_.find(id); found != shells_.end() && found->second == shell)
    shells_.erase(found);
}

void Directory::gone() {
  const std::lock_guard lock(alive_mutex_);
  if (--alive_ == 0) all_gone_.notify_all();
}

std::size_t Directory::stop_all(Duration limit) {
  {
    const std::unique_lock lock(mutex_);
    closed_ = true;
    for (const auto& [id, shell] : shells_) post_exit(shell);
    shells_.clear();
  }
  std::unique_lock lock(alive_mutex_);
  all_gone_.wait_for(lock, limit, [&] { return alive_ == 0; });
  return alive_;
}

std::size_t Directory::agents() const {
  const std::shared_lock lock(mutex_);
  return shells_.size();
}

std::map<std::string, std::size_t> Directory::agents_by_type() const {
  std::map<std::string, std::size_t> counts;
  const std::shared_lock lock(mutex_);
  for (const auto& [id, shell] : shells_) ++counts[id.type];
  return counts;
}

}  // namespace troupe::actors
