#include "gateway/event_streams.hpp"

#include <utility>
#include <vector>

namespace troupe::gateway {
namespace {

constexpr std::string_view event_end = "\n\n";

}  // namespace

EventStreams::EventStreams(Duration interval, After after, StreamCount& count)
    : interval_(interval), after_(std::move(after)), count_(count) {}

EventStreams::~EventStreams() {
  count_.give_back(streams_.size());
}

void EventStreams::add(const std::shared_ptr<Exchange>& exchange, Response&& head, NextEvent next) {
  const std::uint64_t number = begun_++;
  // The first event goes out with the head: a piece of its own would wait for the head's way.
  const auto first = next(++round_);
  if (first) (head.body = first->text) += event_end;
  streams_.emplace(number, Stream{exchange, std::move(next), std::nullopt});
  exchange->when_gone([this, number] { end(number); });
  exchange->begin_stream(std::move(head));
  if (first && first->last) {
    exchange->finish_stream();
    return end(number);
  }
  if (!std::exchange(ticking_, true)) after_(interval_, [this] { tick(); });
}

void EventStreams::finish() {
  for (const auto& [number, stream] : streams_) stream.exchange->finish_stream();
  count_.give_back(streams_.size());
  streams_.clear();
}

void EventStreams::tick() {
  ticking_ = !streams_.empty();
  if (!ticking_) return;
  ++round_;
  std::vector<std::uint64_t> done;
  for (auto& [number, stream] : streams_) {
    if (auto event = stream.next(round_)) stream.unsent = std::move(event);
    if (!stream.unsent || !stream.exchange->send(stream.unsent->text + std::string(event_end)))
      continue;
    if (stream.unsent->last) done.push_back(number);
    stream.unsent.reset();
  }
  for (const auto number : done) {
    streams_.at(number).exchange->finish_stream();
    end(number);
  }
  after_(interval_, [this] { tick(); });
}

void EventStreams::end(std::uint64_t number) {
  count_.give_back(streams_.erase(number));
}

}  // namespace troupe::gateway
