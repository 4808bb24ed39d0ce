// Recall once more, in float64 and by sorting everything: what every device is compared with.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace troupe::kernels::ref {

struct Document {
  std::string memory;  // "librarian/017"
  std::uint64_t number = 0;
  std::vector<float> vector;  // of any length but zero
};

struct Score {
  std::string memory;
  std::uint64_t document = 0;
  double cosine = 0;
};

// The k best by cosine, equal ones by document number, then by memory name.
std::vector<Score> recall(std::span<const Document> documents, std::span<const float> query,
                          std::size_t k);

}  // namespace troupe::kernels::ref
