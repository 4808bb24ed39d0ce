#include "tests/transport/memory_link.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "base/assert.hpp"
#include "base/limits.hpp"
#include "transport/allow_list.hpp"
#include "transport/wire.hpp"

namespace troupe::transport::testing {
namespace {

// As the real link counts it, so that a flood of tiny ones is bounded too.
constexpr std::uint64_t message_overhead_bytes = 256;

using Names = std::pair<std::string, std::string>;

Error unreachable(const std::string& what) {
  return {ErrorCode::unreachable, what, ""};
}

Names names_of(const std::string& one, const std::string& other) {
  return std::minmax(one, other);
}

}  // namespace

// All state of all links, under one mutex, and the thread that calls back without it.
class MemoryNetwork::Carrier {
 public:
  struct Connection;
  // What one link knows of one peer.
  struct Peer {
    std::shared_ptr<Connection> connection;  // none: not up
    bool dialed = false;
    bool first_time = true;  // connecting, and never up so far
    Endpoint endpoint;       // where to, and who may be there
    std::vector<PublicKey> server_keys;
    std::array<std::deque<Frames>, lane_count> waiting;  // until it is up
    std::array<std::uint64_t, lane_count> bytes{};       // sent and not arrived
  };
  struct Member {
    LinkOptions options;
    LinkEvents events;
    AllowList allowed;
    std::uint64_t epoch = 0;
    std::uint64_t peers_ever = 0;
    std::map<std::uint64_t, Peer> peers;
    LinkCounters counters;
    bool stopped = false;
  };
  struct End {
    std::shared_ptr<Member> member;
    PeerId peer;  // as this end knows the other
  };
  struct Connection {
    End dialer, server;
    bool open = true;

    [[nodiscard]] const End& other(const Member& member) const {
      return dialer.member.get() == &member ? server : dialer;
    }
  };

  Carrier() : thread_([this] { run(); }) {}
  ~Carrier() {
    {
      const std::lock_guard lock(mutex_);
      ends_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  Result<std::shared_ptr<Member>> open(LinkOptions options, LinkEvents events);
  PeerId connect(const std::shared_ptr<Member>& member, const Endpoint& endpoint,
                 std::vector<PublicKey> server_keys);
  void disconnect(Member& member, PeerId peer);
  void rekey(Member& member, PeerId peer, std::vector<PublicKey> server_keys);
  void rekey(Member& member, KeyPair own);
  Status allow(Member& member, const std::vector<AllowedKey>& allowed);
  Status send(Member& member, PeerId peer, Lane lane, const Message& message);
  void stop(Member& member);
  void cut(const std::string& one, const std::string& other);
  void heal(const std::string& one, const std::string& other);
  void settle();

  template <class Read>
  auto read(Read what) const {
    const std::lock_guard lock(mutex_);
    return what();
  }

 private:
  using Call = std::function<void()>;
  using Job = std::function<Call()>;  // runs under the mutex; what it returns is called without

  void run();
  void later(Lane lane, Job job) {
    jobs_[static_cast<std::size_t>(lane)].push_back(std::move(job));
    changed_.notify_all();
  }
  void try_all();
  void try_one(const std::shared_ptr<Member>& member, std::uint64_t id);
  void carry(const std::shared_ptr<Connection>& connection, Member& from, Lane lane,
             Frames&& frames);
  void close(const std::shared_ptr<Connection>& connection, const Error& why);
  void lose(const End& end, const Error& why);
  Member* listening_at(const Endpoint& endpoint);

  mutable std::mutex mutex_;  // guards the rest
  std::condition_variable changed_;
  std::array<std::deque<Job>, lane_count> jobs_;
  std::vector<std::shared_ptr<Member>> members_;
  std::set<Names> cut_;
  std::uint64_t epochs_ = 0;
  bool calling_ = false;
  bool ends_ = false;
  std::thread thread_;  // last: it begins when all of this is there
};

void MemoryNetwork::Carrier::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return ends_ || !jobs_[0].empty() || !jobs_[1].empty(); });
    auto& urgent = jobs_[static_cast<std::size_t>(Lane::urgent)];
    auto& jobs = !urgent.empty() ? urgent : jobs_[static_cast<std::size_t>(Lane::ordinary)];
    if (jobs.empty()) return;
    const auto job = std::move(jobs.front());
    jobs.pop_front();
    calling_ = true;
    if (const Call call = job()) {
      lock.unlock();
      call();
      lock.lock();
    }
    calling_ = false;
    changed_.notify_all();
  }
}

void MemoryNetwork::Carrier::settle() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !calling_ && jobs_[0].empty() && jobs_[1].empty(); });
}

Result<std::shared_ptr<MemoryNetwork::Carrier::Member>> MemoryNetwork::Carrier::open(
    LinkOptions options, LinkEvents events) {
  auto list = AllowList::make(options.allowed);
  if (!list) return list.error();
  const std::lock_guard lock(mutex_);
  if (options.listen && listening_at(*options.listen) != nullptr)
    return Error{ErrorCode::io, "somebody listens there already", ""};
  auto member = std::make_shared<Member>();
  member->options = std::move(options);
  member->events = std::move(events);
  member->allowed = std::move(*list);
  member->epoch = ++epochs_;
  members_.push_back(member);
  try_all();
  return member;
}

MemoryNetwork::Carrier::Member* MemoryNetwork::Carrier::listening_at(const Endpoint& endpoint) {
  for (const auto& member : members_)
    if (!member->stopped && member->options.listen == endpoint) return member.get();
  return nullptr;
}

PeerId MemoryNetwork::Carrier::connect(const std::shared_ptr<Member>& member,
                                       const Endpoint& endpoint,
                                       std::vector<PublicKey> server_keys) {
  const std::lock_guard lock(mutex_);
  if (member->stopped) return {};
  const PeerId id{++member->peers_ever};
  Peer& peer = member->peers[id.value];
  peer.dialed = true;
  peer.endpoint = endpoint;
  peer.server_keys = std::move(server_keys);
  later(Lane::urgent, [this, member, id] {
    try_one(member, id.value);
    return Call();
  });
  return id;
}

// Whoever is not connected tries again: something has changed that may have been the reason.
void MemoryNetwork::Carrier::try_all() {
  later(Lane::ordinary, [this] {
    for (const auto& member : members_)
      for (const auto& [id, peer] : member->peers)
        if (peer.dialed && !peer.connection) try_one(member, id);
    return Call();
  });
}

void MemoryNetwork::Carrier::try_one(const std::shared_ptr<Member>& member, std::uint64_t id) {
  const auto found = member->peers.find(id);
  if (member->stopped || found == member->peers.end() || found->second.connection) return;
  Peer& peer = found->second;
  const auto again = [&] {
    later(Lane::urgent, [member, id]() -> Call {
      if (member->stopped || !member->events.on_retry) return {};
      return [member, id] { member->events.on_retry({id}); };
    });
  };
  Member* const there = listening_at(peer.endpoint);
  if (there == nullptr || cut_.contains(names_of(member->options.name, there->options.name)))
    return again();
  const AllowedKey* const who = there->allowed.find(member->options.keys.public_key.z85);
  if (who == nullptr) {
    ++there->counters.unauthorized;
    return again();
  }
  const auto& wanted = peer.server_keys;
  if (std::find(wanted.begin(), wanted.end(), there->options.keys.public_key) == wanted.end())
    return again();

  const auto server = *std::find_if(members_.begin(), members_.end(),
                                    [&](const auto& one) { return one.get() == there; });
  const PeerId guest{++server->peers_ever};
  auto connection = std::make_shared<Connection>(Connection{{member, {id}}, {server, guest}, true});
  peer.connection = connection;
  peer.first_time = false;
  server->peers[guest.value].connection = connection;
  const auto tell = [this, connection](const End& end, PeerInfo info) {
    later(Lane::urgent, [connection, end, info = std::move(info)]() -> Call {
      if (end.member->stopped) return {};
      return [end, info] { end.member->events.on_up(end.peer, info); };
    });
  };
  tell(connection->server, {who->name, who->role, member->epoch, member->options.delivery});
  tell(connection->dialer,
       {server->options.name, Role::node, server->epoch, server->options.delivery});
  for (const Lane lane : {Lane::urgent, Lane::ordinary})
    for (auto& frames : std::exchange(peer.waiting[static_cast<std::size_t>(lane)], {}))
      carry(connection, *member, lane, std::move(frames));
}

void MemoryNetwork::Carrier::carry(const std::shared_ptr<Connection>& connection, Member& from,
                                   Lane lane, Frames&& frames) {
  const End to = connection->other(from);
  const End sender = connection->other(*to.member);
  later(lane, [=, frames = std::move(frames)]() -> Call {
    const auto known = sender.member->peers.find(sender.peer.value);
    if (known != sender.member->peers.end())
      known->second.bytes[static_cast<std::size_t>(lane)] -=
          frames.bytes() + message_overhead_bytes;
    if (!connection->open || to.member->stopped) {
      ++sender.member->counters.undeliverable;
      return {};
    }
    std::vector<std::string_view> views = {frames.head};
    if (!frames.tensor.empty()) views.emplace_back(frames.tensor);
    auto message = decode(views);
    TROUPE_ASSERT(message, "what was encoded can be decoded");
    ++sender.member->counters.messages_sent;
    ++to.member->counters.messages_received;
    // Shared, because a function has to be copyable.
    return [to, message = std::make_shared<Message>(std::move(*message))] {
      to.member->events.on_message(to.peer, std::move(*message));
    };
  });
}

Status MemoryNetwork::Carrier::send(Member& member, PeerId peer, Lane lane,
                                    const Message& message) {
  if (std::holds_alternative<Hello>(message) || std::holds_alternative<Heartbeat>(message))
    return Error{ErrorCode::invalid_argument, "hellos and heartbeats are the link's own", ""};
  auto frames = encode(message);
  if (!frames) return frames.error();
  if (std::max(frames->head.size(), frames->tensor.size()) > limits::frame_bytes_max)
    return Error{ErrorCode::too_large, "a message is over a frame's limit", ""};
  const std::lock_guard lock(mutex_);
  const auto found = member.peers.find(peer.value);
  const bool writable =
      !member.stopped && found != member.peers.end() &&
      (found->second.connection ? found->second.connection->open : found->second.first_time);
  if (!writable) return Error{ErrorCode::unreachable, "this peer is down or unknown", ""};
  auto& bytes = found->second.bytes[static_cast<std::size_t>(lane)];
  const std::uint64_t claim = frames->bytes() + message_overhead_bytes;
  if (bytes != 0 && bytes + claim > member.options.outbox_bytes_max)
    return Error{ErrorCode::queue_full, "too much waits for this peer already",
                 "send again when it has caught up"};
  bytes += claim;
  if (found->second.connection)
    carry(found->second.connection, member, lane, std::move(*frames));
  else
    found->second.waiting[static_cast<std::size_t>(lane)].push_back(std::move(*frames));
  return {};
}

// Behind the ordinary messages that were sent before, so that these arrive.
void MemoryNetwork::Carrier::close(const std::shared_ptr<Connection>& connection,
                                   const Error& why) {
  later(Lane::ordinary, [this, connection, why] {
    if (std::exchange(connection->open, false)) {
      lose(connection->dialer, why);
      lose(connection->server, why);
    }
    return Call();
  });
}

void MemoryNetwork::Carrier::lose(const End& end, const Error& why) {
  later(Lane::ordinary, [this, end, why]() -> Call {
    const auto found = end.member->peers.find(end.peer.value);
    if (found != end.member->peers.end()) {
      found->second.connection.reset();
      if (found->second.dialed)
        try_all();
      else
        end.member->peers.erase(found);
    }
    if (end.member->stopped) return {};
    return [end, why] { end.member->events.on_down(end.peer, why); };
  });
}

void MemoryNetwork::Carrier::disconnect(Member& member, PeerId peer) {
  const std::lock_guard lock(mutex_);
  const auto found = member.peers.find(peer.value);
  if (found == member.peers.end() || !found->second.dialed) return;
  for (const auto& waiting : found->second.waiting) member.counters.undeliverable += waiting.size();
  const auto connection = found->second.connection;
  member.peers.erase(found);
  if (!connection || !std::exchange(connection->open, false)) return;
  lose(connection->dialer, unreachable("we ended the connection"));
  lose(connection->server, unreachable("'" + member.options.name + "' stopped"));
}

void MemoryNetwork::Carrier::rekey(Member& member, PeerId peer,
                                   std::vector<PublicKey> server_keys) {
  const std::lock_guard lock(mutex_);
  const auto found = member.peers.find(peer.value);
  if (found == member.peers.end() || !found->second.dialed) return;
  found->second.server_keys = std::move(server_keys);
  try_all();
}

void MemoryNetwork::Carrier::rekey(Member& member, KeyPair own) {
  const std::lock_guard lock(mutex_);
  member.options.keys = std::move(own);
  try_all();
}

Status MemoryNetwork::Carrier::allow(Member& member, const std::vector<AllowedKey>& allowed) {
  auto list = AllowList::make(allowed);
  if (!list) return list.error();
  const std::lock_guard lock(mutex_);
  for (const AllowedKey* const who : member.allowed.leaving(*list))
    for (const auto& [id, peer] : member.peers)
      if (!peer.dialed && peer.connection &&
          peer.connection->dialer.member->options.keys.public_key == who->key)
        close(peer.connection, {ErrorCode::unauthorized,
                                "the key of '" + who->name + "' was taken off the allow-list", ""});
  for (auto& [id, peer] : member.peers) {
    if (!peer.dialed || peer.server_keys.empty()) continue;
    const AllowedKey* const known = member.allowed.find(peer.server_keys.front().z85);
    if (known == nullptr) continue;
    if (auto keys = list->keys_of(known->name); !keys.empty()) peer.server_keys = std::move(keys);
    const auto& wanted = peer.server_keys;
    if (peer.connection &&
        std::find(wanted.begin(), wanted.end(),
                  peer.connection->server.member->options.keys.public_key) == wanted.end())
      close(peer.connection,
            {ErrorCode::unauthorized, "the key that it has proved is no longer its own", ""});
  }
  member.allowed.become(std::move(*list));
  try_all();
  return {};
}

void MemoryNetwork::Carrier::stop(Member& member) {
  TROUPE_ASSERT(std::this_thread::get_id() != thread_.get_id(),
                "a callback of the link does not stop it");
  std::unique_lock lock(mutex_);
  for (const auto& [id, peer] : member.peers)
    if (peer.connection)
      close(peer.connection, unreachable("'" + member.options.name + "' stopped"));
  member.stopped = true;
  // A callback that has begun is waited for; none begins after it.
  changed_.wait(lock, [this] { return !calling_; });
  std::erase_if(members_, [&](const auto& one) { return one.get() == &member; });
}

void MemoryNetwork::Carrier::cut(const std::string& one, const std::string& other) {
  const std::lock_guard lock(mutex_);
  cut_.insert(names_of(one, other));
  for (const auto& member : members_)
    for (const auto& [id, peer] : member->peers) {
      const auto& connection = peer.connection;
      if (!peer.dialed || !connection ||
          names_of(member->options.name, connection->server.member->options.name) !=
              names_of(one, other))
        continue;
      if (!std::exchange(connection->open, false)) continue;
      lose(connection->dialer, unreachable("the network is cut"));
      lose(connection->server, unreachable("the network is cut"));
    }
}

void MemoryNetwork::Carrier::heal(const std::string& one, const std::string& other) {
  const std::lock_guard lock(mutex_);
  cut_.erase(names_of(one, other));
  try_all();
}

class MemoryNetwork::MemoryLink final : public Link {
 public:
  MemoryLink(std::shared_ptr<Carrier> carrier, std::shared_ptr<Carrier::Member> member)
      : carrier_(std::move(carrier)), member_(std::move(member)) {}
  ~MemoryLink() override { MemoryLink::stop(Duration::zero()); }

  PeerId connect(const Endpoint& endpoint, std::vector<PublicKey> server_keys) override {
    return carrier_->connect(member_, endpoint, std::move(server_keys));
  }
  void disconnect(PeerId peer) override { carrier_->disconnect(*member_, peer); }
  Status rekey(PeerId peer, std::vector<PublicKey> server_keys) override {
    carrier_->rekey(*member_, peer, std::move(server_keys));
    return {};
  }
  Status rekey(KeyPair own) override {
    carrier_->rekey(*member_, std::move(own));
    return {};
  }
  Status allow(const std::vector<AllowedKey>& allowed) override {
    return carrier_->allow(*member_, allowed);
  }
  Status send(PeerId peer, Lane lane, const Message& message) override {
    return carrier_->send(*member_, peer, lane, message);
  }
  [[nodiscard]] LinkCounters counters() const override {
    return carrier_->read([this] { return member_->counters; });
  }
  [[nodiscard]] LinkBacklog backlog(PeerId peer) const override {
    return carrier_->read([&] {
      const auto found = member_->peers.find(peer.value);
      return found == member_->peers.end() ? LinkBacklog{} : LinkBacklog{found->second.bytes, 0, 0};
    });
  }
  void stop(Duration) override { carrier_->stop(*member_); }

 private:
  std::shared_ptr<Carrier> carrier_;
  std::shared_ptr<Carrier::Member> member_;
};

MemoryNetwork::MemoryNetwork() : carrier_(std::make_shared<Carrier>()) {}
MemoryNetwork::~MemoryNetwork() = default;

Result<std::unique_ptr<Link>> MemoryNetwork::open(LinkOptions options, LinkEvents events) {
  auto member = carrier_->open(std::move(options), std::move(events));
  if (!member) return member.error();
  return std::unique_ptr<Link>(std::make_unique<MemoryLink>(carrier_, std::move(*member)));
}

void MemoryNetwork::cut(const std::string& one, const std::string& other) {
  carrier_->cut(one, other);
}
void MemoryNetwork::heal(const std::string& one, const std::string& other) {
  carrier_->heal(one, other);
}
void MemoryNetwork::settle() {
  carrier_->settle();
}

}  // namespace troupe::transport::testing
