// Failures as mail: topic "error", body {"error":{"code":...,"what":...,"next_step":...}}. An error
// mail is never answered with another, so that two agents cannot throw errors at each other
// forever.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "base/error.hpp"

namespace troupe::actors {

inline constexpr const char* error_topic = "error";

inline std::string error_body(const Error& error) {
  const nlohmann::json body = {
      {"error",
       {{"code", name(error.code)}, {"what", error.what}, {"next_step", error.next_step}}}};
  // Texts from outside may not be UTF-8; a replacement character beats an exception.
  return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace troupe::actors
