#include "base/error.hpp"

#include <array>

namespace troupe {
namespace {

// In the order of the codes, which start at 1.
constexpr std::array<std::string_view, 18> names = {
    "invalid_argument", "malformed",   "too_large", "not_found", "model_missing", "model_damaged",
    "queue_full",       "expired",     "canceled",  "draining",  "unreachable",   "unauthorized",
    "handler_failed",   "unsupported", "io",        "config",    "internal",      "infeasible"};
static_assert(names.size() == static_cast<std::size_t>(ErrorCode::infeasible));

}  // namespace

bool is_error_code(std::uint16_t raw) noexcept {
  return raw >= 1 && raw <= names.size();
}

std::string_view name(ErrorCode code) noexcept {
  const auto raw = static_cast<std::uint16_t>(code);
  return is_error_code(raw) ? names[raw - 1U] : "unknown";
}

std::string Error::to_string() const {
  std::string text{name(code)};
  text += ": ";
  text += what;
  if (!next_step.empty()) {
    text += " (";
    text += next_step;
    text += ')';
  }
  return text;
}

}  // namespace troupe
