// Who is disabled or ended gets nothing more within a second, whichever way it would have come: a
// live session, one that resumes or logs in, posts that are queued, read or on their way.
#include <memory>

#include <catch2/catch.hpp>

#include "tests/support/sealed_world.hpp"
#include "tests/support/store_verbs.hpp"

using namespace hub;
using namespace hub::test;
using namespace std::chrono_literals;
using sealed::CloseReason;

namespace {

enum class How { kDisable, kDelete, kPassword, kEnd, kForgetDevice };

control::Command command(How how, const SealedPeer& peer) {
  SeededRandom random(3);
  switch (how) {
    case How::kDisable:
      return control::DisableUser{"bob"};
    case How::kDelete:
      return control::DeleteUser{"bob"};
    case How::kPassword:
      return control::SetPassword{"bob",
                                  *make_verifier("new", {kMinKdfMemory, kMinKdfPasses}, random)};
    case How::kEnd:
      return control::EndSession{"bob"};
    case How::kForgetDevice:
      break;
  }
  return control::ForgetDevice{"bob", peer.device.id};
}

/// What reached this peer later than `after`: the texts of posts, of whatever kind.
std::size_t posts_after(const SealedPeer& peer, TimePoint after) {
  std::size_t count = 0;
  for (const auto& message : peer.received()) {
    const bool is_post = message.opcode == Opcode::kForward ||
                         message.opcode == Opcode::kRetrieveAck ||
                         message.opcode == Opcode::kEarlierPosts;
    if (is_post && message.at > after) ++count;
  }
  return count;
}

}  // namespace

TEST_CASE("ended: a live session gets nothing more, and neither does what was queued for it",
          "[p23]") {
  const auto how =
      GENERATE(How::kDisable, How::kDelete, How::kPassword, How::kEnd, How::kForgetDevice);
  const int path = GENERATE(range(0, 5));
  CAPTURE(static_cast<int>(how), path);
  SealedWorld w(1, {});
  w.account("ann");
  auto bob = w.online("bob");
  w.follow_beside("bob", "ann");
  w.net.faults() = {.loss = 0.05, .duplicate = 0, .corrupt = 0, .delay = 20ms, .jitter = 20ms};
  const std::string text(900, 'x');
  switch (path) {
    case 0:  // idle
      break;
    case 1:  // in the connection: what it may not send yet
      bob->stop_reading();
      w.posts_beside("ann", 50, text);
      w.net.run_for(200ms);
      break;
    case 2:  // behind: pages are being read
      w.host.delays().read = 30ms;
      w.posts_beside("ann", 500, text);
      w.net.run_for(100ms);
      break;
    case 3:  // a long retrieve
      w.posts_beside("ann", 900, text);
      w.net.run_for(20s);
      bob->send(Opcode::kRetrieve, "900");
      w.net.run_for(150ms);
      break;
    default:  // in the dark
      w.net.cut(bob->endpoint(), true);
      w.posts_beside("ann", 200, text);
      w.net.run_for(2s);
      break;
  }
  std::size_t forwards_left = 0;
  w.host.ask(command(how, *bob));
  const TimePoint ended = w.net.now().mono;
  w.host.on_send = [&](const Path& to, Bytes bytes) {
    if (to.remote == bob->endpoint() && bytes.size() > 100) ++forwards_left;
  };
  if (path == 4) w.net.cut(bob->endpoint(), false);
  bob->go_on_reading();
  for (int i = 0; i < 20; ++i) {
    w.posts_beside("ann", 1, "secret");
    w.net.run_for(500ms);
    if (bob->is_connected()) bob->ping();
  }
  CHECK(posts_after(*bob, ended + 1s) == 0);
  CHECK(forwards_left == 0);
  CHECK(bob->closed() == CloseReason::kEnded);
  CHECK(w.sessions().empty());
  for (const auto& message : bob->received())
    CHECK(message.payload.find("secret") == std::string::npos);
}

TEST_CASE("ended: a resume or login that is under way comes to nothing", "[p23]") {
  const auto how = GENERATE(How::kDisable, How::kPassword, How::kEnd);
  const bool by_password = GENERATE(false, true);
  const int when = GENERATE(range(0, 10));  // before, during and after each of its steps
  CAPTURE(static_cast<int>(how), by_password, when);
  SealedWorld w(2, {});
  w.account("ann");
  auto bob = w.online("bob");
  w.follow_beside("bob", "ann");
  w.posts_beside("ann", 20);
  auto other = w.online("bob");  // so that there is a session to end
  w.net.faults().delay = 5ms;
  w.host.delays() = {10ms, 0ms, 10ms};
  REQUIRE(bob->connect());
  w.net.run_for(100ms);
  TimePoint ended{};
  w.net.after(when * 5ms + 1ms, [&] {
    const auto body = command(how, *bob);
    w.host.hub().on_control(99, body, w.net.now());
    w.host.hold_commits(false);  // a turn of the hub
  });
  if (by_password) {
    bob->log_in("bob", "bob_pw", 0, 500ms);
  } else {
    bob->resume("bob", 0, 500ms);
  }
  w.net.run_for(500ms);
  ended = w.net.now().mono;
  w.posts_beside("ann", 3, "secret");
  w.net.run_for(10s);
  // It was let in before, and is ended; or it was not let in.
  CHECK_FALSE((bob->is_connected() && bob->is_online()));
  CHECK(posts_after(*bob, ended) == 0);
  CHECK(w.sessions().empty());
  CHECK(w.store.open_reader()->counts()->sessions == 0);
  if (bob->refusal()) {
    CHECK(bob->refusal() == LoginRefusal::kWrong);
  } else {
    CHECK(bob->closed() == CloseReason::kEnded);
  }
}

TEST_CASE("ended: who was away when it happened does not get in by what he held", "[p23]") {
  const auto how = GENERATE(How::kDisable, How::kPassword, How::kForgetDevice);
  CAPTURE(static_cast<int>(how));
  SealedWorld w(3, {});
  w.account("ann");
  auto bob = w.online("bob");
  w.follow_beside("bob", "ann");
  bob->live_as("bob");
  SECTION("in the dark") {
    w.net.cut(bob->endpoint(), true);
    w.host.ask(command(how, *bob));
    w.net.run_for(1s);
    w.net.cut(bob->endpoint(), false);
    bob->ping();
  }
  SECTION("while hubd was away") {
    const store::Request request{
        0, std::visit(
               [](auto&& body) -> decltype(store::Request::body) {
                 using T = std::decay_t<decltype(body)>;
                 if constexpr (std::is_constructible_v<decltype(store::Request::body), T>) {
                   return body;
                 } else {
                   throw std::logic_error("no request of the store's");
                 }
               },
               command(how, *bob))};
    test::apply(w.store, {request}, w.net.now().wall);
    w.host.restart();
    bob->ping();
  }
  SECTION("told to come back by a restart, and disabled then") {
    w.host.restart();
    w.host.ask(command(how, *bob));
    bob->ping();
  }
  const std::size_t before = bob->forwards().size();
  w.posts_beside("ann", 3, "secret");
  w.net.run_for(30s);
  CHECK(bob->forwards().size() == before);
  CHECK_FALSE(bob->is_online());
  CHECK(w.sessions().empty());
}

TEST_CASE("ended: the login of anybody else is not touched", "[p23]") {
  SealedWorld w(4, {});
  auto bob = w.online("bob");
  auto ann = w.online("ann");
  REQUIRE(ann->connect());
  w.host.delays() = {20ms, 0ms, 20ms};
  w.net.after(10ms, [&] {
    w.host.hub().on_control(99, control::EndSession{"bob"}, w.net.now());
    w.host.hold_commits(false);
  });
  CHECK(ann->resume("ann"));
  w.net.run_for(1s);
  CHECK(ann->is_online());
  CHECK(bob->closed() == CloseReason::kEnded);
}
