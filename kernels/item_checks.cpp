#include "kernels/item_checks.hpp"

#include <algorithm>
#include <cmath>
#include <string>

namespace troupe::kernels {

Status check_text(const Tokens& text, const BertConfig& config) {
  if (text.ids.empty())
    return Error{ErrorCode::invalid_argument, "a text without tokens",
                 "send the tokenizer's output, special tokens included"};
  if (text.ids.size() > config.tokens_max)
    return Error{ErrorCode::too_large,
                 "a text of " + std::to_string(text.ids.size()) + " tokens; the model reads " +
                     std::to_string(config.tokens_max),
                 "truncate it"};
  if (text.classify && config.labels == 0)
    return Error{ErrorCode::unsupported, "the model has no classifier",
                 "encode the text, or name a model that was tuned to classify"};
  const auto unknown = std::find_if(text.ids.begin(), text.ids.end(), [&](std::int32_t id) {
    return id < 0 || static_cast<std::uint32_t>(id) >= config.vocabulary;
  });
  if (unknown == text.ids.end()) return {};
  return Error{ErrorCode::invalid_argument,
               "token " + std::to_string(*unknown) + " is not in a vocabulary of " +
                   std::to_string(config.vocabulary),
               "tokenize the text for this model"};
}

Status check_observation(std::span<const float> observation, const PolicyModel& model) {
  if (observation.size() != model.observation_width())
    return Error{ErrorCode::invalid_argument,
                 "an observation of " + std::to_string(observation.size()) + " numbers",
                 "this policy looks at " + std::to_string(model.observation_width())};
  if (!std::all_of(observation.begin(), observation.end(),
                   [](float x) { return std::isfinite(x); }))
    return Error{ErrorCode::invalid_argument, "an observation that is not finite", ""};
  return {};
}

Error not_finite() {
  return {ErrorCode::model_damaged, "the model gave numbers that are not finite",
          "get the model again or choose another one"};
}

}  // namespace troupe::kernels
