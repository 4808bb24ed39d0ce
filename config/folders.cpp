#include "config/folders.hpp"

#include <cstdlib>
#include <string_view>

namespace troupe::config {
namespace {

constexpr std::string_view auto_folder = "auto";

bool of_a_name(char c) noexcept {
  return c == '_' || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

Error wrong(std::string what) {
  return {ErrorCode::config, std::move(what), "write the folder out"};
}

Result<std::string> home(const Variables& variables) {
  auto folder = variables("HOME");
  if (!folder || folder->empty()) return wrong("the home folder is unknown: HOME is not set");
  return *std::move(folder);
}

// Takes "NAME" or "{NAME}" from `text`, which follows a '$'.
Result<std::string> take_variable(std::string_view& text, const Variables& variables) {
  const bool braced = !text.empty() && text.front() == '{';
  const std::size_t begin = braced ? 1 : 0;
  std::size_t end = begin;
  while (end < text.size() && of_a_name(text[end])) ++end;
  if (end == begin || (braced && (end == text.size() || text[end] != '}')))
    return wrong("a '$' in a folder must start a variable, as in $HOME or ${HOME}");
  const std::string name(text.substr(begin, end - begin));
  text.remove_prefix(braced ? end + 1 : end);
  auto value = variables(name);
  if (!value || value->empty()) return wrong("the variable " + name + " is not set");
  return *std::move(value);
}

// $XDG_CACHE_HOME, else ~/.cache. As its specification says, a relative one does not count.
Result<std::string> cache_folder(const Variables& variables) {
  if (auto folder = variables("XDG_CACHE_HOME"); folder && folder->starts_with('/')) return *folder;
  auto folder = home(variables);
  if (!folder) return folder.error();
  return *folder + "/.cache";
}

}  // namespace

std::optional<std::string> environment_variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): never set here
  if (value == nullptr) return std::nullopt;
  return value;
}

Result<std::string> expand_folder(const std::string& text, const Variables& variables) {
  std::string folder;
  std::string_view rest = text;
  if (rest.starts_with('~')) {
    rest.remove_prefix(1);
    if (!rest.empty() && rest.front() != '/')
      return wrong("only '~/' is understood at the start of a folder, not another user's home");
    auto start = home(variables);
    if (!start) return start.error();
    folder = *start;
  }
  while (!rest.empty()) {
    const char c = rest.front();
    rest.remove_prefix(1);
    if (c != '$') {
      folder += c;
      continue;
    }
    auto value = take_variable(rest, variables);
    if (!value) return value.error();
    folder += *value;
  }
  return folder;
}

Result<std::string> model_folder(const std::string& text, const Variables& variables) {
  if (text != auto_folder) return expand_folder(text, variables);
  if (auto given = variables("TROUPE_MODEL_DIR"); given && !given->empty()) return *given;
  auto cache = cache_folder(variables);
  if (!cache) return cache.error();
  return *cache + "/troupe/models/all-MiniLM-L6-v2";
}

Result<std::string> optional_folder(const std::string& text, const Variables& variables) {
  return expand_folder(text, variables);
}

Result<std::string> keys_folder(const std::string& text, const Variables& variables) {
  if (text == auto_folder) return text;
  return expand_folder(text, variables);
}

}  // namespace troupe::config
