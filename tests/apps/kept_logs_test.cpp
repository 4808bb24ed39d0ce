// The nodes' logs as `troupe up` keeps them and `troupe logs` reads them: bounded, merged by time,
// and never the reason why anything else fails.
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>

#include "apps/interrupts.hpp"
#include "apps/kept_log.hpp"
#include "apps/log_keeper.hpp"
#include "apps/log_line.hpp"
#include "apps/log_tail.hpp"
#include "tests/catch.hpp"

using namespace troupe;
using namespace troupe::apps;

namespace {

class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "troupe-logs-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

void put(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::app) << text;
}

std::string at(int second, const std::string& message) {
  return "{\"ts\":\"2025-01-31T12:00:0" + std::to_string(second) +
         ".000000Z\",\"level\":\"info\",\"msg\":\"" + message + "\"}\n";
}

// "a:first b:second", of all that is there.
std::string merged(std::vector<LogTail>& tails) {
  std::string all;
  merge(tails, [&](const std::string& node, const LogLine& line) {
    const std::string what = line.event ? (*line.event)["msg"].get<std::string>() : line.text;
    all += (all.empty() ? "" : " ") + node + ":" + what;
    return true;
  });
  return all;
}

class Heard final : public Log {
 public:
  [[nodiscard]] bool enabled(Level) const noexcept override { return true; }
  void write(Level, std::string_view message, std::span<const Field>) noexcept override {
    messages.emplace_back(message);
  }
  std::vector<std::string> messages;
};

}  // namespace

TEST_CASE("a kept log begins anew when it is full, and keeps the one before") {
  const Folder folder;
  const auto path = folder.file("a.log");
  {
    KeptLog log(path, 20);
    for (const char* line : {"one", "two", "a line of just about 20", "three"})
      CHECK_FALSE(log.write(line));
  }
  CHECK(text_of(path) == "three\n");
  CHECK(text_of(path + ".1") == "a line of just about 20\n");
  KeptLog again(path, 20);  // after a restart it goes on where it was
  CHECK_FALSE(again.write("four"));
  CHECK(text_of(path) == "three\nfour\n");
}

TEST_CASE("a full disk is told once, and again only after something could be written") {
  KeptLog full("/dev/full", 1 << 20);
  const auto failed = full.write("lost");
  REQUIRE(failed);
  CHECK(failed->code == ErrorCode::io);
  CHECK(failed->what.find("/dev/full") != std::string::npos);
  for (int i = 0; i < 100; ++i) CHECK_FALSE(full.write("lost as well"));

  const Folder folder;
  std::filesystem::create_directory(folder.file("gone"));
  KeptLog log(folder.file("gone/a.log"), 1 << 20);
  std::filesystem::remove(folder.file("gone"));
  CHECK(log.write("lost"));
  CHECK_FALSE(log.write("lost"));
  std::filesystem::create_directory(folder.file("gone"));
  CHECK_FALSE(log.write("kept"));
  CHECK(text_of(folder.file("gone/a.log")) == "kept\n");
}

TEST_CASE("a line that the disk had room for in part does not run into the next") {
  const Folder folder;
  const auto path = folder.file("a.log");
  let_writes_fail();
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
  KeptLog log(path, 1 << 20);
  CHECK_FALSE(log.write("whole"));
  const rlimit tight{10, before.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &tight) == 0);
  const bool told = log.write("cut in the middle").has_value();
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &before) == 0);
  CHECK(told);
  CHECK_FALSE(log.write("next"));
  CHECK(text_of(path) == "whole\ncut \nnext\n");
}

TEST_CASE("lines of several nodes come in order of time, texts behind the line before them") {
  const Folder folder;
  put(folder.file("a.log.1"), at(1, "first"));
  put(folder.file("a.log"), at(3, "third") + "a crash\n" + at(6, "sixth") + "not yet whole");
  put(folder.file("b.log"), at(2, "second") + at(3, "third too") + at(5, "fifth"));
  std::vector<LogTail> tails;
  tails.emplace_back("a", folder.file("a.log"));
  tails.emplace_back("b", folder.file("b.log"));
  tails.emplace_back("c", folder.file("c.log"));
  CHECK(tails[1].any());
  CHECK_FALSE(tails[2].any());
  CHECK(merged(tails) == "a:first b:second a:third a:a crash b:third too b:fifth a:sixth");
  CHECK(merged(tails).empty());

  put(folder.file("a.log"), " but now\n");
  put(folder.file("c.log"), at(7, "begins"));
  CHECK(merged(tails) == "a:not yet whole but now c:begins");
  std::filesystem::rename(folder.file("a.log"), folder.file("a.log.1"));
  put(folder.file("a.log.1"), at(7, "before"));
  put(folder.file("a.log"), at(8, "anew"));
  CHECK(merged(tails) == "a:before a:anew");
}

TEST_CASE("a line is shown with its time, and nothing in it steers a terminal") {
  const auto line = read_log_line(
      R"({"ts":"2025-01-31T12:34:56.123456Z","level":"warn","node":"a","msg":"it \u001b[2J is","peer":"b c","n":3,"x":null})");
  CHECK(line.at == "2025-01-31T12:34:56.123456Z");
  const auto told = for_people(line, "a", {});
  CHECK(told.find("56.123 warn  [a] it \\x1b[2J is peer=\"b c\" n=3 x=null") != std::string::npos);
  CHECK(for_people(line, "a", {true, false}).find("2025-0") == 0);
  CHECK(for_people(line, "a", {false, true}).find("\033[33mwarn \033[m [a]") != std::string::npos);
  for (const std::string text :
       {"\033[2Jterminate called", "[1,2]", "{\"ts\":7}", "{\"ts\":\"yesterday\"}", "{", ""}) {
    const auto odd = read_log_line(text);
    CHECK(odd.at.empty());
    CHECK(for_people(odd, "a", {}).find('\033') == std::string::npos);
  }
  const auto deep = read_log_line("{\"msg\":\"deep\",\"x\":" + std::string(30'000, '[') +
                                  std::string(30'000, ']') + "}");
  CHECK(for_people(deep, "a", {}).find("[a] deep") != std::string::npos);
  CHECK(as_object(read_log_line("boom"), "b") == nlohmann::json{{"node", "b"}, {"text", "boom"}});
}

TEST_CASE("what nodes write is shown and kept, whole and to the end") {
  const Folder folder;
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> out(std::tmpfile(), &std::fclose);
  Heard log;
  std::filesystem::create_symlink("/dev/full", folder.file("b.log"));
  {
    auto keeper = LogKeeper::start({folder.path(), LogFormat::json, out.get(), 1 << 20, 8}, log);
    REQUIRE(keeper);
    const auto write = [&](const std::string& node, const std::string& text) {
      const auto end = (*keeper)->attach(node);
      REQUIRE(end);
      CHECK(::write(*end, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
      ::close(*end);
    };
    write("a", "one\ntwo\nlonger than 8\nno end");
    (*keeper)->take_in();
    write("b", "lost\nand lost\n");
    write("a", "after a restart\n");
  }
  CHECK(text_of(folder.file("a.log")) == "one\ntwo\nlonger t\nhan 8\nno end\nafter a \nrestart\n");
  CHECK(log.messages == std::vector<std::string>{"a log is not kept"});
  std::rewind(out.get());
  std::string shown;
  for (int c = std::fgetc(out.get()); c != EOF; c = std::fgetc(out.get()))
    shown += static_cast<char>(c);
  for (const char* text : {"longer t\nhan 8\n", "lost\nand lost\n", "after a \nrestart\n"})
    CHECK(shown.find(text) != std::string::npos);
}
