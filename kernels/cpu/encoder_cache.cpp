#include "kernels/cpu/encoder_cache.hpp"

#include <algorithm>
#include <utility>

namespace troupe::kernels::cpu {

std::shared_ptr<const Encoder> EncoderCache::get(const Tiles& tiles,
                                                 std::shared_ptr<const BertModel> model,
                                                 Precision precision) {
  const std::scoped_lock lock(mutex_);
  std::erase_if(encoders_, [](const auto& entry) { return entry.second.expired(); });
  const Key key{model.get(), &tiles, precision};
  if (const auto found = encoders_.find(key); found != encoders_.end()) {
    if (auto encoder = found->second.lock()) return encoder;
  }
  auto encoder = std::make_shared<const Encoder>(tiles, std::move(model), precision);
  encoders_[key] = encoder;
  ++packed_;
  return encoder;
}

std::size_t EncoderCache::in_use() const {
  const std::scoped_lock lock(mutex_);
  return static_cast<std::size_t>(
      std::count_if(encoders_.begin(), encoders_.end(),
                    [](const auto& entry) { return !entry.second.expired(); }));
}

std::uint64_t EncoderCache::packed() const {
  const std::scoped_lock lock(mutex_);
  return packed_;
}

}  // namespace troupe::kernels::cpu
