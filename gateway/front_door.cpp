#include "gateway/front_door.hpp"

#include <algorithm>

#include "gateway/desk.hpp"
#include "gateway/forms.hpp"

namespace troupe::gateway {
namespace {

constexpr Duration last_words_limit = std::chrono::seconds(1);  // until answers have been written

}  // namespace

FrontDoor::FrontDoor(FrontDoorOptions options, actors::Node& node, Log& log)
    : options_(std::move(options)),
      node_(node),
      log_(log),
      models_(node.models()),
      jobs_(options_.jobs),
      keys_(std::make_shared<const ApiKeys>(options_.keys)) {
  // A small door keeps most of its connections for work.
  streams_.limit(
      std::clamp(options_.server.connections_max / 4, std::uint32_t{1}, event_streams_max));
}

Result<std::unique_ptr<FrontDoor>> FrontDoor::open(FrontDoorOptions options, actors::Node& node,
                                                   Log& log) {
  std::unique_ptr<FrontDoor> door(new FrontDoor(std::move(options), node, log));
  auto server = Server::open(door->options_.server, log);
  if (!server) return server.error();
  door->server_ = std::move(*server);
  for (std::size_t loop = 0; loop < door->options_.server.threads; ++loop)
    door->desks_.push_back(std::make_unique<Desk>(loop, *door));
  door->server_->serve(*door);
  return door;
}

FrontDoor::~FrontDoor() {
  stop();
}

void FrontDoor::drain(Duration limit) {
  std::unique_lock lock(mutex_);
  draining_ = true;
  for (std::size_t loop = 0; loop < desks_.size(); ++loop)
    server_->post(loop, [&desk = *desks_[loop]] { desk.finish_streams(); });
  idle_.wait_for(lock, limit, [this] { return under_way_ == 0; });
}

void FrontDoor::stop() {
  drain(Duration::zero());
  if (server_) server_->stop(last_words_limit);
  jobs_.stop();
  for (auto& desk : desks_) desk->close();
}

void FrontDoor::set_keys(ApiKeys keys) {
  auto set = std::make_shared<const ApiKeys>(std::move(keys));
  const std::lock_guard lock(keys_mutex_);
  keys_ = std::move(set);
}

std::shared_ptr<const ApiKeys> FrontDoor::keys() const {
  const std::lock_guard lock(keys_mutex_);
  return keys_;
}

bool FrontDoor::begin_work() {
  const std::lock_guard lock(mutex_);
  if (draining_ || !node_.begin_work()) return false;
  ++under_way_;
  return true;
}

void FrontDoor::end_work() {
  const std::lock_guard lock(mutex_);
  node_.end_work();
  if (--under_way_ == 0) idle_.notify_all();
}

void FrontDoor::handle(std::size_t loop, Request&& request, std::shared_ptr<Exchange> exchange) {
  desks_[loop]->take(std::move(request), std::move(exchange));
}

// Shared, because what a std::function holds can be copied.
void FrontDoor::take(std::size_t loop, Request&& request, std::shared_ptr<Exchange> exchange) {
  server_->post(loop, [this, loop, request = std::make_shared<Request>(std::move(request)),
                       exchange = std::move(exchange)] {
    desks_[loop]->take(std::move(*request), exchange);
  });
}

void FrontDoor::post(std::size_t loop, std::function<void()> work) {
  server_->post(loop, std::move(work));
}

Response FrontDoor::problem(std::string_view target, unsigned status, const Error& why) {
  stats_.note(Ask::unknown, status, Duration::zero());
  return error_response(target, why, status);
}

}  // namespace troupe::gateway
