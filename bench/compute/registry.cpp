#include "bench/compute/registry.hpp"

#include <array>

#include "bench/compute/scenarios.hpp"

namespace troupe::bench::compute {

std::span<const harness::Scenario> encode_scenarios() {
  static constexpr std::array<harness::Scenario, 7> all = {{
      {"products", "The encoder's matrix products against this machine's peak", run_products},
      {"speed", "The whole encoder against the same peak", run_speed},
      {"precision", "How far embeddings are from float64, and what bf16 buys", run_precision},
      {"packing", "Texts of mixed lengths packed, against padded to the longest", run_packing},
      {"yield", "How soon urgent work gets in, and what being ready for it costs", run_yielding},
      {"tokenizer", "Megabytes of English text a second", run_tokenizer},
      {"peers", "The same model by OpenBLAS, oneDNN and ONNX Runtime", run_peers},
  }};
  return all;
}

std::span<const harness::Scenario> act_scenarios() {
  static constexpr std::array<harness::Scenario, 1> all = {{
      {"policy", "A policy of 64-128-128-16 for batches of agents", run_policy},
  }};
  return all;
}

std::span<const harness::Scenario> recall_scenarios() {
  static constexpr std::array<harness::Scenario, 1> all = {{
      {"scan", "Memories far beyond the caches, against reading alone", run_scan},
  }};
  return all;
}

}  // namespace troupe::bench::compute
