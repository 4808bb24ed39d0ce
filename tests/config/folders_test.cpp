#include "config/folders.hpp"

#include <string>

#include "tests/catch.hpp"
#include "tests/config/config_text.hpp"

using namespace troupe;
using namespace troupe::config;
using test::variables;

namespace {

const Variables known = variables({{"HOME", "/home/x"}, {"D", "deep/er"}, {"EMPTY", ""}});

std::string expanded(const std::string& text) {
  const auto folder = expand_folder(text, known);
  return folder ? *folder : "error: " + folder.error().what;
}

std::string model(const std::string& text, const Variables& from) {
  const auto folder = model_folder(text, from);
  return folder ? *folder : "error: " + folder.error().what;
}

}  // namespace

TEST_CASE("folders expand home and variables, and nothing else") {
  CHECK(expanded("~") == "/home/x");
  CHECK(expanded("~/m") == "/home/x/m");
  CHECK(expanded("$HOME/m") == "/home/x/m");
  CHECK(expanded("${HOME}m/$D/") == "/home/xm/deep/er/");
  CHECK(expanded("a/~/b") == "a/~/b");
  CHECK(expanded("./$(ls) x`y`") ==
        "error: a '$' in a folder must start a variable, as in $HOME "
        "or ${HOME}");
  CHECK(expanded("/plain") == "/plain");
}

TEST_CASE("a folder that cannot be expanded is an error, never another folder") {
  CHECK(expanded("$NOPE/m") == "error: the variable NOPE is not set");
  CHECK(expanded("$EMPTY/m") == "error: the variable EMPTY is not set");
  CHECK(expanded("~other/m") ==
        "error: only '~/' is understood at the start of a folder, not another user's home");
  for (const std::string text : {"$", "a$", "${", "${}", "${HOME", "$-"})
    CHECK(expanded(text) ==
          "error: a '$' in a folder must start a variable, as in $HOME or ${HOME}");
  CHECK(test::mistakes("[node.a]\nurgent_port=1\nordinary_port=2\n[model.m]\nfolder='$NOPE/m'",
                       {.environment = {}, .flags = {}, .variables = known}) ==
        "c.toml:5:8: 'folder': the variable NOPE is not set");
}

TEST_CASE("a model's automatic folder is the given one, else the cache") {
  const std::string end = "/troupe/models/all-MiniLM-L6-v2";
  CHECK(model("auto", variables({{"TROUPE_MODEL_DIR", "/m"}, {"HOME", "/h"}})) == "/m");
  CHECK(model("auto", variables({{"HOME", "/h"}})) == "/h/.cache" + end);
  CHECK(model("auto", variables({{"HOME", "/h"}, {"XDG_CACHE_HOME", "/c"}})) == "/c" + end);
  CHECK(model("auto", variables({{"HOME", "/h"}, {"XDG_CACHE_HOME", "c"}})) == "/h/.cache" + end);
  CHECK(model("auto", variables({})) == "error: the home folder is unknown: HOME is not set");
  CHECK(model("~/auto", variables({{"HOME", "/h"}})) == "/h/auto");
}

TEST_CASE("each entry of a list of files is expanded, and a wrong one named") {
  const auto loaded =
      test::load(test::one_node + "[agents]\nmodules = ['~/a.so', '$D/b.so', './c.so']",
                 {.environment = {}, .flags = {}, .variables = known});
  REQUIRE(loaded);
  CHECK(loaded->config.agents.modules ==
        std::vector<std::string>{"/home/x/a.so", "deep/er/b.so", "./c.so"});
  CHECK(test::load(test::one_node)->config.agents.modules.empty());
  const auto wrong = test::mistakes_after_node("[agents]\nmodules = ['a.so', '$NOPE/b.so']");
  CHECK(wrong.find("'modules': the variable NOPE is not set") != std::string::npos);
  CHECK(test::mistakes_after_node("[agents]\nmodules = ['']").find("must name files") !=
        std::string::npos);
}

TEST_CASE("values other than folders keep their '~' and '$'") {
  const auto loaded = test::load(test::one_node + "[cluster]\nkeys = '~/k'",
                                 {.environment = {}, .flags = {}, .variables = known});
  REQUIRE(loaded);
  CHECK(loaded->config.cluster.keys == "/home/x/k");
  CHECK(test::load(test::one_node)->config.cluster.keys == "auto");
  CHECK(test::mistakes_after_node("[log]\nlevel = '$HOME'").find("not \"$HOME\"") !=
        std::string::npos);
}
