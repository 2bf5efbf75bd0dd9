#include "tests/e2e/demonstrations.hpp"

#include <csignal>

#include "tests/e2e/listings.hpp"

namespace hub::test {

namespace {

void login_is_needed(Stage& stage) {
  stage.alice.type("login#alice&not_her_password");
  stage.alice.expect("login_ack#failed");
  stage.alice.type("post#too early");
  stage.alice.expect("error#must_login_first");
  stage.alice.login(TestHub::password_of("alice"));
  stage.alice.post("now it works");
}

void logout_ends_it(Stage& stage) {
  stage.everybody_logs_in();
  stage.bob.subscribe("alice");
  stage.alice.post("bob sees this");
  stage.bob.expect("<alice>bob sees this");
  stage.bob.type("logout#");
  stage.bob.expect("logout_ack#successful");
  stage.bob.type("post#am I still here?");
  stage.bob.expect("error#must_login_first");
  stage.alice.post("bob has left");
  stage.bob.expect_nothing();
}

void subscribers_see_posts(Stage& stage) {
  stage.everybody_logs_in();
  stage.alice.post("nobody follows me yet");
  stage.carol.expect_nothing();
  stage.carol.subscribe("alice");
  stage.alice.post("hello carol");
  stage.carol.expect("<alice>hello carol");
  stage.bob.expect_nothing();
  stage.alice.expect_nothing();
}

void unsubscribing(Stage& stage) {
  stage.everybody_logs_in();
  stage.carol.subscribe("alice");
  stage.carol.subscribe("alice");
  stage.alice.post("once, although twice subscribed");
  stage.carol.expect("<alice>once, although twice subscribed");
  stage.carol.expect_nothing();
  stage.carol.type("unsubscribe#alice");
  stage.carol.expect("unsubscribe_ack#successful");
  stage.alice.post("carol is gone");
  stage.carol.expect_nothing();
  stage.carol.type("unsubscribe#alice");
  stage.carol.expect("unsubscribe_ack#failed");
  stage.carol.type("unsubscribe#bob");
  stage.carol.expect("unsubscribe_ack#failed");
  stage.carol.type("subscribe#mallory");
  stage.carol.expect("subscribe_ack#failed");
}

void retrieving(Stage& stage) {
  stage.everybody_logs_in();
  stage.alice.post("alice one");
  stage.bob.post("bob one");
  stage.alice.post("alice two");
  stage.carol.type("retrieve#20");
  stage.carol.expect_nothing();
  stage.carol.subscribe("alice");
  stage.carol.subscribe("bob");
  stage.carol.type("retrieve#1");
  stage.carol.expect("<alice>alice two");
  stage.carol.expect_nothing();
  stage.carol.type("retrieve#20");
  stage.carol.expect("<alice>alice two");
  stage.carol.expect("<bob>bob one");
  stage.carol.expect("<alice>alice one");
  stage.carol.expect_nothing();
  stage.note("posts 4 to 23: one by each in turn");
  for (int i = 4; i <= 23; ++i) {
    SpokeProcess& author = i % 2 == 0 ? stage.bob : stage.alice;
    author.post("number " + std::to_string(i));
    stage.carol.expect("<" + author.name() + ">number " + std::to_string(i));
  }
  stage.carol.type("retrieve#20");
  for (int i = 23; i >= 4; --i) {
    const std::string author = i % 2 == 0 ? "bob" : "alice";
    stage.carol.expect("<" + author + ">number " + std::to_string(i));
  }
  stage.carol.expect_nothing();
}

void client_is_spurious(Stage& stage) {
  stage.everybody_logs_in();
  stage.alice.subscribe("bob");
  stage.alice.type("spurious#client");
  stage.alice.expect("error#session_reset");
  stage.bob.post("is alice there?");
  stage.alice.type("post#am I?");
  stage.alice.expect("error#must_login_first");
  stage.alice.login(TestHub::password_of("alice"));
  // Who was here before is served what came meanwhile.
  if (stage.framing == Framing::kSealed) stage.alice.expect("<bob>is alice there?");
  stage.alice.post("back again");
}

void server_is_spurious(Stage& stage) {
  stage.everybody_logs_in();
  stage.bob.type("spurious#server");
  stage.bob.expect("error#unexpected_message");
  stage.bob.type("post#am I?");
  stage.bob.expect("error#must_login_first");
  const std::string sessions = stage.admin({"list-sessions", "--json"});
  if (sessions.find("\"bob\"") != std::string::npos ||
      sessions.find("\"carol\"") == std::string::npos) {
    throw Unexpected("bob's session, and his alone, should be over: " + sessions);
  }
  stage.note("bob has no session; the others do");
  stage.bob.login(TestHub::password_of("bob"));
  stage.bob.post("back again");
}

/// A sealed client keeps its session alive as long as it runs, and comes back when it runs again.
void sealed_session_times_out(Stage& stage) {
  stage.carol.login(TestHub::password_of("carol"));
  stage.note("the session timeout of this hub is 1 s; carol's client is stopped for longer");
  stage.carol.process().send_signal(SIGSTOP);
  wait_for_sessions(stage.hub, {});
  stage.note("carol has no session; her client may go on");
  stage.carol.process().send_signal(SIGCONT);
  wait_for_sessions(stage.hub, {"carol"});
  stage.note("it has brought her back by itself");
  stage.carol.post("hello?");
}

void session_times_out(Stage& stage) {
  if (stage.framing == Framing::kSealed) return sealed_session_times_out(stage);
  stage.carol.login(TestHub::password_of("carol"));
  stage.note("the session timeout of this hub is 1 s");
  stage.carol.expect("error#session_reset");
  stage.carol.type("post#hello?");
  stage.carol.expect("error#must_login_first");
}

void server_restarts(Stage& stage) {
  stage.everybody_logs_in();
  stage.carol.subscribe("alice");
  stage.alice.post("before the restart");
  stage.carol.expect("<alice>before the restart");
  stage.hub.restart();
  stage.note("hubd was stopped and started again");
  // A sealed client notices within moments; what it asks before it does may be lost.
  wait_for_sessions(stage.hub, {"alice", "bob", "carol"});
  stage.alice.post("after it");
  stage.carol.expect("<alice>after it");
  stage.carol.type("retrieve#2");
  stage.carol.expect("<alice>after it");
  stage.carol.expect("<alice>before the restart");
  const std::vector<ListedPost> posts = list_posts(stage.hub);
  if (posts.size() != 2 || posts[1].id <= posts[0].id) {
    throw Unexpected("message IDs do not increase");
  }
  stage.note("message IDs: " + std::to_string(posts[0].id) + ", then " +
             std::to_string(posts[1].id));
}

void administering(Stage& stage) {
  stage.bob.login(TestHub::password_of("bob"));
  stage.admin({"add-user", "dave"}, "dave_pw\n");
  stage.alice.type("login#dave&dave_pw");
  stage.alice.expect("login_ack#successful");
  stage.alice.type("subscribe#bob");
  stage.alice.expect("subscribe_ack#successful");
  stage.bob.post("welcome, dave");
  stage.alice.expect("<bob>welcome, dave");
  stage.admin({"disable-user", "dave"});
  stage.alice.expect("error#session_reset");
  stage.bob.post("dave?");
  stage.alice.type("post#hello?");
  stage.alice.expect("error#must_login_first");
  stage.alice.type("login#dave&dave_pw");
  stage.alice.expect("login_ack#failed");
}

}  // namespace

Stage::Stage(std::vector<std::string> flags, Framing in)
    : framing(in),
      hub({.flags = std::move(flags)}),
      alice(hub.spoke("alice", {.framing = framing})),
      bob(hub.spoke("bob", {.framing = framing})),
      carol(hub.spoke("carol", {.framing = framing})) {}

void Stage::everybody_logs_in() {
  for (SpokeProcess* client : {&alice, &bob, &carol}) {
    client->login(TestHub::password_of(client->name()));
  }
}

void Stage::note(const std::string& text) {
  hub.transcript().add(Transcript::Kind::kNote, "", text);
}

std::string Stage::admin(const std::vector<std::string>& arguments, const std::string& input) {
  std::string text = "hubadmin";
  for (const std::string& argument : arguments) text += " " + argument;
  note(text);
  return hub.admin_ok(arguments, input);
}

const std::vector<Demonstration>& demonstrations() {
  static const std::vector<Demonstration> all = {
      {1, "A login is needed, with the right password", {}, login_is_needed},
      {2, "Logout ends what can be sent and received", {}, logout_ends_it},
      {3, "Those who subscribed see a post at once, nobody else does", {}, subscribers_see_posts},
      {4, "Unsubscribing, subscribing twice, and both done wrong", {}, unsubscribing},
      {5, "Retrieving the newest posts of several authors", {}, retrieving},
      {6, "A spurious message of a client: the hub resets the session", {}, client_is_spurious},
      {7,
       "A spurious message of the hub: the client resets the session",
       {"--debug-messages"},
       server_is_spurious},
      {8, "A session times out", {"--session-timeout", "1s"}, session_times_out},
      {9, "The hub restarts: sessions, follows and posts stay", {}, server_restarts},
      {10, "Users are added and disabled while the hub runs", {}, administering},
  };
  return all;
}

}  // namespace hub::test
