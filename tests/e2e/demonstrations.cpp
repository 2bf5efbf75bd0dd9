#include "tests/e2e/demonstrations.hpp"

#include "tests/e2e/listings.hpp"

namespace hub::test {

namespace {

void subscribe(SpokeProcess& follower, const std::string& target) {
  follower.type("subscribe#" + target);
  follower.expect("subscribe_ack#successful");
}

void post(SpokeProcess& author, const std::string& text) {
  author.type("post#" + text);
  author.expect("post_ack#successful");
}

void login_is_needed(Stage& stage) {
  stage.alice.type("login#alice&not_her_password");
  stage.alice.expect("login_ack#failed");
  stage.alice.type("post#too early");
  stage.alice.expect("error#must_login_first");
  stage.alice.login(TestHub::password_of("alice"));
  post(stage.alice, "now it works");
}

void logout_ends_it(Stage& stage) {
  stage.everybody_logs_in();
  subscribe(stage.bob, "alice");
  post(stage.alice, "bob sees this");
  stage.bob.expect("<alice>bob sees this");
  stage.bob.type("logout#");
  stage.bob.expect("logout_ack#successful");
  stage.bob.type("post#am I still here?");
  stage.bob.expect("error#must_login_first");
  post(stage.alice, "bob has left");
  stage.bob.expect_nothing();
}

void subscribers_see_posts(Stage& stage) {
  stage.everybody_logs_in();
  post(stage.alice, "nobody follows me yet");
  stage.carol.expect_nothing();
  subscribe(stage.carol, "alice");
  post(stage.alice, "hello carol");
  stage.carol.expect("<alice>hello carol");
  stage.bob.expect_nothing();
  stage.alice.expect_nothing();
}

void unsubscribing(Stage& stage) {
  stage.everybody_logs_in();
  subscribe(stage.carol, "alice");
  subscribe(stage.carol, "alice");
  post(stage.alice, "once, although twice subscribed");
  stage.carol.expect("<alice>once, although twice subscribed");
  stage.carol.expect_nothing();
  stage.carol.type("unsubscribe#alice");
  stage.carol.expect("unsubscribe_ack#successful");
  post(stage.alice, "carol is gone");
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
  post(stage.alice, "alice one");
  post(stage.bob, "bob one");
  post(stage.alice, "alice two");
  stage.carol.type("retrieve#20");
  stage.carol.expect_nothing();
  subscribe(stage.carol, "alice");
  subscribe(stage.carol, "bob");
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
    post(author, "number " + std::to_string(i));
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
  subscribe(stage.alice, "bob");
  stage.alice.type("spurious#client");
  stage.alice.expect("error#session_reset");
  post(stage.bob, "is alice there?");
  stage.alice.type("post#am I?");
  stage.alice.expect("error#must_login_first");
  stage.alice.login(TestHub::password_of("alice"));
  post(stage.alice, "back again");
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
  post(stage.bob, "back again");
}

void session_times_out(Stage& stage) {
  stage.carol.login(TestHub::password_of("carol"));
  stage.note("the session timeout of this hub is 1 s");
  stage.carol.expect("error#session_reset");
  stage.carol.type("post#hello?");
  stage.carol.expect("error#must_login_first");
}

void server_restarts(Stage& stage) {
  stage.everybody_logs_in();
  subscribe(stage.carol, "alice");
  post(stage.alice, "before the restart");
  stage.carol.expect("<alice>before the restart");
  stage.hub.restart();
  stage.note("hubd was stopped and started again");
  post(stage.alice, "after it");
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
  post(stage.bob, "welcome, dave");
  stage.alice.expect("<bob>welcome, dave");
  stage.admin({"disable-user", "dave"});
  stage.alice.expect("error#session_reset");
  post(stage.bob, "dave?");
  stage.alice.type("post#hello?");
  stage.alice.expect("error#must_login_first");
  stage.alice.type("login#dave&dave_pw");
  stage.alice.expect("login_ack#failed");
}

}  // namespace

Stage::Stage(std::vector<std::string> flags)
    : hub({.flags = std::move(flags)}),
      alice(hub.spoke("alice")),
      bob(hub.spoke("bob")),
      carol(hub.spoke("carol")) {}

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
