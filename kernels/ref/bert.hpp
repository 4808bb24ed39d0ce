// The encoder once more, in float64 and as the textbook writes it: one token after the other, no
// packing, no vectors. It is what every device is compared with.
//
// Source: Devlin et al., "BERT", NAACL 2019; pooling as in Reimers and Gurevych, "Sentence-BERT",
// EMNLP 2019.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "kernels/bert.hpp"

namespace troupe::kernels::ref {

// The unit vector of one text. The model passed check_model(); 1 to tokens_max ids, all of them in
// the vocabulary. Takes about a second for a small model's longest text.
std::vector<double> encode(const BertModel& model, std::span<const std::int32_t> ids);

// The scores of the labels, for a model with a head.
std::vector<double> classify(const BertModel& model, std::span<const std::int32_t> ids);

}  // namespace troupe::kernels::ref
