// What texts in a config must look like. Each rule answers with what the text must be ("must name a
// folder"), ready to follow the key's name in a message, or with nothing when it is fine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace troupe::config {

using Complaint = std::optional<std::string>;

// Letters, digits, '-', '_' and '.': names of clusters, nodes, models and policies become parts of
// file names and of environment variables.
Complaint name_complaint(const std::string& text);

// One address or host name of a machine, in whatever spelling the system takes; no wildcard.
Complaint host_complaint(const std::string& host);

// May be empty. Never an option: it becomes a word of a command.
Complaint machine_complaint(const std::string& machine);

// "cpu", "auto" or "cuda:N".
Complaint device_complaint(const std::string& device);

// "HOST:PORT" or "[HOST]:PORT", taken apart; nothing where it is neither. A wildcard is a host
// here.
struct ListenAddress {
  std::string host;
  std::uint16_t port = 0;
};
std::optional<ListenAddress> parse_listen(const std::string& text);

// Such an address; or empty; or, of a node, "off".
Complaint listen_complaint(const std::string& text);
Complaint node_listen_complaint(const std::string& text);

// "http://HOST:PORT", taken apart; nothing where it is not, or the host a wildcard.
std::optional<ListenAddress> parse_collector(const std::string& text);

// Such an address, or empty.
Complaint collector_complaint(const std::string& text);

// "LATITUDE,LONGITUDE" in degrees; may be empty.
Complaint location_complaint(const std::string& location);

// "TENANT sha256:HASH".
Complaint api_key_complaint(const std::string& line);

// Whether only this machine can reach it.
bool is_loopback(const std::string& host);

Complaint folder_complaint(const std::string& folder);
Complaint file_complaint(const std::string& file);

// One of `choices`, which is an array of string views with static storage.
template <auto& choices>
Complaint choice_complaint(const std::string& text) {
  std::string must = "must be";
  for (const std::string_view& choice : choices) {
    if (choice == text) return std::nullopt;
    const bool last = &choice == &choices.back();
    must += &choice == &choices.front() ? " \"" : last ? " or \"" : ", \"";
    must += choice;
    must += '"';
  }
  return must;
}

// The host in one spelling, to compare endpoints: numbers as the system reads them, names in lower
// case, "localhost" as 127.0.0.1. Asks no name server.
std::string plain_host(const std::string& host);

bool letter_or_digit(char c) noexcept;  // ASCII, whatever the locale

}  // namespace troupe::config
