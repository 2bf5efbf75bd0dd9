// What is deleted, and whose author is disabled, before a follower was served it: it is not due any
// more, whether the hub has it in memory, reads it from the store, or is just reading it.
#include <catch2/catch.hpp>

#include "tests/support/sealed_world.hpp"

using namespace hub;
using namespace hub::test;
using namespace std::chrono_literals;

namespace {

store::StoreOptions small_steps() {
  store::StoreOptions options;
  options.delete_step = 2;
  return options;
}

/// bob follows ann and spam, saw one post of each, and is away.
struct Away {
  explicit Away(std::uint64_t seed, const server::HubConfig& config = SealedWorld::lenient())
      : w(seed, {"ann", "bob", "spam"}, config, small_steps()) {
    for (const char* name : {"ann", "bob", "spam"}) REQUIRE(w.login(name));
    for (const char* name : {"ann", "spam"}) {
      REQUIRE(w.follow("bob", name));
      REQUIRE(w.post(name, "seen"));
      REQUIRE(w.sees("bob", std::string("<") + name + ">seen"));
    }
    REQUIRE(w.type("bob", "logout#"));
  }
  MessageId newest() { return w.store.open_reader()->counts()->last_post; }
  void ask(const control::Command& command) {
    const auto reply = w.host.ask(command);
    REQUIRE_FALSE(std::holds_alternative<control::Refused>(reply));
  }
  /// What he is shown when he is back and a post of ann's has come.
  std::vector<std::string> come_back(bool restarted) {
    if (restarted) w.host.restart();
    const std::size_t before = w["bob"].lines().size();
    REQUIRE(w.login("bob"));
    REQUIRE(w.sees("bob", "<ann>last"));
    w.net.run_for(5s);
    std::vector<std::string> out;
    for (std::size_t i = before; i < w["bob"].lines().size(); ++i) {
      if (w["bob"].lines()[i].front() == '<') out.push_back(w["bob"].lines()[i]);
    }
    return out;
  }

  SealedWorld w;
};

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("taken back: who was away is shown what the store would say, and nothing else") {
  const bool restarted = GENERATE(false, true);
  const bool in_memory = GENERATE(false, true);  // else the store alone knows
  CAPTURE(restarted, in_memory);
  Away a(1, in_memory ? SealedWorld::lenient() : SealedWorld::keeping(0));
  REQUIRE(a.w.post("ann", "secret"));
  const MessageId secret = a.newest();
  for (const char* text : {"s1", "s2", "s3"}) REQUIRE(a.w.post("spam", text));
  REQUIRE(a.w.post("ann", "last"));
  SECTION("deleted") {
    a.ask(control::DeletePost{secret});
    CHECK(a.come_back(restarted) == Lines{"<spam>s1", "<spam>s2", "<spam>s3", "<ann>last"});
  }
  SECTION("by somebody disabled") {
    a.ask(control::DisableUser{"spam"});
    CHECK(a.come_back(restarted) == Lines{"<ann>secret", "<ann>last"});
  }
  SECTION("by somebody disabled and enabled again") {
    a.ask(control::DisableUser{"spam"});
    a.ask(control::DeletePost{secret + 2});
    a.ask(control::EnableUser{"spam"});
    CHECK(a.come_back(restarted) == Lines{"<ann>secret", "<spam>s1", "<spam>s3", "<ann>last"});
  }
  SECTION("by somebody deleted") {
    while (!std::holds_alternative<control::Done>(a.w.host.ask(control::DeleteUser{"spam"}))) {
    }
    CHECK(a.come_back(restarted) == Lines{"<ann>secret", "<ann>last"});
  }
  SECTION("by somebody whose deletion was begun and given up") {
    a.ask(control::DeleteUser{"spam"});
    a.ask(control::EnableUser{"spam"});
    CHECK(a.come_back(restarted) == Lines{"<ann>secret", "<spam>s1", "<ann>last"});
  }
}

TEST_CASE("taken back: what is deleted while a page is read is not served with it") {
  Away a(2, SealedWorld::keeping(0));
  REQUIRE(a.w.post("ann", "secret"));
  const MessageId secret = a.newest();
  REQUIRE(a.w.post("spam", "s1"));
  REQUIRE(a.w.post("ann", "last"));
  a.w.host.restart();
  a.w.host.delays().read = 2s;  // and what was read is as old by then
  a.w.host.delays().read_first = true;
  const auto logins = a.w.host.counters().logins_ok;
  const auto pages = a.w.host.counters().catch_up_pages;
  a.w["bob"].type("login#bob&bob_pw");
  REQUIRE(a.w.net.run_until([&] { return a.w.host.counters().logins_ok > logins; }, 30s));
  a.w.net.run_for(100ms);
  REQUIRE(a.w.host.counters().catch_up_pages == pages);
  const bool disabled = GENERATE(false, true);
  CAPTURE(disabled);
  a.ask(control::DeletePost{secret});
  if (disabled) a.ask(control::DisableUser{"spam"});
  REQUIRE(a.w.host.counters().catch_up_pages == pages);
  REQUIRE(a.w.sees("bob", "<ann>last"));
  CHECK(a.w["bob"].count("<ann>secret") == 0);
  CHECK(a.w["bob"].count("<spam>s1") == (disabled ? 0 : 1));
}

TEST_CASE("taken back: a follower in the dark is shown no more than was on its way to it") {
  SealedWorld w(3, {"ann", "bob", "spam"});
  for (const char* name : {"ann", "bob", "spam"}) REQUIRE(w.login(name));
  for (const char* name : {"ann", "spam"}) REQUIRE(w.follow("bob", name));
  w.host.delays() = {};  // long in posts, short in time: bob keeps his connection
  w.net.cut(w["bob"].endpoint(), true);
  const std::string much(900, 'x');
  for (int i = 0; i < 80; ++i) REQUIRE(w.post("ann", much));
  REQUIRE(w.host.counters().sessions_fell_behind == 1);
  REQUIRE(w.post("ann", "secret"));
  const MessageId secret = w.store.open_reader()->counts()->last_post;
  REQUIRE(w.post("spam", "s1"));
  REQUIRE(w.post("ann", "last"));
  w.host.ask(control::DeletePost{secret});
  w.host.ask(control::DisableUser{"spam"});
  w.net.cut(w["bob"].endpoint(), false);
  REQUIRE(w.sees("bob", "<ann>last"));
  CHECK(w.openings() == 3);
  CHECK(w["bob"].count("<ann>" + much) == 80);
  CHECK(w["bob"].count("<ann>secret") == 0);
  CHECK(w["bob"].count("<spam>s1") == 0);
}
