// Retrieves of the sealed framing: as far back as one likes, in pages that are read as the client
// takes them.
#include <map>
#include <memory>

#include <catch2/catch.hpp>

#include "protocol/limits.hpp"
#include "tests/support/sealed_world.hpp"

using namespace hub;
using namespace hub::test;
using namespace std::chrono_literals;

namespace {

/// bob follows ann, who has posted; he was not forwarded any of it.
struct Reader {
  explicit Reader(int posts, const std::string& text = "post",
                  const server::HubConfig& config = SealedWorld::keeping(0))
      : w(1, {}, config) {
    w.account("ann");
    w.account("bob");
    w.follow_beside("bob", "ann");
    w.posts_beside("ann", posts, text);
    bob = w.online("bob");
    w.net.run_for(1s);
  }
  std::vector<MessageId> retrieved() const {
    std::vector<MessageId> out;
    for (const auto& message : bob->received()) {
      if (message.opcode == Opcode::kRetrieveAck) out.push_back(message.id);
    }
    return out;
  }
  std::vector<MessageId> retrieve(const std::string& what) {
    const std::size_t before = retrieved().size();
    const std::size_t ends = bob->count(Opcode::kRetrieveEnd);
    bob->send(Opcode::kRetrieve, what);
    REQUIRE(bob->gets(Opcode::kRetrieveEnd, ends + 1));
    const auto all = retrieved();
    return {all.begin() + static_cast<std::ptrdiff_t>(before), all.end()};
  }

  SealedWorld w;
  std::unique_ptr<SealedPeer> bob;
};

std::vector<MessageId> down(MessageId from, std::size_t count) {
  std::vector<MessageId> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(from - i);
  return out;
}

}  // namespace

TEST_CASE("retrieve: up to a thousand, across pages, and what lies below a post", "[retrieve]") {
  const std::uint32_t in_memory = GENERATE(0, 350, 1500, 10'000);
  CAPTURE(in_memory);
  Reader r(1500, "post", SealedWorld::keeping(in_memory));
  r.w.net.faults() = {.loss = 0.05, .duplicate = 0.02, .corrupt = 0, .delay = 10ms, .jitter = 10ms};
  CHECK(r.retrieve("5") == down(1500, 5));
  CHECK(r.retrieve("100") == down(1500, 100));
  CHECK(r.retrieve("101") == down(1500, 101));
  CHECK(r.retrieve("1000") == down(1500, 1000));
  CHECK(r.retrieve("5000") == down(1500, 1000));
  CHECK(r.retrieve("300&1000") == down(999, 300));
  CHECK(r.retrieve("1000&501") == down(500, 500));
  CHECK(r.retrieve("200&201") == down(200, 200));  // exactly what there is
  CHECK(r.retrieve("10&1").empty());
  CHECK(r.retrieve("10&x").empty());
  CHECK(r.retrieve("0").empty());
  CHECK(r.retrieve("").empty());
  CHECK(r.retrieve("1&99999999") == down(1500, 1));
}

TEST_CASE("retrieve: several at once come one after the other, and no more than four",
          "[retrieve]") {
  Reader r(400);
  r.w.net.faults().delay = 10ms;
  for (const char* what : {"150", "3", "120&200", "1"}) r.bob->send(Opcode::kRetrieve, what);
  r.bob->send(Opcode::kRetrieve, "9");
  REQUIRE(r.bob->gets(Opcode::kRefused));
  REQUIRE(r.bob->gets(Opcode::kRetrieveEnd, 4));
  std::vector<MessageId> wanted = down(400, 150);
  for (const auto& part : {down(400, 3), down(199, 120), down(400, 1)}) {
    wanted.insert(wanted.end(), part.begin(), part.end());
  }
  CHECK(r.retrieved() == wanted);
  CHECK(r.w.host.counters().drop_retrieve_queue == 1);
}

TEST_CASE("retrieve: the hub reads on only as the client takes it", "[retrieve]") {
  Reader r(1000, std::string(800, 'x'));
  std::size_t pages = 0;
  const std::size_t kind = server::ReadJob{server::RetrieveJob{}}.index();
  r.w.host.on_job = [&](std::string_view what, std::size_t which) {
    if (what == "read" && which == kind) ++pages;
  };
  r.bob->stop_reading();
  r.bob->send(Opcode::kRetrieve, "1000");
  r.w.net.run_for(1min);
  CHECK(pages <= 4);  // his window takes 256 KiB, and a page is 80
  r.bob->go_on_reading();
  REQUIRE(r.bob->gets(Opcode::kRetrieveEnd, 1));
  CHECK(r.retrieved() == down(1000, 1000));
  CHECK(pages >= 10);
}

TEST_CASE("retrieve: a page that fails or finds the reader busy", "[retrieve]") {
  auto config = SealedWorld::keeping(0);
  config.max_pending_reads = 2;
  Reader r(1000, std::string(300, 'x'), config);
  SECTION("the first one: it is refused") {
    r.w.store.fail_reads(true);
    r.bob->send(Opcode::kRetrieve, "10");
    REQUIRE(r.bob->gets(Opcode::kRefused));
    CHECK(sealed::read_refusal(r.bob->received().back().payload)->word == "store_failed");
    r.w.store.fail_reads(false);
    CHECK(r.retrieve("10") == down(1000, 10));
  }
  SECTION("the first one finds it busy: likewise") {
    auto one = r.w.new_peer();
    auto two = r.w.new_peer();
    REQUIRE(one->connect());
    REQUIRE(two->connect());
    r.w.host.hold_reads(true);
    for (auto* peer : {one.get(), two.get()}) {
      peer->send(Opcode::kLoginStart, sealed::write_login_start({{}, "ann"}));
    }
    r.w.net.run_for(100ms);
    r.bob->send(Opcode::kRetrieve, "10");
    REQUIRE(r.bob->gets(Opcode::kRefused));
    CHECK(sealed::read_refusal(r.bob->received().back().payload)->word == "busy");
    r.w.host.hold_reads(false);
  }
  SECTION("a later one: it is read again, and nothing is missing") {
    r.w.net.faults().delay = 20ms;
    r.bob->send(Opcode::kRetrieve, "1000");
    REQUIRE(r.w.net.run_until([&] { return r.retrieved().size() > 150; }, 10s));
    r.w.store.fail_reads(true);
    r.w.net.run_for(10s);
    CHECK(r.bob->count(Opcode::kRetrieveEnd) == 0);
    CHECK(r.w.host.counters().drop_store_failed <= 12);
    r.w.store.fail_reads(false);
    REQUIRE(r.bob->gets(Opcode::kRetrieveEnd, 1));
    CHECK(r.retrieved() == down(1000, 1000));
  }
}

TEST_CASE("retrieve: one that a logout cuts short is over, and the next one is whole",
          "[retrieve]") {
  Reader r(1000, std::string(500, 'x'), SealedWorld::keeping(GENERATE(0, 10'000)));
  r.w.net.faults().delay = 20ms;
  for (int i = 0; i < 70; ++i) {  // more than there may be streams at once
    const std::size_t before = r.retrieved().size();
    r.bob->send(Opcode::kRetrieve, "1000");
    r.bob->send(Opcode::kRetrieve, "20");
    REQUIRE(r.w.net.run_until([&] { return r.retrieved().size() > before + 90; }, 10s));
    r.bob->send(Opcode::kLogout);
    REQUIRE(r.bob->gets(Opcode::kLogoutAck, static_cast<std::size_t>(i) + 1));
    REQUIRE(r.bob->log_in("bob", "bob_pw"));
  }
  r.w.net.run_for(5s);
  CHECK(r.retrieve("250") == down(1000, 250));
}
