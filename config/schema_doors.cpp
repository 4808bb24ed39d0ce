// The settings of the doors for programs that speak HTTP and gRPC.
#include <chrono>

#include "config/rules.hpp"
#include "config/schema_slots.hpp"

namespace troupe::config {
namespace {

using namespace std::chrono_literals;

constexpr Key of_http[] = {
    {.name = "listen",
     .slot = in<&Config::http, &HttpConfig::listen>,
     .help = "address and port, as in `\"127.0.0.1:8080\"`; empty: only nodes that have an `http` "
             "serve it",
     .complaint = listen_complaint},
    {.name = "keys",
     .slot = in<&Config::http, &HttpConfig::keys>,
     .help = "who may ask: lines that `troupe keys api TENANT` prints; none: no key is asked for",
     .max = 10'000,
     .complaint = api_key_complaint},
    {.name = "open",
     .slot = in<&Config::http, &HttpConfig::open>,
     .help = "on: without `keys` it may listen on addresses that other machines reach"},
    {.name = "tls_certificate",
     .slot = in<&Config::http, &HttpConfig::tls_certificate>,
     .help = "a file with a certificate in PEM, its chain behind it: the nodes serve HTTPS, and no "
             "plain HTTP. Read again when it changes",
     .expand = optional_folder},
    {.name = "tls_key",
     .slot = in<&Config::http, &HttpConfig::tls_key>,
     .help = "the certificate's key in PEM, without a passphrase, that not everybody may read",
     .expand = optional_folder},
    {.name = "model_control",
     .slot = in<&Config::http, &HttpConfig::model_control>,
     .help = "on: whoever may ask may load and unload the node's models, too"},
    {.name = "threads",
     .slot = in<&Config::http, &HttpConfig::threads>,
     .help = "threads that serve connections and tokenize their texts",
     .min = 1,
     .max = 64},
    {.name = "connections_max",
     .slot = in<&Config::http, &HttpConfig::connections_max>,
     .help = "connections of a node; more are answered with 503",
     .min = 1,
     .max = 1'000'000},
    {.name = "header_bytes_max",
     .slot = in<&Config::http, &HttpConfig::header_bytes_max>,
     .help = "a request's header; a longer one is answered with 431",
     .min = 1 << 10,
     .max = mebi(1)},
    {.name = "body_bytes_max",
     .slot = in<&Config::http, &HttpConfig::body_bytes_max>,
     .help = "a request's body; a longer one is answered with 413",
     .min = 1 << 10,
     .max = mebi(1 << 10)},
    {.name = "bodies_bytes_max",
     .slot = in<&Config::http, &HttpConfig::bodies_bytes_max>,
     .help = "the bodies of all connections together; what is over it is answered with 503",
     .min = 1 << 10,
     .max = mebi(64 << 10)},
    {.name = "idle_timeout",
     .slot = in<&Config::http, &HttpConfig::idle_timeout>,
     .help = "how long a connection may be silent between two requests",
     .min = count(10ms),
     .max = count(24h)},
    {.name = "request_timeout",
     .slot = in<&Config::http, &HttpConfig::request_timeout>,
     .help = "from a request's first byte to its last; a slower one is answered with 408",
     .min = count(10ms),
     .max = count(1h)},
    {.name = "write_timeout",
     .slot = in<&Config::http, &HttpConfig::write_timeout>,
     .help = "how long a client may take to read its answer",
     .min = count(10ms),
     .max = count(1h)},
    {.name = "jobs_max",
     .slot = in<&Config::http, &HttpConfig::jobs_max>,
     .help = "requests that nobody waits for, those whose answers are kept included; more are "
             "refused",
     .max = 100'000},
    {.name = "jobs_bytes_max",
     .slot = in<&Config::http, &HttpConfig::jobs_bytes_max>,
     .help = "their texts and answers together; what is over it is refused",
     .max = mebi(64 << 10)},
    {.name = "job_kept",
     .slot = in<&Config::http, &HttpConfig::job_kept>,
     .help = "how long the answer to such a request is kept",
     .min = count(1s),
     .max = count(24h)},
    {.name = "drain_timeout",
     .slot = in<&Config::http, &HttpConfig::drain_timeout>,
     .help = "how long a node that is asked to stop finishes requests; keep it below "
             "`stop_timeout` of `[up]`",
     .max = count(1h)},
};

constexpr Key of_grpc[] = {
    {.name = "listen",
     .slot = in<&Config::grpc, &GrpcConfig::listen>,
     .help = "address and port, as in `\"127.0.0.1:8001\"`; empty: only nodes that have a `grpc` "
             "serve it",
     .complaint = listen_complaint},
    {.name = "calls_max",
     .slot = in<&Config::grpc, &GrpcConfig::calls_max>,
     .help = "calls of a node that are under way; more are answered with RESOURCE_EXHAUSTED",
     .min = 1,
     .max = 1'000'000},
    {.name = "message_bytes_max",
     .slot = in<&Config::grpc, &GrpcConfig::message_bytes_max>,
     .help = "a message that comes in; a longer one is answered with RESOURCE_EXHAUSTED",
     .min = 1 << 10,
     .max = mebi(1 << 10)},
    {.name = "messages_bytes_max",
     .slot = in<&Config::grpc, &GrpcConfig::messages_bytes_max>,
     .help = "the messages of all calls under way together; what is over it is answered with "
             "RESOURCE_EXHAUSTED",
     .min = mebi(1),
     .max = mebi(64 << 10)},
};

}  // namespace

std::span<const Key> http_keys() noexcept {
  return of_http;
}

std::span<const Key> grpc_keys() noexcept {
  return of_grpc;
}

}  // namespace troupe::config
