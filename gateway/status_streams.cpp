#include "gateway/status_streams.hpp"

#include <utility>

namespace troupe::gateway {
namespace {

std::string event_of(const std::string& status) {
  return "data: " + status + "\n\n";
}

}  // namespace

StatusStreams::StatusStreams(StatusSource source, StreamCount& count)
    : source_(std::move(source)), count_(count) {}

StatusStreams::~StatusStreams() {
  count_.give_back(streams_.size());
}

void StatusStreams::add(const std::shared_ptr<Exchange>& exchange, Response&& head) {
  const std::uint64_t number = begun_++;
  streams_.emplace(number, exchange);
  exchange->when_gone([this, number] { gone(number); });
  // The first event goes out with the head: a piece of its own would wait for the head's way.
  head.body = event_of(source_.status());
  exchange->begin_stream(std::move(head));
  if (!std::exchange(ticking_, true)) source_.after(status_interval, [this] { tick(); });
}

void StatusStreams::finish() {
  for (const auto& [number, exchange] : streams_) exchange->finish_stream();
  count_.give_back(streams_.size());
  streams_.clear();
}

void StatusStreams::tick() {
  ticking_ = !streams_.empty();
  if (!ticking_) return;
  const std::string event = event_of(source_.status());
  for (const auto& [number, exchange] : streams_) exchange->send(event);
  source_.after(status_interval, [this] { tick(); });
}

void StatusStreams::gone(std::uint64_t number) {
  count_.give_back(streams_.erase(number));
}

}  // namespace troupe::gateway
