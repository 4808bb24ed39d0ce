#include "bench/librarians/protocol.hpp"

#include <nlohmann/json.hpp>

namespace troupe::bench {
namespace {

using nlohmann::json;

std::string dump(const json& body) {
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

// The library throws on what is missing or of another type; that ends here.
template <class Message, class Read>
Result<Message> parse(std::string_view body, Read read) {
  try {
    Message message;
    read(json::parse(body), message);
    return message;
  } catch (const json::exception& wrong) {
    return Error{ErrorCode::malformed,
                 std::string("the message's body cannot be read: ") + wrong.what(),
                 "bench/librarians/protocol.hpp describes it"};
  }
}

Duration ns(const json& value) {
  return Duration{value.get<Duration::rep>()};
}

}  // namespace

std::string to_json(const Shelve& m) {
  return dump({{"document", m.document}, {"model", m.model}, {"text", m.text}});
}

std::string to_json(const Shelved& m) {
  return dump({{"document", m.document},
               {"ok", m.ok},
               {"error", m.error},
               {"what", m.what},
               {"tokens", m.tokens},
               {"truncated", m.truncated},
               {"took_ns", m.took.count()}});
}

std::string to_json(const Read& m) {
  return dump({{"model", m.model},
               {"period_ns", m.period.count()},
               {"first_ns", m.first.count()},
               {"time_limit_ns", m.time_limit.count()},
               {"k", m.k},
               {"offset", m.offset},
               {"rounds", m.rounds},
               {"questions", m.questions}});
}

std::string to_json(const Answered& m) {
  json hits = json::array();
  for (const auto& hit : m.hits) hits.push_back({hit.memory, hit.document, hit.score});
  return dump({{"question", m.question},
               {"latency_ns", m.latency.count()},
               {"ok", m.ok},
               {"error", m.error},
               {"hits", hits}});
}

template <>
Result<Shelve> from_json(std::string_view body) {
  return parse<Shelve>(body, [](const json& from, Shelve& m) {
    m.document = from.at("document").get<std::uint64_t>();
    m.model = from.at("model").get<std::string>();
    m.text = from.at("text").get<std::string>();
  });
}

template <>
Result<Shelved> from_json(std::string_view body) {
  return parse<Shelved>(body, [](const json& from, Shelved& m) {
    m.document = from.at("document").get<std::uint64_t>();
    m.ok = from.at("ok").get<bool>();
    m.error = from.at("error").get<std::string>();
    m.what = from.at("what").get<std::string>();
    m.tokens = from.at("tokens").get<std::uint32_t>();
    m.truncated = from.at("truncated").get<bool>();
    m.took = ns(from.at("took_ns"));
  });
}

template <>
Result<Read> from_json(std::string_view body) {
  return parse<Read>(body, [](const json& from, Read& m) {
    m.model = from.at("model").get<std::string>();
    m.period = ns(from.at("period_ns"));
    m.first = ns(from.at("first_ns"));
    m.time_limit = ns(from.at("time_limit_ns"));
    m.k = from.at("k").get<std::uint32_t>();
    m.offset = from.at("offset").get<std::uint64_t>();
    m.rounds = from.at("rounds").get<std::uint32_t>();
    m.questions = from.at("questions").get<std::vector<std::string>>();
  });
}

template <>
Result<Answered> from_json(std::string_view body) {
  return parse<Answered>(body, [](const json& from, Answered& m) {
    m.question = from.at("question").get<std::uint64_t>();
    m.latency = ns(from.at("latency_ns"));
    m.ok = from.at("ok").get<bool>();
    m.error = from.at("error").get<std::string>();
    for (const auto& hit : from.at("hits"))
      m.hits.push_back(
          {hit.at(0).get<std::string>(), hit.at(1).get<std::uint64_t>(), hit.at(2).get<float>()});
  });
}

}  // namespace troupe::bench
