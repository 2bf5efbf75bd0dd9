#include "client/core/outbox.hpp"

#include <algorithm>

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "protocol/limits.hpp"

namespace hub::client {
namespace {

/// An outbox and its file.
struct Kept {
  Outbox box;
  std::string file = box.text();

  std::uint64_t add(Opcode opcode, std::string payload) {
    file += box.add(opcode, std::move(payload));
    return box.given();
  }
  void answer(std::uint64_t number, bool was_done) {
    std::string line;
    REQUIRE(box.answered(number, was_done, line));
    file += line;
  }
};

/// A post with everything in it, a follow that was done, a post that was refused.
Kept some() {
  Kept kept;
  kept.add(Opcode::kPost, "Hi, Bob!");
  kept.add(Opcode::kSubscribe, "bob");
  kept.add(Opcode::kPost, "ä \n\xff");
  kept.add(Opcode::kUnsubscribe, "carol");
  kept.answer(2, true);
  kept.answer(3, false);
  return kept;
}

void check_same(const Outbox& one, const Outbox& other) {
  CHECK(one.waiting() == other.waiting());
  CHECK(one.given() == other.given());
  CHECK(one.acknowledged() == other.acknowledged());
}

}  // namespace

TEST_CASE("outbox: the lines are as the header says") {
  Outbox box;
  CHECK(box.text() == "spoke-outbox 1 0 0 0c16858c\n");
  CHECK(box.add(Opcode::kPost, "Hi, Bob!") == "ask 1 30 48692c20426f6221 043cbbee\n");
  CHECK(box.add(Opcode::kSubscribe, "bob") == "ask 2 20 626f62 672b8ab9\n");
  std::string line;
  REQUIRE(box.answered(1, true, line));
  CHECK(line == "done 1 2da3cae8\n");
  REQUIRE(box.answered(2, false, line));
  CHECK(line == "refused 2 cf819ff4\n");
  CHECK(box.text() == "spoke-outbox 1 2 1 fa61b2d0\n");
}

TEST_CASE("outbox: numbers rise by one, and a request is answered once") {
  Kept kept = some();
  CHECK(kept.box.given() == 4);
  CHECK(kept.box.acknowledged() == 2);
  REQUIRE(kept.box.waiting().size() == 2);
  CHECK(kept.box.waiting()[0] == Outbox::Request{1, Opcode::kPost, "Hi, Bob!"});
  CHECK(kept.box.waiting()[1] == Outbox::Request{4, Opcode::kUnsubscribe, "carol"});
  std::string line;
  CHECK_FALSE(kept.box.answered(2, true, line));
  CHECK_FALSE(kept.box.answered(5, true, line));
  CHECK_FALSE(kept.box.answered(0, true, line));
  CHECK(line.empty());
  CHECK(kept.box.answered(4, true, line) == Outbox::Request{4, Opcode::kUnsubscribe, "carol"});
  CHECK(kept.box.acknowledged() == 4);
  REQUIRE(kept.box.answered(1, true, line));
  CHECK(kept.box.acknowledged() == 4);  // an earlier one, answered later
  CHECK(kept.box.add(Opcode::kPost, "").substr(0, 10) == "ask 5 30  ");
}

TEST_CASE("outbox: what was written is read again, appended to or written anew") {
  Kept kept = some();
  const auto read = Outbox::read(kept.file);
  REQUIRE(read);
  check_same(*read, kept.box);
  CHECK_FALSE(read->is_due_for_rewriting());
  const auto anew = Outbox::read(kept.box.text());
  REQUIRE(anew);
  check_same(*anew, kept.box);
}

TEST_CASE("outbox: numbers are not given out again by writing the file anew") {
  Kept kept;
  for (int i = 0; i < 3; ++i) kept.add(Opcode::kPost, "x");
  for (std::uint64_t n = 1; n <= 3; ++n) kept.answer(n, n != 3);
  const std::string text = kept.box.text();
  auto again = Outbox::read(text);
  REQUIRE(again);
  CHECK(again->waiting().empty());
  CHECK(again->acknowledged() == 2);
  again->add(Opcode::kPost, "y");
  CHECK(again->waiting().front().number == 4);
}

TEST_CASE("outbox: a file cut anywhere loses its last line at most, and says so no more") {
  const Kept kept = some();
  const std::size_t first_line = kept.file.find('\n') + 1;
  for (std::size_t size = 0; size <= kept.file.size(); ++size) {
    CAPTURE(size);
    const std::string cut = kept.file.substr(0, size);
    auto read = Outbox::read(cut);
    REQUIRE(read.has_value() == (size >= first_line));
    if (!read) continue;
    const std::string whole = cut.substr(0, cut.rfind('\n') + 1);
    check_same(*read, *Outbox::read(whole));
    CHECK(read->is_due_for_rewriting() == (whole != cut));
    // Whoever writes it anew can append to it.
    std::string anew = read->text();
    CHECK_FALSE(read->is_due_for_rewriting());
    anew += read->add(Opcode::kPost, "more");
    const auto more = Outbox::read(anew);
    REQUIRE(more);
    check_same(*more, *read);
  }
}

TEST_CASE("outbox: a cut line that looks whole is none") {
  Kept kept = some();
  kept.add(Opcode::kPost, "the last one");
  auto read = Outbox::read(kept.file.substr(0, kept.file.size() - 1));
  REQUIRE(read);
  CHECK(read->given() == 4);
  CHECK(read->is_due_for_rewriting());
}

TEST_CASE("outbox: any changed byte is noticed, and its line named") {
  const Kept kept = some();
  for (std::size_t at = 0; at + 1 < kept.file.size(); ++at) {
    CAPTURE(at);
    const auto line = 1 + std::count(kept.file.begin(),
                                     kept.file.begin() + static_cast<std::ptrdiff_t>(at), '\n');
    std::string damaged = kept.file;
    damaged[at] = damaged[at] == '1' ? '2' : '1';
    const auto read = Outbox::read(damaged);
    REQUIRE_FALSE(read);
    CHECK(read.error() == fmt::format("line {} is damaged", line));
  }
}

TEST_CASE("outbox: right checks do not make wrong lines right") {
  // Checks are those of the lines as they stand here.
  const std::string first = "spoke-outbox 1 2 1 fa61b2d0\n";
  const std::string ask = "ask 1 30 48692c20426f6221 043cbbee\n";
  CHECK(Outbox::read(first + ask));
  CHECK_FALSE(Outbox::read(ask));                // the first line is missing
  CHECK_FALSE(Outbox::read(first + first));      // and comes once
  CHECK_FALSE(Outbox::read(first + ask + ask));  // numbers rise
  CHECK_FALSE(Outbox::read(first + "\n"));
  CHECK_FALSE(Outbox::read(""));
}

TEST_CASE("outbox: a long file in which most is answered is written anew, and only then") {
  Kept kept;
  const std::string text(kMaxTextBytes, 'x');
  std::uint64_t answered = 0;
  while (!kept.box.is_due_for_rewriting()) {
    kept.add(Opcode::kPost, text);
    if (kept.box.waiting().size() > 10) kept.answer(++answered, true);
    REQUIRE(kept.file.size() < std::size_t{1} << 20);
  }
  CHECK(kept.file.size() > std::size_t{32} * 1024);
  kept.file = kept.box.text();
  CHECK(kept.file.size() < std::size_t{32} * 1024);
  CHECK_FALSE(kept.box.is_due_for_rewriting());
  check_same(*Outbox::read(kept.file), kept.box);
  // While most of it waits, it would not become shorter.
  while (kept.box.waiting().size() < 200) kept.add(Opcode::kPost, text);
  CHECK_FALSE(kept.box.is_due_for_rewriting());
}

}  // namespace hub::client
