// The page that shows a node's status live in a browser: gateway/status_page.html, which the build
// puts into the program as it stands.
#pragma once

#include <string_view>

#include "gateway/message.hpp"

namespace troupe::gateway {

// The file's bytes. In a source that the build writes.
extern const std::string_view status_page_html;

// With a policy under which the browser runs this page's own script and style, talks to this node,
// and does nothing else, whatever a name that the page shows may contain.
Response status_page();

}  // namespace troupe::gateway
