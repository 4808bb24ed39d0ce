// The encoders of a process, so that its CPU devices share one packed copy of each model's weights
// for each instruction set and precision they run, in place of one copy per device.
//
// Made by whoever wires the devices and passed to each (CpuDeviceOptions::encoders). The cache
// itself keeps nothing alive: an encoder goes with its last user. Thread-safe; encoders are packed
// one at a time, so that devices which open the same model at once pack it once.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>

#include "kernels/cpu/encoder.hpp"

namespace troupe::kernels::cpu {

class EncoderCache {
 public:
  // The encoder that somebody uses already, else a new one. The model passed check_model().
  std::shared_ptr<const Encoder> get(const Tiles& tiles, std::shared_ptr<const BertModel> model,
                                     Precision precision);

  // How many encoders somebody uses now, and how often one was packed since the beginning.
  [[nodiscard]] std::size_t in_use() const;
  [[nodiscard]] std::uint64_t packed() const;

 private:
  // An encoder keeps its model, so a model's address means the same as long as its encoder lives.
  struct Key {
    const BertModel* model;
    const Tiles* tiles;
    Precision precision;
    auto operator<=>(const Key&) const = default;
  };

  mutable std::mutex mutex_;
  std::map<Key, std::weak_ptr<const Encoder>> encoders_;  // guarded by mutex_
  std::uint64_t packed_ = 0;                              // guarded by mutex_
};

}  // namespace troupe::kernels::cpu
