// The tensors of a checkpoint, bound to the places of a BERT.
//
// Names are those of Hugging Face's BertModel, with or without `bert.` in front; LayerNorm's gain
// and bias may also be called gamma and beta, as in older files. A classifier
// (BertForSequenceClassification: classifier.* and the pooler that it needs) becomes the model's
// head. What is left alone: position_ids, a pooler without a classifier, other heads. F32 is used
// where it lies in the file; F16, BF16 and F32 that is not aligned are copied.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "kernels/bert.hpp"
#include "models/safetensors.hpp"

namespace troupe::models {

// The result keeps the file alive. `labels` are the names of a head's, if the config has any;
// without they are LABEL_0 and so on, as Hugging Face calls them. Errors: model_damaged with the
// file and the tensor when one is missing, has another shape than `config` asks for, holds what is
// no float or not finite, or belongs to a layer that `config` knows nothing of. Reads every weight
// once, hence the whole file.
Result<std::shared_ptr<const kernels::BertModel>> bind_bert_weights(
    const Safetensors& file, const kernels::BertConfig& config,
    const std::vector<std::string>& labels = {});

}  // namespace troupe::models
