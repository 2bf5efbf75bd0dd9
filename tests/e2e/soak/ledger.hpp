// What a soak keeps account of: which posts each writer typed and which of them were acknowledged,
// what the database holds, and what each follower printed. It knows no process and no clock; what
// it is told and what it must not find is all there is, so that it is itself tested.
//
// The rules, of which each broken one is a violation:
//   - an acknowledged post is in the database; every post is in it at most once; nothing is in it
//     that nobody typed; the posts of one writer stand there in the order in which it typed them
//   - a follower prints the posts of those it follows in the order of the database, each once, and
//     nothing else; where it was killed, what fits into one datagram may come once more: what a
//     turn printed is noted as one
//   - every post gets an answer. One that gets none (error#no_reply) may be in the database or not
//     where the rules are lenient, and is a violation where they are strict
//   - a writer that was killed sends again what its outbox holds, and says nothing of it. Of the
//   posts
//     that it had not answered, the database then has the first few, up to where it had read its
//     input, and all that the outbox held
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "protocol/types.hpp"

namespace hub::test::soak {

struct StoredPost {
  MessageId id = 0;
  std::string author;
  std::string text;
  bool operator==(const StoredPost&) const = default;
};

class Ledger {
 public:
  struct Figures {
    std::size_t typed = 0;
    std::size_t acknowledged = 0;
    std::size_t unanswered = 0;  // error#no_reply, where that is allowed
    std::size_t delivered = 0;   // lines that followers printed
    std::size_t repeats = 0;     // of them, allowed ones around a follower's own kill
    std::size_t outbox = 0;      // posts that waited in the outbox of a killed writer
  };

  explicit Ledger(bool strict) : strict_(strict) {}

  void add_writer(const std::string& name);
  void add_follower(const std::string& name, const std::vector<std::string>& followees);

  void typed(const std::string& writer, const std::string& text);
  /// The writer's oldest open post was acknowledged; its text, or nothing where none can be meant.
  std::string acknowledged(const std::string& writer);
  /// ... will get no answer.
  std::string unanswered(const std::string& writer);
  bool has_open_posts(const std::string& writer) const;
  std::size_t open_posts(const std::string& writer) const;
  /// The writer is dead, and this is what waits in its outbox. What it had not answered is open
  /// until settled().
  void writer_killed(const std::string& writer, const std::vector<std::string>& outbox);
  /// What it was asked after its start has been answered: so has all of its outbox.
  void settled(const std::string& writer);

  void printed(const std::string& follower, const std::string& author, const std::string& text);
  void follower_killed(const std::string& follower);

  /// Another history, whose posts up to now were stored() and are known to be what they should be:
  /// the next line may be any of them, or the first one of later; from there on each counts again.
  void begins_anywhere(const std::string& follower);
  /// `post` was typed, answered and stored before this ledger began.
  void inherit(const std::vector<StoredPost>& posts);

  /// More of the database: everything above the last ID told so far, oldest first. Told after all
  /// that was acknowledged and printed up to now, which is compared with it.
  void stored(const std::vector<StoredPost>& posts);
  MessageId last_stored() const { return stored_.empty() ? 0 : stored_.back().id; }
  const std::vector<StoredPost>& all_stored() const { return stored_; }
  /// How many acknowledged posts the follower that is furthest behind has not printed.
  std::size_t lag() const;
  /// Every follower has printed all that is due to it.
  bool everything_delivered() const;
  /// The end: nothing is open, everything is delivered, and the database is what it was told to be.
  void finish(const std::vector<StoredPost>& whole);

  void violation(std::string text);
  const std::vector<std::string>& violations() const { return violations_; }
  const Figures& figures() const { return figures_; }

 private:
  /// Posts that were open when the writer was killed, and those of its outbox.
  struct Aftermath {
    std::vector<std::string> open;
    std::vector<std::string> outbox;
  };
  struct Writer {
    std::deque<std::string> open;            // typed, not answered, oldest first
    std::vector<std::string> to_be_found;    // acknowledged, not yet looked for
    std::optional<Aftermath> aftermath;      // not settled
    std::vector<Aftermath> to_be_explained;  // settled, not yet compared
    std::size_t next_stored = 0;             // number of the first post that may be stored next
    std::size_t acknowledged = 0;
  };
  struct Line {
    std::string author;
    std::string text;
    bool may_repeat = false;  // the first after a kill
  };
  struct Follower {
    std::vector<std::string> followees;
    std::vector<std::size_t> due;  // into stored_
    std::size_t cursor = 0;        // into due: the next one to be printed
    std::deque<Line> lines;        // not yet compared
    bool killed = false;
    std::size_t received = 0;                  // lines, but for repeats
    std::optional<std::size_t> begins_before;  // into due: at this or an earlier one
  };
  struct Typed {
    std::string writer;
    std::size_t number = 0;           // of this writer's
    std::size_t stored = kNotStored;  // into stored_
  };
  static constexpr std::size_t kNotStored = static_cast<std::size_t>(-1);

  void take(const StoredPost& post);
  void check_writer(const std::string& name, Writer& writer);
  void explain(const std::string& name, const Aftermath& aftermath);
  void check_follower(const std::string& name, Follower& follower);
  void check_line(const std::string& name, Follower& follower, const Line& line);
  bool set_back(Follower& follower, const Line& line);
  bool is_stored(const std::string& text) const;

  bool strict_;
  std::map<std::string, Writer> writers_;
  std::map<std::string, Follower> followers_;
  std::unordered_map<std::string, Typed> typed_;
  std::vector<StoredPost> stored_;
  std::vector<std::string> violations_;
  Figures figures_;
};

}  // namespace hub::test::soak
