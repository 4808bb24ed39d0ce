// From what somebody wrote to a setting's member, and back.
#pragma once

#include <optional>
#include <string>

#include "config/schema.hpp"
#include "config/toml.hpp"

namespace troupe::config {

// Why a value was not taken: "'backoff_min' must be a duration with its unit, as in \"8ms\", not
// 8".
struct Refusal {
  std::string what;
  Place place;  // of the value, or of the entry of a list that is at fault
};

// Checks `value` against the key's type, range and rule and stores it in `slot`; on a refusal the
// slot keeps what it had.
std::optional<Refusal> store(const Key& key, const TomlValue& value, const Slot& slot,
                             const Variables& variables);

// What an override wrote, as a value: the TOML it is, else a text, so that 8ms and info need no
// quotes. A key that takes a text takes every unquoted one as it stands, "true" and "42" included.
TomlValue override_value(const std::string& text, const Slot& slot);

// A TOML value that store() reads back; all of them are JSON as well: "2ms", true, ["cpu"].
std::string format_slot(const Slot& slot);

// One end of a key's range, written the same way.
std::string format_limit(const Slot& slot, std::int64_t limit);

}  // namespace troupe::config
