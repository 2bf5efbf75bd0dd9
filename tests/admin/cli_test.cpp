#include <algorithm>
#include <cstdlib>

#include <catch2/catch.hpp>

#include "admin/command.hpp"
#include "tests/admin/admin_world.hpp"

using namespace hub;
using namespace hub::test;
using Catch::Matchers::Contains;

TEST_CASE("an unknown command is bad usage, with the one that may be meant") {
  const AdminWorld world;
  const Ran ran = world.run({"list-user"});
  REQUIRE(ran.code == 2);
  REQUIRE(ran.err == "hubadmin: unknown command \"list-user\"; did you mean list-users?\n");
  const Ran far = world.run({"frobnicate\x1b[31m"});
  REQUIRE(far.code == 2);
  REQUIRE_THAT(far.err, Contains("--help lists the commands"));
  REQUIRE(far.err.find('\x1b') == std::string::npos);
}

TEST_CASE("bad usage is one line on standard error and exit 2") {
  const AdminWorld world;
  for (const std::vector<std::string>& words : {std::vector<std::string>{},
                                                {"add-user"},
                                                {"add-user", "a", "b"},
                                                {"list-users", "--jsn"},
                                                {"--frob", "list-users"},
                                                {"--frob"},
                                                {"delete-post"},
                                                {"forget-device", "a"},
                                                {"delete-post", "-1"},
                                                {"backup"},
                                                {"list-posts", "--limit"},
                                                {"add-user", "a", "--password", "x"},
                                                {"list-users", "list-posts"},
                                                {"init", "--kdf-passes"},
                                                {"show-user", ""}}) {
    CAPTURE(words);
    const Ran ran = world.run(words);
    REQUIRE(ran.code == 2);
    REQUIRE(ran.out.empty());
    REQUIRE_THAT(ran.err, Catch::StartsWith("hubadmin: "));
    REQUIRE(std::count(ran.err.begin(), ran.err.end(), '\n') == 1);
  }
}

TEST_CASE("help lists every command and every exit code") {
  const AdminWorld world;
  const Ran ran = world.run({"--help"});
  REQUIRE(ran.code == 0);
  for (const admin::CommandSpec& spec : admin::commands()) {
    REQUIRE_THAT(ran.out, Contains("  " + std::string(spec.name)));
    const Ran one = world.run({std::string(spec.name), "--help"});
    REQUIRE(one.code == 0);
    REQUIRE_THAT(one.out, Contains(std::string(spec.help)));
  }
  for (int code = 0; code <= 6; ++code) {
    REQUIRE_THAT(ran.out, Contains("\n  " + std::to_string(code) + "  "));
  }
  REQUIRE_THAT(world.run({"--version"}).out, Catch::StartsWith("hubadmin "));
}

TEST_CASE("the option --data may stand behind the command too") {
  const AdminWorld world;
  world.init();
  const Ran ran = world.run_raw({"list-users", "--data", world.data().path().string()}, 0);
  REQUIRE(ran.code == 0);
}
