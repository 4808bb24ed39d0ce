// TLS for the server: the certificate and its key, and what connections speak it with. Internal to
// gateway/server; used on loop 0's thread once it serves.
#pragma once

#include <sys/types.h>
#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>

#include "base/result.hpp"

namespace troupe::gateway {

class Tls {
 public:
  // Errors: io for files that cannot be read, a key that everybody can; config for a certificate or
  // a key that is none, or not for the other.
  static Result<std::shared_ptr<Tls>> open(std::string certificate, std::string key);

  // What new connections use. It may go while they do: each keeps what it needs.
  [[nodiscard]] boost::asio::ssl::context& context() noexcept { return *context_; }

  // Reads the files again if they are others than before: whether they were. Errors: as above; what
  // was used before stays, until they change once more.
  Result<bool> renew();

 private:
  // What tells one version of a file from the next.
  struct Version {
    ino_t file = 0;
    off_t bytes = 0;
    std::int64_t changed_ns = 0;
    bool operator==(const Version&) const = default;
  };
  Tls(std::string certificate, std::string key)
      : certificate_(std::move(certificate)), key_(std::move(key)) {}
  static Result<Version> version_of(const std::string& path);
  [[nodiscard]] Status load();

  const std::string certificate_;
  const std::string key_;
  Version certificate_seen_;
  Version key_seen_;
  std::unique_ptr<boost::asio::ssl::context> context_;
};

}  // namespace troupe::gateway
