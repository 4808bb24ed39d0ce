// The owner while keys change: a new allow-list, new keys of ours, new keys of those that we
// connect to; and which of a peer's two keys to try.
#include <algorithm>

#include "transport/owner.hpp"
#include "transport/secret.hpp"
#include "transport/tuning.hpp"

namespace troupe::transport {

void Owner::accept(AllowCommand&& command) {
  std::vector<std::string> names;  // of dialed_, where the list knows them
  for (const std::uint64_t id : dialed_) {
    const Dial& dial = *peers_.at(id).dial;
    const AllowedKey* const known = allowed_.find(dial.server_keys[dial.trying].z85);
    names.push_back(known == nullptr ? "" : known->name);
  }
  for (const AllowedKey* const who : allowed_.leaving(command.allowed)) {
    const Guests::Evicted evicted = guests_.evict(who);
    // One that follows the rules ends the connection and knocks again; any other is ignored.
    for (const auto& [lane, route] : evicted.routes) answer_hello(lane, route, 0);
    for (const PeerId peer : evicted.peers)
      drop(peers_.at(peer.value), {ErrorCode::unauthorized,
                                   "the key of '" + who->name +
                                       "' was taken off the allow-list, "
                                       "or has another role",
                                   ""});
  }
  allowed_.become(std::move(command.allowed));
  for (std::size_t i = 0; i < names.size(); ++i)
    if (auto keys = allowed_.keys_of(names[i]); !keys.empty())
      expect(peers_.at(dialed_[i]), std::move(keys), true);
}

void Owner::accept(RekeyCommand&& command) {
  if (const auto found = peers_.find(command.peer.value);
      found != peers_.end() && found->second.dial != nullptr)
    expect(found->second, std::move(command.server_keys), false);
}

void Owner::accept(OwnKeysCommand&& command) {
  std::swap(options_.keys, command.keys);
  wipe(command.keys.secret_z85);
  if (command.keys.public_key == options_.keys.public_key) return;
  for (const std::uint64_t id : dialed_) {
    Peer& peer = peers_.at(id);
    if (!peer.life.up() && peer.dial->sockets[0].is_open())
      hang_up(peer, {ErrorCode::unreachable, "it is tried with another key", ""}, reopen_delay,
              false);
  }
}

// The peer may prove to have any of these. `at_once`: not the key that it has proved now, either.
void Owner::expect(Peer& peer, std::vector<PublicKey> keys, bool at_once) {
  Dial& dial = *peer.dial;
  if (keys == dial.server_keys) return;
  const PublicKey tried = dial.server_keys[dial.trying];
  const auto still = std::find(keys.begin(), keys.end(), tried);
  const bool gone = still == keys.end();
  dial.trying = gone ? 0 : static_cast<std::size_t>(still - keys.begin());
  dial.first = dial.trying;
  dial.server_keys = std::move(keys);
  if (gone && dial.sockets[0].is_open() && (at_once || !peer.life.up()))
    hang_up(peer, {ErrorCode::unauthorized, "the key that it has proved is no longer its own", ""},
            reopen_delay, false);
}

// Where a peer may have one of two keys, a connection that breaks before anything was said is most
// likely one to the other key.
void Owner::try_other_key(Peer& peer) {
  Dial& dial = *peer.dial;
  dial.trying = (dial.trying + 1) % dial.server_keys.size();
  // Not as fast as we can, where it is neither.
  const Duration pause = dial.trying == dial.first ? other_keys_delay : reopen_delay;
  hang_up(peer, {ErrorCode::unreachable, "the handshake failed", ""}, pause, false);
}

}  // namespace troupe::transport
