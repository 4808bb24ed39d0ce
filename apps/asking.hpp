// One question to every node of a running cluster where any of them may have the answer, or none:
// nodes that do not know it say `not_found`, and those that do not answer are named.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "apps/cluster.hpp"

namespace troupe::apps {

struct Silent {
  std::string node;
  Error why;
};
struct Asked {
  std::vector<nlohmann::json> answers;  // objects, of those that know, in the order of the file
  std::vector<Silent> silent;

  [[nodiscard]] std::vector<std::string> silent_names() const;
};

// Nodes that are not there cost the time of one. Errors: malformed for an answer that is no JSON
// object; what a node says against the question itself.
Result<Asked> ask_all(const Reached& reached, const std::string& verb, const std::string& body);

// Why nobody answered, as an error: unreachable where a node is silent, else `unknown`.
Error nobody_knows(const Asked& asked, Error unknown);

// A line about those that are silent; empty where none is.
std::string silent_note(const Asked& asked);

// A field of an answer; nothing, 0 or false where it is not there or something else.
std::string text_of(const nlohmann::json& answer, const char* key);
std::uint64_t count_of(const nlohmann::json& answer, const char* key);
bool flag_of(const nlohmann::json& answer, const char* key);
std::optional<Duration> duration_of(const nlohmann::json& answer, const char* key);  // of "..._ms"

}  // namespace troupe::apps
