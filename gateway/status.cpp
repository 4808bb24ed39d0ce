#include "gateway/status.hpp"

namespace troupe::gateway {

unsigned status_of(ErrorCode code) noexcept {
  switch (code) {
    case ErrorCode::invalid_argument:
    case ErrorCode::malformed:
      return 400;
    case ErrorCode::unauthorized:
      return 401;
    case ErrorCode::not_found:
    case ErrorCode::model_missing:
      return 404;
    case ErrorCode::too_large:
      return 413;
    case ErrorCode::queue_full:
    case ErrorCode::infeasible:
      return 429;
    case ErrorCode::canceled:
      return 499;  // nginx's word for a client that left; HTTP has none
    case ErrorCode::unsupported:
      return 501;
    case ErrorCode::draining:
    case ErrorCode::unreachable:
      return 503;
    case ErrorCode::expired:
      return 504;
    case ErrorCode::model_damaged:
    case ErrorCode::handler_failed:
    case ErrorCode::io:
    case ErrorCode::config:
    case ErrorCode::internal:
      return 500;
  }
  return 500;
}

bool is_worth_retrying(ErrorCode code) noexcept {
  return code == ErrorCode::queue_full || code == ErrorCode::infeasible ||
         code == ErrorCode::draining || code == ErrorCode::unreachable;
}

std::string_view reason_phrase(unsigned status) noexcept {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 413:
      return "Payload Too Large";
    case 415:
      return "Unsupported Media Type";
    case 417:
      return "Expectation Failed";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 499:
      return "Client Closed Request";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Internal Server Error";
  }
}

}  // namespace troupe::gateway
