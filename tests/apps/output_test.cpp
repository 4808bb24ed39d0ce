#include "apps/output.hpp"

#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::apps;

namespace {

struct Said {
  std::ostringstream out;
  std::ostringstream err;
};

const Error full{ErrorCode::queue_full, "4096 tasks wait already", "retry in 12ms"};

}  // namespace

TEST_CASE("people get text, programs one object, never both") {
  Said said;
  Output people({.json = false}, said.out, said.err);
  people.text("hello");
  people.object({{"a", 1}});
  CHECK(said.out.str() == "hello\n");

  Said json;
  Output programs({.json = true}, json.out, json.err);
  programs.text("hello");
  programs.progress("half");
  programs.object({{"a", 1}});
  CHECK(json.out.str() == "{\"a\":1}\n");
  CHECK(json.err.str().empty());
}

TEST_CASE("an error says what happened and what to do next") {
  Said said;
  Output people({.json = false}, said.out, said.err);
  CHECK(people.fail(full) == exit_failed);
  CHECK(said.err.str() == "troupe: 4096 tasks wait already\n  next: retry in 12ms\n");
  CHECK(said.out.str().empty());

  Said json;
  Output programs({.json = true}, json.out, json.err);
  CHECK(programs.fail(full) == exit_failed);
  CHECK(nlohmann::json::parse(json.out.str()) ==
        nlohmann::json{{"error",
                        {{"code", "queue_full"},
                         {"what", "4096 tasks wait already"},
                         {"next_step", "retry in 12ms"}}}});
  CHECK(json.err.str().empty());
}

TEST_CASE("the mistakes of a config start their lines, so that editors can jump to them") {
  Said said;
  Output people({.json = false}, said.out, said.err);
  CHECK(people.fail({ErrorCode::config, "c.toml:1:2: a\nc.toml:3:4: b", ""}) == exit_usage);
  CHECK(said.err.str() == "c.toml:1:2: a\nc.toml:3:4: b\n");
}

TEST_CASE("every kind of error has its exit code") {
  CHECK(exit_code(ErrorCode::invalid_argument) == 2);
  CHECK(exit_code(ErrorCode::config) == 2);
  CHECK(exit_code(ErrorCode::unreachable) == 3);
  CHECK(exit_code(ErrorCode::expired) == 4);
  for (const auto code :
       {ErrorCode::malformed, ErrorCode::not_found, ErrorCode::model_missing, ErrorCode::queue_full,
        ErrorCode::unauthorized, ErrorCode::io, ErrorCode::internal})
    CHECK(exit_code(code) == 1);
}

TEST_CASE("foreign text neither steers the terminal nor breaks the JSON") {
  const Error hostile{ErrorCode::io, "peer \x1b[2J\xff said", ""};
  Said said;
  Output people({.json = false}, said.out, said.err);
  people.fail(hostile);
  CHECK(said.err.str().find('\x1b') == std::string::npos);
  Said json;
  Output programs({.json = true}, json.out, json.err);
  programs.fail(hostile);
  CHECK(nlohmann::json::accept(json.out.str()));
}

TEST_CASE("progress replaces itself on a terminal and gives way to what follows") {
  Said terminal;
  Output people({.json = false, .rewrite_progress = true}, terminal.out, terminal.err);
  people.progress("1 of 2");
  people.progress("2 of 2");
  people.text("done");
  CHECK(terminal.err.str() == "\r\033[K1 of 2\r\033[K2 of 2\n");

  Said file;
  Output log({.json = false}, file.out, file.err);
  log.progress("1 of 2");
  log.progress("2 of 2");
  CHECK(file.err.str() == "1 of 2\n2 of 2\n");
}

TEST_CASE("colour is used only where it is wanted") {
  Said said;
  CHECK(Output({.json = false, .colour = true}, said.out, said.err).bold("x") == "\033[1mx\033[0m");
  CHECK(Output({.json = false, .colour = false}, said.out, said.err).bold("x") == "x");
}

TEST_CASE("a result that did not reach stdout is a failure") {
  Said said;
  Output people({.json = false}, said.out, said.err);
  CHECK(people.finish(exit_ok) == exit_ok);
  said.out.setstate(std::ios::badbit);
  people.text("lost");
  CHECK(people.finish(exit_ok) == exit_failed);
  CHECK(people.finish(exit_unreachable) == exit_unreachable);
  CHECK(said.err.str().find("could not be written") != std::string::npos);
}
