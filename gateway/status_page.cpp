#include "gateway/status_page.hpp"

#include <openssl/evp.h>

#include <array>
#include <string>

#include "base/assert.hpp"

namespace troupe::gateway {
namespace {

std::string_view between(std::string_view text, std::string_view begin, std::string_view end) {
  const auto from = text.find(begin);
  const auto to = text.find(end, from);
  TROUPE_ASSERT(from != std::string_view::npos && to != std::string_view::npos,
                "the status page lacks its style or script");
  return text.substr(from + begin.size(), to - from - begin.size());
}

// As a Content-Security-Policy names an element's content.
std::string source_of(std::string_view content) {
  std::array<unsigned char, 32> hash{};
  unsigned int length = 0;
  const int done =
      EVP_Digest(content.data(), content.size(), hash.data(), &length, EVP_sha256(), nullptr);
  TROUPE_ASSERT(done == 1 && length == hash.size(), "SHA-256 is not to be had");
  std::array<unsigned char, 45> text{};  // and the zero that OpenSSL ends it with
  EVP_EncodeBlock(text.data(), hash.data(), static_cast<int>(hash.size()));
  return "'sha256-" + std::string(text.begin(), text.end() - 1) + "'";
}

std::string policy() {
  return "default-src 'none'; script-src " +
         source_of(between(status_page_html, "<script>", "</script>")) + "; style-src " +
         source_of(between(status_page_html, "<style>", "</style>")) +
         "; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
         "frame-ancestors 'none'";
}

}  // namespace

Response status_page() {
  static const std::string page_policy = policy();
  Response response;
  response.content_type = "text/html; charset=utf-8";
  response.body = status_page_html;
  response.headers = {{"Content-Security-Policy", page_policy},
                      {"X-Content-Type-Options", "nosniff"},
                      {"Referrer-Policy", "no-referrer"},
                      {"Cache-Control", "no-cache"}};
  return response;
}

}  // namespace troupe::gateway
