// From a cluster's config, read already, to the options of a client of it.
#pragma once

#include <string>

#include "client/client.hpp"
#include "config/cluster_keys.hpp"
#include "config/config.hpp"

namespace troupe {

// Reads NAME.key. Errors: io, config.
Result<ClientOptions> client_options(const config::Config& config, const config::ClusterKeys& keys,
                                     const std::string& name);

}  // namespace troupe
