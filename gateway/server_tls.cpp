#include "gateway/server_tls.hpp"

#include <openssl/ssl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace troupe::gateway {
namespace {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

Error unreadable(const std::string& path, const std::string& why) {
  return {ErrorCode::io, "cannot read " + path + ": " + why,
          "see `tls_certificate` and `tls_key` of [http], and who may read the files"};
}

}  // namespace

Result<Tls::Version> Tls::version_of(const std::string& path) {
  struct stat seen {};
  if (::stat(path.c_str(), &seen) != 0) return unreadable(path, std::strerror(errno));
  constexpr std::int64_t second = 1'000'000'000;
  return Version{seen.st_ino, seen.st_size,
                 std::int64_t{seen.st_mtim.tv_sec} * second + seen.st_mtim.tv_nsec};
}

Status Tls::load() {
  struct stat seen {};
  if (::stat(key_.c_str(), &seen) != 0) return unreadable(key_, std::strerror(errno));
  if ((seen.st_mode & S_IROTH) != 0)
    return Error{ErrorCode::io, "everybody on this machine can read the TLS key " + key_,
                 "chmod o-r " + key_ + ", and make a new one if others were here"};
  auto context = std::make_unique<ssl::context>(ssl::context::tls_server);
  ::SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  ::SSL_CTX_set_options(context->native_handle(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                                      SSL_OP_CIPHER_SERVER_PREFERENCE);
  // A key with a passphrase would ask for it on the terminal.
  ::SSL_CTX_set_default_passwd_cb(context->native_handle(),
                                  [](char*, int, int, void*) { return 0; });
  error_code failed;
  context->use_certificate_chain_file(certificate_, failed);
  if (failed)
    return Error{ErrorCode::config, certificate_ + " is no certificate in PEM: " + failed.message(),
                 "the certificate comes first in it, then its chain"};
  context->use_private_key_file(key_, ssl::context::pem, failed);
  if (failed)
    return Error{ErrorCode::config,
                 key_ + " is no key in PEM for " + certificate_ + ": " + failed.message(),
                 "it has no passphrase, and is the one that the certificate was made for"};
  context_ = std::move(context);
  return {};
}

Result<bool> Tls::renew() {
  const auto certificate = version_of(certificate_);
  if (!certificate) return false;  // being replaced, or gone: what we have is as good as before
  const auto key = version_of(key_);
  if (!key) return false;
  if (*certificate == certificate_seen_ && *key == key_seen_) return false;
  certificate_seen_ = *certificate;
  key_seen_ = *key;
  if (auto loaded = load(); !loaded) return loaded.error();
  return true;
}

Result<std::shared_ptr<Tls>> Tls::open(std::string certificate, std::string key) {
  std::shared_ptr<Tls> tls(new Tls(std::move(certificate), std::move(key)));
  for (const auto* path : {&tls->certificate_, &tls->key_})
    if (const auto there = version_of(*path); !there) return there.error();
  if (auto renewed = tls->renew(); !renewed) return renewed.error();
  return tls;
}

}  // namespace troupe::gateway
