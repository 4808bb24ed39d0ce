// The reference of every setting, as docs/configuration.md carries it.
#pragma once

#include <string>

namespace troupe::config {

// Markdown: one heading and one table of key, type, default and meaning per table of the file.
std::string config_reference();

}  // namespace troupe::config
