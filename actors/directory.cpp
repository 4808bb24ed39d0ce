#include "actors/directory.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "actors/agent_shell.hpp"
#include "actors/members.hpp"
#include "base/clock.hpp"

namespace troupe::actors {

Status Directory::add_module(std::shared_ptr<AgentModule> module) {
  const std::string type(module->type());
  if (auto good = check_agent_type(type); !good) return good;
  if (!modules_.emplace(type, std::move(module)).second)
    return Error{ErrorCode::invalid_argument, "two modules claim the agent type '" + type + "'",
                 "rename one"};
  return {};
}

Result<bool> Directory::deliver(const AgentId& to, AgentMail& mail) {
  // Posted under the lock: a shell that leaves takes its name off first, so whatever was posted to
  // it stands in its mailbox before its own last message.
  {
    const std::shared_lock lock(mutex_);
    if (const auto found = shells_.find(to); found != shells_.end()) {
      give(found->second, std::move(mail));
      return true;
    }
  }
  const std::unique_lock lock(mutex_);
  auto found = shells_.find(to);
  if (found == shells_.end()) {
    // Asked here again: whoever looked may have done so before move_away().
    if (!world_.members->is_home(to_string(to))) return false;
    auto entry = create(to);
    if (!entry) return entry.error();
    found = shells_.emplace(to, std::move(*entry)).first;
  }
  give(found->second, std::move(mail));
  return true;
}

void Directory::give(const Entry& to, AgentMail&& mail) {
  to.vitals->mail_came();
  post(to.shell, Deliver{std::move(mail), Held(world_.in_hand)});
}

Result<Directory::Entry> Directory::create(const AgentId& id) {
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
  auto vitals = std::make_shared<Vitals>(now());
  return Entry{system_.spawn<AgentShell>(id, module->second, std::ref(world_), vitals), vitals};
}

std::size_t Directory::move_away() {
  std::vector<std::pair<AgentId, caf::actor>> leaving;
  {
    const std::shared_lock lock(mutex_);
    for (const auto& [id, entry] : shells_)
      if (!world_.members->is_home(to_string(id))) leaving.emplace_back(id, entry.shell);
  }
  for (const auto& [id, shell] : leaving) {
    remove(id, shell);
    post(shell, MoveAway{});
  }
  return leaving.size();
}

void Directory::remove(const AgentId& id, const caf::actor& shell) {
  const std::unique_lock lock(mutex_);
  if (const auto found = shells_.find(id); found != shells_.end() && found->second.shell == shell)
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
    for (const auto& [id, entry] : shells_) post_exit(entry.shell);
    shells_.clear();
  }
  std::unique_lock lock(alive_mutex_);
  all_gone_.wait_for(lock, limit, [&] { return alive_ == 0; });
  return alive_;
}

Directory::Seen Directory::seen(const Entries::value_type& entry) {
  const auto& [id, kept] = entry;
  const Vitals& vitals = *kept.vitals;
  return {
      id, vitals.state(), vitals.mail(), vitals.tasks(), vitals.restarts(), vitals.last_active()};
}

// Among the last of those kept so far, whoever comes earlier takes the place of the very last.
Directory::Listed Directory::list(std::string_view type, std::size_t agents_max) const {
  const auto earlier = [](const auto* a, const auto* b) { return a->first < b->first; };
  std::vector<const Entries::value_type*> first;  // a heap, the last in front
  Listed listed;
  const std::shared_lock lock(mutex_);
  for (const auto& entry : shells_) {
    if (!type.empty() && entry.first.type != type) continue;
    ++listed.all;
    if (first.size() == agents_max && (first.empty() || !earlier(&entry, first.front()))) continue;
    if (first.size() == agents_max) {
      std::pop_heap(first.begin(), first.end(), earlier);
      first.pop_back();
    }
    first.push_back(&entry);
    std::push_heap(first.begin(), first.end(), earlier);
  }
  std::sort_heap(first.begin(), first.end(), earlier);
  for (const auto* entry : first) listed.agents.push_back(seen(*entry));
  return listed;
}

std::optional<Directory::Seen> Directory::see(const AgentId& id) const {
  const std::shared_lock lock(mutex_);
  const auto found = shells_.find(id);
  if (found == shells_.end()) return std::nullopt;
  return seen(*found);
}

std::size_t Directory::agents() const {
  const std::shared_lock lock(mutex_);
  return shells_.size();
}

std::map<std::string, std::size_t> Directory::agents_by_type() const {
  std::map<std::string, std::size_t> counts;
  const std::shared_lock lock(mutex_);
  for (const auto& [id, entry] : shells_) ++counts[id.type];
  return counts;
}

}  // namespace troupe::actors
