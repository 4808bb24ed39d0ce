// The steps of loading, in their order; each adds to the draft and notes the mistakes it finds.
// Internal to loading.
#pragma once

#include "config/draft.hpp"
#include "config/load.hpp"
#include "config/toml.hpp"

namespace troupe::config {

// Declares the nodes, models and policies of the file, binds their settings, and reads every value.
void read_file_layer(Draft& draft, const TomlTable& root, const Variables& variables);

// The environment, then the flags.
void apply_overrides(Draft& draft, const Overrides& overrides);

// What a single setting cannot know: required ones, endpoints that clash, a minimum over its
// maximum.
void check_together(Draft& draft);

}  // namespace troupe::config
