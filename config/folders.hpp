// Folders as a config names them: "~" and variables expanded, and where "auto" points.
//
// Errors: config, with what could not be expanded.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/result.hpp"

namespace troupe::config {

// Looks up an environment variable; an argument, so that tests need not touch the process.
using Variables = std::function<std::optional<std::string>(const std::string& name)>;

// The one that asks the process.
std::optional<std::string> environment_variable(const std::string& name);

// "~" or "~/..." at the start, and "$NAME" or "${NAME}" anywhere. A variable that is not set is an
// error: an empty text in its place would name another folder. Nothing else is touched; a relative
// folder stays relative to the working directory.
Result<std::string> expand_folder(const std::string& text, const Variables& variables);

// [model.NAME] folder. "auto": $TROUPE_MODEL_DIR, else where tools/get-model puts
// all-MiniLM-L6-v2, below $XDG_CACHE_HOME or ~/.cache.
Result<std::string> model_folder(const std::string& text, const Variables& variables);

// [cluster] keys. "auto" stays, because it also means that keys are made when missing.
Result<std::string> keys_folder(const std::string& text, const Variables& variables);

// Folders and files that need not be. Empty stays: there is none.
Result<std::string> optional_folder(const std::string& text, const Variables& variables);

}  // namespace troupe::config
