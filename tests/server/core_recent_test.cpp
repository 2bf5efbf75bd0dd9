// The newest posts that the hub keeps in memory.
#include <algorithm>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "server/core/recent_posts.hpp"

using namespace hub;
using namespace hub::server;

namespace {

constexpr std::size_t kMany = 10'000;
constexpr AccountId kAnn = 7;
constexpr AccountId kBob = 8;

using Ids = std::vector<MessageId>;

store::HistoryPost post(MessageId id, AccountId author = kAnn) {
  return {{id, author, {}, {}, {}}};
}

channel::Payload bytes(std::size_t size) {
  return channel::Payload(std::vector<std::uint8_t>(size, 'x'));
}

/// The IDs that a retrieve is given; nothing where the store is to be asked.
std::optional<Ids> newest(const RecentPosts& recent, const std::vector<AccountId>& authors,
                          std::size_t n, MessageId before = 0) {
  std::vector<store::Followee> followed;
  for (const AccountId author : authors) followed.push_back({author, 0});
  const auto found = recent.newest_of(followed, n, before);
  if (!found) return std::nullopt;
  Ids out;
  for (const auto* entry : *found) out.push_back(entry->id);
  return out;
}

}  // namespace

TEST_CASE("recent posts: it is said from where on they are all there") {
  RecentPosts recent(kMany);
  CHECK(recent.reaches(0));
  recent.start_at(100, false);
  CHECK(recent.newest() == 100);
  CHECK(recent.reaches(100));
  CHECK_FALSE(recent.reaches(99));
  recent.add(post(101), {});
  recent.add(post(105), {});  // IDs between belong to nobody
  CHECK(recent.newest() == 105);
  CHECK(recent.reaches(100));
  CHECK(recent.reaches(103));
  CHECK_FALSE(recent.reaches(99));
  for (MessageId id = 106; id < 106 + kMany; ++id) recent.add(post(id), {});
  CHECK(recent.size() == kMany);
  CHECK(recent.begin()->id == 106);
  CHECK(recent.above(0)->id == 106);
  CHECK(recent.above(200)->id == 201);
  CHECK(recent.above(recent.newest()) == recent.end());
  // Who is too far behind reads from the store, though they are here.
  const MessageId bound = recent.newest() - RecentPosts::kLiveWithin;
  CHECK(recent.reaches(bound));
  CHECK_FALSE(recent.reaches(bound - 1));
}

TEST_CASE("recent posts: they take no more room than they may") {
  RecentPosts recent(kMany);
  recent.start_at(200, true);
  constexpr std::size_t kSize = 100'000;
  for (MessageId id = 1; id <= 200; ++id) recent.add(post(id), bytes(kSize));
  CHECK(recent.size() == RecentPosts::kMostBytes / kSize);
  CHECK(recent.newest() == 200);
  CHECK(newest(recent, {kAnn}, 200) == std::nullopt);  // some had to go
  recent.erase({0, 190, 0});                           // gives room
  for (MessageId id = 201; id <= 250; ++id) recent.add(post(id), bytes(kSize));
  CHECK(recent.begin()->id == 118);
  CHECK(newest(recent, {kAnn}, 60) == [] {
    Ids out;
    for (MessageId id = 250; id > 190; --id) out.push_back(id);
    return out;
  }());
}

TEST_CASE("recent posts: what is taken back keeps its place") {
  RecentPosts recent(kMany);
  recent.start_at(100, false);
  for (MessageId id = 101; id <= 105; ++id) recent.add(post(id), {});
  recent.add(post(106, kBob), {});
  const auto shown = [&] {
    Ids out;
    for (const auto& entry : recent) {
      CHECK(recent.may_show(entry.id) == entry.is_shown());
      if (entry.is_shown()) out.push_back(entry.id);
    }
    return out;
  };
  recent.erase({101, 101, 0});
  CHECK(shown() == Ids{102, 103, 104, 105, 106});
  CHECK(recent.reaches(100));
  recent.hide(kAnn, true);
  CHECK(shown() == Ids{106});
  recent.erase({105, ~MessageId{0}, kAnn});
  recent.hide(kAnn, false);
  CHECK(shown() == Ids{102, 103, 104, 106});
  CHECK(recent.size() == 6);
  CHECK(recent.may_show(100));  // nothing is known of it
  CHECK(recent.may_show(0));
  CHECK(recent.may_show(107));
}

TEST_CASE("recent posts: a retrieve is answered where all that it asks for is there") {
  RecentPosts recent(6);
  const auto begin = [&](bool is_all) {
    recent.start_at(6, is_all);
    for (MessageId id = 1; id <= 3; ++id) {
      recent.add(post(2 * id - 1, kAnn), {});
      recent.add(post(2 * id, kBob), {});
    }
  };
  SECTION("all of history is there") {
    begin(true);
    CHECK(newest(recent, {kAnn}, 2) == Ids{5, 3});
    CHECK(newest(recent, {kAnn, kBob}, 4) == Ids{6, 5, 4, 3});
    CHECK(newest(recent, {kAnn}, 10) == Ids{5, 3, 1});
    CHECK(newest(recent, {kAnn, kBob}, 10, 4) == Ids{3, 2, 1});
    CHECK(newest(recent, {9}, 10) == Ids{});
    CHECK(newest(recent, {}, 10) == Ids{});
    recent.add(post(7, kBob), {});  // and then no more
    CHECK(newest(recent, {kAnn}, 10) == std::nullopt);
    CHECK(newest(recent, {kAnn}, 2) == Ids{5, 3});
  }
  SECTION("there are older ones") {
    begin(false);
    CHECK(newest(recent, {kAnn}, 3) == Ids{5, 3, 1});
    CHECK(newest(recent, {kAnn}, 4) == std::nullopt);
    CHECK(newest(recent, {kAnn}, 2, 5) == Ids{3, 1});
    CHECK(newest(recent, {kAnn}, 3, 5) == std::nullopt);
    CHECK(newest(recent, {9}, 1) == std::nullopt);
    CHECK(newest(recent, {}, 0) == Ids{});
  }
}

TEST_CASE("recent posts: no question takes long") {
  RecentPosts recent(kMany);
  recent.start_at(kMany, true);
  for (MessageId id = 1; id <= kMany; ++id) recent.add(post(id, id % 2 == 0 ? kAnn : kBob), {});
  const MessageId bound = kMany - 2 * RecentPosts::kMostPassedOver;
  CHECK(newest(recent, {kAnn}, 1, bound + 1) == Ids{bound});
  CHECK(newest(recent, {kAnn}, 1, bound) == std::nullopt);
  recent.hide(kAnn, true);
  CHECK(newest(recent, {kAnn}, 1) == std::nullopt);
  CHECK(newest(recent, {kAnn, kBob}, 1) == Ids{kMany - 1});
  std::vector<AccountId> authors(RecentPosts::kMostAuthors, kBob + 1);
  authors.back() = kBob;
  CHECK(newest(recent, authors, 1) == Ids{kMany - 1});
  authors.push_back(kBob + 1);
  CHECK(newest(recent, authors, 1) == std::nullopt);
}

TEST_CASE("recent posts: the newest of many authors are what a search of all of them finds") {
  const auto seed = GENERATE(range(1u, 21u));
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const auto below = [&](std::size_t n) { return random() % n; };
  RecentPosts recent(50);
  MessageId id = 0;
  recent.start_at(0, true);
  bool is_all = true;
  for (int round = 0; round < 500; ++round) {
    const auto author = static_cast<AccountId>(1 + below(8));
    if (below(10) == 0) recent.hide(author, below(2) == 0);
    if (below(10) == 0) recent.erase({id - below(std::min<MessageId>(id + 1, 60)), id, author});
    id += 1 + below(3);
    recent.add(post(id, author), bytes(below(20)));
    is_all = is_all && round < 50;
    std::vector<AccountId> authors;
    for (AccountId each = 1; each <= 9; ++each) {
      if (below(2) == 0) authors.push_back(each);
    }
    const std::size_t n = below(12);
    const MessageId before = below(3) == 0 ? 0 : id + 2 - below(std::min<MessageId>(id + 2, 100));
    Ids wanted;
    for (auto entry = recent.end(); entry != recent.begin() && wanted.size() < n;) {
      --entry;
      const bool is_followed = std::count(authors.begin(), authors.end(), entry->author) > 0;
      if (is_followed && entry->is_shown() && (before == 0 || entry->id < before)) {
        wanted.push_back(entry->id);
      }
    }
    CAPTURE(round, n, before);
    if (wanted.size() < n && !is_all) {
      REQUIRE(newest(recent, authors, n, before) == std::nullopt);
    } else {
      REQUIRE(newest(recent, authors, n, before) == wanted);
    }
  }
}
