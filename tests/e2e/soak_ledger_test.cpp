// The ledger of hub-soak must find what it is there for, and its plan leave nothing out.
#include <set>

#include <catch2/catch.hpp>

#include "tests/e2e/soak/ledger.hpp"
#include "tests/e2e/soak/plan.hpp"

namespace hub::test::soak {

namespace {

/// Ann and bob write, carol reads both, dave only bob.
struct Book : Ledger {
  explicit Book(bool strict = true) : Ledger(strict) {
    add_writer("ann");
    add_writer("bob");
    add_follower("carol", {"ann", "bob"});
    add_follower("dave", {"bob"});
  }
  void type(const std::string& writer, const std::vector<std::string>& texts) {
    for (const std::string& text : texts) typed(writer, text);
  }
  void ack(const std::string& writer, int count) {
    for (int i = 0; i < count; ++i) acknowledged(writer);
  }
  void print(const std::string& follower, const std::vector<std::string>& texts) {
    for (const std::string& text : texts)
      printed(follower, text.front() == 'a' ? "ann" : "bob", text);
  }
  /// "a1" is a post of ann, "b1" one of bob; the IDs go on.
  void store(const std::vector<std::string>& texts) {
    std::vector<StoredPost> posts;
    for (const std::string& text : texts) {
      posts.push_back({++id, text.front() == 'b' ? "bob" : "ann", text});
    }
    stored(posts);
  }
  /// What it finds in all.
  std::vector<std::string> end() {
    finish(all_stored());
    return violations();
  }
  MessageId id = 0;
};

bool finds(Book& book, const std::string& words) {
  const std::vector<std::string> found = book.end();
  CAPTURE(found);
  return found.size() == 1 && found.front().find(words) != std::string::npos;
}

}  // namespace

TEST_CASE("soak ledger: what goes well is no violation") {
  Book book;
  book.type("ann", {"a1", "a2"});
  book.type("bob", {"b1"});
  book.ack("ann", 2);
  book.print("carol", {"a1"});
  book.store({"a1", "b1", "a2"});
  CHECK_FALSE(book.everything_delivered());
  book.ack("bob", 1);
  book.print("carol", {"b1", "a2"});
  book.print("dave", {"b1"});
  CHECK(book.everything_delivered());
  book.store({});
  CHECK(book.end().empty());
  CHECK(book.figures().delivered == 4);
}

TEST_CASE("soak ledger: what the database holds must be what was acknowledged, once, in order") {
  Book book;
  book.type("ann", {"a1", "a2", "a3"});
  SECTION("lost") {
    book.ack("ann", 3);
    book.print("carol", {"a1", "a3"});
    book.store({"a1", "a3"});
    CHECK(finds(book, "\"a2\" was acknowledged and is lost"));
  }
  SECTION("twice") {
    book.ack("ann", 3);
    book.print("carol", {"a1", "a2", "a1", "a3"});
    book.store({"a1", "a2", "a1", "a3"});
    CHECK(finds(book, "stored twice: posts 1 and 3"));
  }
  SECTION("never typed") {
    book.ack("ann", 3);
    book.print("carol", {"a1", "a2", "a3", "ax"});
    book.store({"a1", "a2", "a3", "ax"});
    CHECK(finds(book, "was never typed"));
  }
  SECTION("in another order") {
    book.ack("ann", 3);
    book.print("carol", {"a1", "a3", "a2"});
    book.store({"a1", "a3", "a2"});
    CHECK(finds(book, "stands behind one that was typed later"));
  }
  SECTION("unanswered") {
    book.ack("ann", 2);
    book.print("carol", {"a1", "a2", "a3"});
    book.store({"a1", "a2", "a3"});
    CHECK(finds(book, "still waits for the answer to 1 posts"));
  }
  SECTION("an ack too many") {
    book.ack("ann", 4);
    book.print("carol", {"a1", "a2", "a3"});
    book.store({"a1", "a2", "a3"});
    CHECK(finds(book, "an ack more"));
  }
  SECTION("lost later") {
    book.ack("ann", 3);
    book.print("carol", {"a1", "a2", "a3"});
    book.store({"a1", "a2", "a3"});
    std::vector<StoredPost> whole = book.all_stored();
    whole.pop_back();
    book.finish(whole);
    REQUIRE(book.violations().size() == 1);
    CHECK(book.violations().front() ==
          "the database changed behind post 2: 3 posts were read, 2 are there");
  }
}

TEST_CASE("soak ledger: no answer is forgiven where it is lenient alone") {
  const bool strict = GENERATE(true, false);
  const bool is_stored = GENERATE(true, false);
  Book book(strict);
  book.type("ann", {"a1"});
  CHECK(book.unanswered("ann") == "a1");
  if (is_stored) {
    book.print("carol", {"a1"});
    book.store({"a1"});
  }
  CHECK(book.end().empty() == !strict);
}

TEST_CASE("soak ledger: a follower prints what is due, once, in order, and nothing else") {
  Book book;
  book.type("ann", {"a1", "a2", "a3"});
  book.type("bob", {"b1"});
  book.ack("ann", 3);
  book.ack("bob", 1);
  const std::vector<std::string> all = {"a1", "b1", "a2", "a3"};
  book.print("dave", {"b1"});
  SECTION("a gap") {
    book.print("carol", {"a1", "a2", "a3"});
    book.store(all);
    CHECK(finds(book, "carol prints \"a2\" and misses 1 posts before it, from \"b1\" on"));
  }
  SECTION("a repeat") {
    book.print("carol", {"a1", "b1", "b1", "a2", "a3"});
    book.store(all);
    CHECK_FALSE(book.end().empty());
  }
  SECTION("the end is missing") {
    book.print("carol", {"a1", "b1"});
    book.store(all);
    CHECK(finds(book, "carol did not print the last 2 posts, from \"a2\" on"));
  }
  SECTION("what is not stored") {
    book.type("bob", {"b2"});
    book.print("carol", {"a1", "b1", "a2", "a3", "b2"});
    book.store(all);
    CHECK(book.violations() ==
          std::vector<std::string>{"carol prints \"b2\" of bob, which the database lacks"});
  }
  SECTION("what it does not follow") {
    book.print("dave", {"a3"});
    book.print("carol", all);
    book.store(all);
    CHECK(finds(book, "dave prints \"a3\" of ann, whom it does not follow"));
  }
  SECTION("as another's") {
    book.print("carol", {"a1", "b1", "a2"});
    book.printed("carol", "bob", "a3");
    book.store(all);
    CHECK_FALSE(book.end().empty());
  }
}

TEST_CASE("soak ledger: around its own kill a follower may repeat a datagram, and only that") {
  const std::string middle(500, 'm');
  const std::vector<std::string> all = {"a1 " + middle, "a2 " + middle, "a3", "a4"};
  const auto is_fine = [&](std::size_t printed, const std::vector<std::size_t>& after) {
    Book book;
    book.type("ann", all);
    book.ack("ann", 4);
    for (std::size_t i = 0; i < printed; ++i) book.print("carol", {all[i]});
    book.follower_killed("carol");
    for (const std::size_t i : after) book.print("carol", {all.at(i)});
    book.store(all);
    return book.end().empty();
  };
  CHECK(is_fine(3, {3}));
  CHECK(is_fine(3, {2, 3}));
  CHECK(is_fine(3, {1, 2, 3}));
  CHECK(is_fine(3, {0, 1, 2, 3}));
  CHECK_FALSE(is_fine(3, {1, 3}));
  CHECK_FALSE(is_fine(3, {2, 2, 3}));
  CHECK_FALSE(is_fine(3, {2, 1, 2, 3}));
  CHECK_FALSE(is_fine(1, {2, 3}));
  CHECK_FALSE(is_fine(2, {1}));
}

TEST_CASE("soak ledger: what may have come at once is repeated after a kill, and no more") {
  const std::size_t size = GENERATE(2300u, 2400u);  // two of them: below four datagrams, and above
  const std::string much(size, 'm');
  Book book;
  book.type("ann", {"a1 " + much, "a2 " + much});
  book.ack("ann", 2);
  book.print("carol", {"a1 " + much, "a2 " + much});
  book.follower_killed("carol");
  book.print("carol", {"a1 " + much, "a2 " + much});
  book.store({"a1 " + much, "a2 " + much});
  CHECK(book.end().empty() == (size == 2300));
}

TEST_CASE("soak ledger: how far the slowest follower is behind") {
  Book book;
  book.type("ann", {"a1", "a2"});
  book.type("bob", {"b1"});
  CHECK(book.lag() == 0);
  book.ack("ann", 2);
  book.ack("bob", 1);
  CHECK(book.lag() == 3);
  book.print("carol", {"a1", "b1", "a2"});
  CHECK(book.lag() == 1);
  book.print("dave", {"b1"});
  CHECK(book.lag() == 0);
}

TEST_CASE(
    "soak ledger: on a restored backup a follower may begin anywhere, but leave out nothing") {
  const auto is_fine = [](const std::vector<std::string>& lines) {
    Book book;
    book.inherit({{1, "ann", "a1"}, {2, "ann", "a2"}});
    book.id = 2;
    book.begins_anywhere("carol");
    book.type("ann", {"a3", "a4"});
    book.ack("ann", 2);
    book.print("carol", lines);
    book.store({"a3", "a4"});
    return book.end().empty();
  };
  CHECK(is_fine({"a3", "a4"}));
  CHECK(is_fine({"a2", "a3", "a4"}));
  CHECK(is_fine({"a1", "a2", "a3", "a4"}));
  CHECK_FALSE(is_fine({}));
  CHECK_FALSE(is_fine({"a4"}));
  CHECK_FALSE(is_fine({"a1", "a3", "a4"}));
  CHECK_FALSE(is_fine({"a2", "a3"}));
  CHECK_FALSE(is_fine({"a3", "a4", "a4"}));
}

TEST_CASE("soak ledger: a killed writer's outbox brings the first of its open posts") {
  Book book;
  book.type("ann", {"a1", "a2", "a3", "a4"});
  book.ack("ann", 1);
  const auto kill = [&](const std::vector<std::string>& outbox) {
    book.writer_killed("ann", outbox);
  };
  const auto rest = [&](const std::vector<std::string>& stored) {
    book.settled("ann");
    book.type("ann", {"a5"});
    book.ack("ann", 1);
    std::vector<std::string> all = {"a1"};
    all.insert(all.end(), stored.begin(), stored.end());
    all.push_back("a5");
    book.print("carol", all);
    book.store(all);
  };
  SECTION("all of it") {
    kill({"a2", "a3"});
    rest({"a2", "a3"});
    CHECK(book.end().empty());
    CHECK(book.figures().outbox == 2);
  }
  SECTION("there is nothing") {
    kill({});
    rest({});
    CHECK(book.end().empty());
  }
  SECTION("the hub's answer was noted and not printed") {
    kill({"a3"});
    rest({"a2", "a3"});
    CHECK(book.end().empty());
  }
  SECTION("it is killed again before that") {
    kill({"a2", "a3"});
    kill({"a3"});
    rest({"a2", "a3"});
    CHECK(book.end().empty());
  }
  SECTION("a post is left out") {
    kill({});
    rest({"a2", "a4"});
    CHECK(finds(book, "\"a3\", typed before it was killed, is missing and later ones are not"));
  }
  SECTION("a post of the outbox is lost") {
    kill({"a2", "a3"});
    rest({"a2"});
    CHECK(finds(book, "\"a3\" was in its outbox and is lost"));
  }
  SECTION("there is an ack for it") {
    kill({"a2"});
    book.ack("ann", 1);
    rest({"a2"});
    CHECK(finds(book, "an ack more"));
  }
  SECTION("it never settles") {
    kill({"a2"});
    book.print("carol", {"a1"});
    book.store({"a1"});
    CHECK(finds(book, "still waits for the answer to 3 posts"));
  }
}

TEST_CASE("soak: 20 kills, CI's, come by every failpoint, and every kind of kill") {
  std::set<std::string_view> armed;
  unsigned others = 0;
  for (unsigned number = 0; number < 20; ++number) {
    const Failpoint* point = failpoint_of(number);
    if (point != nullptr) armed.insert(point->name);
    if (point == nullptr) ++others;
  }
  CHECK(armed.size() == kHubFailpoints.size());
  CHECK(others == 8);
}

}  // namespace hub::test::soak
