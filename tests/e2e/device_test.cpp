// spoke as a device of its account: what its files do for somebody at a shell.
#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>

#include "tests/e2e/programs.hpp"

namespace hub::test {
namespace {

namespace fs = std::filesystem;

constexpr ExitCode kRefused = 1;
constexpr ExitCode kNoAnswer = 3;
const std::string kLoggedIn = "login_ack#successful\n";
const std::string kPosted = "login_ack#successful\npost_ack#successful\n";

fs::path password_file(const TestHub& hub) {
  fs::path path = hub.scratch() / "alice.pw";
  std::ofstream(path) << "alice_pw\n";
  return path;
}

Finished alice(const TestHub& hub, std::vector<std::string> flags, const std::string& lines = {}) {
  flags.insert(flags.begin(), {"--login", "alice"});
  SpokeStart start;
  start.flags = std::move(flags);
  return hub.script(lines, start);
}

/// One login of alice's with her password, after which she needs none.
void introduce(const TestHub& hub) {
  REQUIRE(alice(hub, {"--password-file", password_file(hub)}).output == kLoggedIn);
}

bool says(const std::string& text, std::string_view what) {
  return text.find(what) != std::string::npos;
}

fs::path only_device(const fs::path& state) {
  const fs::directory_iterator all(state / "spoke" / "devices");
  REQUIRE(all != fs::directory_iterator());
  return all->path();
}

}  // namespace

TEST_CASE("a script posts a line, needs a password once, and is told what became of it") {
  TestHub hub;
  const auto unknown = alice(hub, {"--post", "who?"});
  CHECK(unknown.exit == kRefused);
  CHECK(says(unknown.output, "error#no_password"));
  const auto first = alice(hub, {"--post", "one", "--password-file", password_file(hub)});
  CHECK(first.output == kPosted);
  CHECK(first.errors.empty());
  CHECK(first.exit == 0);
  CHECK(alice(hub, {"--post", "two"}).exit == 0);
  const auto refused = alice(hub, {"--post", "a\tb"});
  CHECK(refused.exit == kRefused);
  CHECK(says(refused.errors, "control characters"));

  hub.stop();
  const auto kept = alice(hub, {"--post", "three"});
  CHECK(kept.exit == kNoAnswer);
  CHECK(says(kept.output, "error#queued\n"));
  CHECK(says(kept.errors, "it is kept, and sent at the next login"));
  hub.start();
  CHECK(alice(hub, {"--post", "four"}).output == kPosted);
  const auto read = alice(hub, {"--ids"}, "subscribe#alice\nretrieve#10\n");
  CHECK(read.output == kLoggedIn +
                           "subscribe_ack#successful\n"
                           "4 <alice>four\n3 <alice>three\n2 <alice>two\n1 <alice>one\n");
}

TEST_CASE("a second spoke of an account is another device: each is shown every post once") {
  TestHub hub;
  introduce(hub);
  SpokeProcess one = hub.online_spoke("alice");
  SpokeProcess two = hub.online_spoke("alice");
  one.subscribe("bob");
  SpokeProcess bob = hub.online_spoke("bob");
  bob.post("to both");
  one.expect("<bob>to both");
  two.expect("<bob>to both");
  CHECK(one.finish() == 0);
  bob.post("to one");
  two.expect("<bob>to one");
  CHECK(two.finish() == 0);
  const auto again = alice(hub, {}, "retrieve#0\nstate#\n");  // the first one's slot
  CHECK(says(again.output, "<bob>to one\n"));
  CHECK_FALSE(says(again.output, "to both"));
}

TEST_CASE("a device with a damaged file is refused, and moved away it is a new one") {
  TestHub hub;
  introduce(hub);
  const fs::path directory = only_device(hub.scratch() / "state");
  std::ofstream(directory / "0.outbox") << "not an outbox\n";
  const auto refused = alice(hub, {"--post", "lost?"});
  CHECK(refused.exit == kRefused);
  CHECK(refused.output == "error#device_files\n");
  CHECK(says(refused.errors, (directory / "0.outbox").native() + " is damaged: line 1"));
  for (const char* name : {"0.device", "0.mark", "0.outbox"}) fs::remove(directory / name);
  const auto anew = alice(hub, {"--post", "as new", "--password-file", password_file(hub)});
  CHECK(anew.output == kPosted);
}

TEST_CASE("who missed more than a catch-up brings is told how much: in a pipe on standard error") {
  TestHub hub({.flags = {"--posts-per-second", "100000"}});
  std::string lines;
  for (int i = 0; i < 1003; ++i) lines += "post#" + std::to_string(i) + "\n";
  {
    SpokeProcess bob = hub.spoke("bob");
    bob.login("bob_pw");
    bob.subscribe("alice");
    REQUIRE(bob.finish() == 0);
  }
  REQUIRE(alice(hub, {"--password-file", password_file(hub)}, lines).exit == 0);
  SpokeProcess bob = hub.spoke("bob");
  bob.login("bob_pw");
  for (int i = 3; i < 1003; ++i) bob.expect("<alice>" + std::to_string(i));
  CHECK(bob.finish() == 0);
  CHECK(bob.process().errors() == "spoke: 3 earlier posts are not shown: use retrieve#3\n");
}

}  // namespace hub::test
