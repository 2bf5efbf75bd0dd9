// Retrieves from memory: they give what the store would, whatever happened to the posts, and also
// after a restart.
#include <memory>
#include <random>

#include <catch2/catch.hpp>

#include "tests/support/sealed_world.hpp"

using namespace hub;
using namespace hub::test;
using namespace std::chrono_literals;

namespace {

using Lines = std::vector<std::string>;

store::StoreOptions small_steps() {
  store::StoreOptions options;
  options.delete_step = 3;
  return options;
}

/// Four people who post, and a fifth who follows some of them and asks.
struct Feed {
  explicit Feed(std::uint64_t seed, std::uint32_t recent_posts)
      : w(seed, {}, SealedWorld::keeping(recent_posts), small_steps()), random(seed) {
    for (const std::string& name : people) w.account(name);
    w.account("eve");
    for (const char* name : {"ann", "bob", "carol"}) w.follow_beside("eve", name);
    eve = w.online("eve");
  }
  std::size_t below(std::size_t n) { return random() % n; }
  const std::string& anybody() { return people[below(people.size())]; }

  void restart() {
    w.host.restart();
    eve = w.online("eve");
  }
  void something_happens() {
    const MessageId newest = *w.store.open_reader()->last_post();
    switch (below(13)) {
      case 0:
        w.host.ask(control::DisableUser{anybody()});
        break;
      case 1:
      case 2:
        w.host.ask(control::EnableUser{anybody()});
        break;
      case 3:
        w.host.ask(control::DeletePost{newest - below(std::min<MessageId>(newest, 20) + 1)});
        break;
      case 4:
        w.host.write_beside({{{0, store::Unfollow{eve_id(), anybody()}}}});
        break;
      case 5:
        w.follow_beside("eve", anybody());
        break;
      case 6:
        restart();
        break;
      case 7:
        delete_somebody();
        break;
      default:
        w.posts_beside(anybody(), static_cast<int>(1 + below(4)));
    }
    w.net.run_for(50ms);
  }
  /// In steps: it may be left at that, go on another time, or be given up. Somebody else comes for
  /// who is gone.
  void delete_somebody() {
    std::string& name = people[below(people.size())];
    for (std::size_t steps = below(6); steps > 0; --steps) {
      if (std::holds_alternative<control::Progress>(w.host.ask(control::DeleteUser{name})))
        continue;
      name += "x";
      w.account(name);
      w.follow_beside("eve", name);
      return;
    }
  }
  AccountId eve_id() { return w.store.open_reader()->account("eve")->value().id; }

  Lines retrieved(std::uint32_t n, MessageId before) {
    const std::size_t seen = eve->received().size();
    const std::size_t ends = eve->count(Opcode::kRetrieveEnd);
    eve->send(Opcode::kRetrieve, std::to_string(n) + "&" + std::to_string(before));
    REQUIRE(eve->gets(Opcode::kRetrieveEnd, ends + 1));
    Lines out;
    for (std::size_t i = seen; i < eve->received().size(); ++i) {
      const auto& message = eve->received()[i];
      if (message.opcode != Opcode::kRetrieveAck) continue;
      out.push_back(std::to_string(message.id) + message.payload);
    }
    return out;
  }
  Lines stored(std::uint32_t n, MessageId before) {
    Lines out;
    const auto posts = w.store.open_reader()->retrieve(eve_id(), n, before);
    for (const store::Post& post : *posts) {
      out.push_back(std::to_string(post.id) + format_post(post.author_name, post.text));
    }
    return out;
  }

  std::vector<std::string> people{"ann", "bob", "carol", "dora"};
  SealedWorld w;
  std::mt19937_64 random;
  std::unique_ptr<SealedPeer> eve;
};

}  // namespace

TEST_CASE("recent: a retrieve gives what the store would, from memory or not") {
  const auto seed = GENERATE(range(1u, 9u));
  CAPTURE(seed);
  Feed feed(seed, 25);
  std::uint64_t asked = 0;
  for (int round = 0; round < 150; ++round) {
    feed.something_happens();
    const auto n = static_cast<std::uint32_t>(1 + feed.below(15));
    const MessageId newest = *feed.w.store.open_reader()->last_post();
    const MessageId before = feed.below(3) == 0 ? newest + 1 - feed.below(newest + 1) : newest + 9;
    CAPTURE(round, n, before);
    REQUIRE(feed.retrieved(n, before) == feed.stored(n, before));
    ++asked;
  }
  CHECK(feed.w.host.counters().retrieve_pages_from_memory > asked / 8);
  CHECK(feed.w.host.counters().retrieve_pages_from_memory < asked);
}

TEST_CASE("recent: what is in memory is served though nothing can be read from the store") {
  Feed feed(1, 25);
  feed.w.posts_beside("ann", 40);
  feed.w.net.run_for(50ms);
  const bool restarted = GENERATE(false, true);
  CAPTURE(restarted);
  if (restarted) feed.restart();
  const Lines stored = feed.stored(25, 0);
  feed.w.store.fail_reads(true);
  CHECK(feed.retrieved(25, 0) == stored);
  feed.eve->send(Opcode::kRetrieve, "26");
  CHECK(feed.eve->gets(Opcode::kRefused));
}
