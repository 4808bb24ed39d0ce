#include "kernels/ref/recall.hpp"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace troupe::kernels::ref {
namespace {

double dot(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return sum;
}

}  // namespace

std::vector<Score> recall(std::span<const Document> documents, std::span<const float> query,
                          std::size_t k) {
  std::vector<Score> scores;
  for (const auto& document : documents) {
    const double lengths = std::sqrt(dot(document.vector, document.vector) * dot(query, query));
    scores.push_back({document.memory, document.number, dot(document.vector, query) / lengths});
  }
  std::sort(scores.begin(), scores.end(), [](const Score& a, const Score& b) {
    return std::tie(b.cosine, a.document, a.memory) < std::tie(a.cosine, b.document, b.memory);
  });
  scores.resize(std::min(k, scores.size()));
  return scores;
}

}  // namespace troupe::kernels::ref
