#include "base/log.hpp"

#include <string>
#include <vector>

#include "tests/catch.hpp"

using namespace troupe;

namespace {

// Keeps what it is told, as text.
class Recorder final : public Log {
 public:
  [[nodiscard]] bool enabled(Level) const noexcept override { return true; }
  void write(Level level, std::string_view message,
             std::span<const Field> fields) noexcept override {
    std::string line = std::string(name(level)) + " " + std::string(message);
    for (const Field& field : fields)
      line += " " + std::string(field.key) + "=" + std::visit(Text{}, field.value);
    lines.push_back(line);
  }
  std::vector<std::string> lines;

 private:
  struct Text {
    std::string operator()(std::string_view text) const { return "'" + std::string(text) + "'"; }
    std::string operator()(std::int64_t number) const { return std::to_string(number) + "i"; }
    std::string operator()(std::uint64_t number) const { return std::to_string(number) + "u"; }
    std::string operator()(double number) const { return std::to_string(number); }
    std::string operator()(bool flag) const { return flag ? "yes" : "no"; }
  };
};

}  // namespace

TEST_CASE("every kind of value keeps its kind") {
  Recorder log;
  const std::string text = "b";
  log.info("m", {{"a", "x"}, {"b", text}, {"c", -3}, {"d", 7U}, {"e", true}, {"f", 0.5F}});
  CHECK(log.lines.at(0) == "info m a='x' b='b' c=-3i d=7u e=yes f=0.500000");
}

TEST_CASE("each level says its name") {
  Recorder log;
  log.trace("m");
  log.debug("m");
  log.info("m");
  log.warn("m");
  log.error("m");
  CHECK(log.lines == std::vector<std::string>{"trace m", "debug m", "info m", "warn m", "error m"});
}

TEST_CASE("an error brings its code, what happened, and the next step only if it has one") {
  Recorder log;
  log.warn("no", Error{ErrorCode::io, "port 5 is in use", "choose another"});
  log.error("no", Error{ErrorCode::queue_full, "full", ""});
  CHECK(log.lines.at(0) == "warn no code='io' what='port 5 is in use' next_step='choose another'");
  CHECK(log.lines.at(1) == "error no code='queue_full' what='full'");
}

TEST_CASE("the log that says nothing is not worth asking") {
  CHECK_FALSE(NullLog().enabled(Level::error));
}
