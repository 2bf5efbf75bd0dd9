#include "tests/e2e/soak/ledger.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace hub::test::soak {

namespace {

constexpr std::size_t kMaxViolations = 50;  // what comes after them follows from them
constexpr std::size_t kShown = 60;          // bytes of a text
// What is shown at once: the messages of one datagram, at most 1,167 bytes, and of those behind it
// where it was overtaken.
constexpr std::size_t kAtOnce = std::size_t{4} * 1167;

std::string shown(const std::string& text) {
  return "\"" + text.substr(0, kShown) + (text.size() > kShown ? "..." : "") + "\"";
}

}  // namespace

void Ledger::add_writer(const std::string& name) { writers_[name]; }

void Ledger::add_follower(const std::string& name, const std::vector<std::string>& followees) {
  followers_[name].followees = followees;
}

void Ledger::violation(std::string text) {
  if (violations_.size() < kMaxViolations) violations_.push_back(std::move(text));
}

// --- what writers type and are told ---

void Ledger::typed(const std::string& writer, const std::string& text) {
  Writer& w = writers_.at(writer);
  const std::size_t number = figures_.typed++;
  if (!typed_.emplace(text, Typed{writer, number}).second) {
    violation("the soak itself typed " + shown(text) + " twice");
  }
  w.open.push_back(text);
}

std::string Ledger::acknowledged(const std::string& writer) {
  Writer& w = writers_.at(writer);
  ++figures_.acknowledged;
  ++w.acknowledged;
  if (w.open.empty()) {
    violation(writer + " got an ack more than it has posts");
    return {};
  }
  std::string text = std::move(w.open.front());
  w.open.pop_front();
  w.to_be_found.push_back(text);
  return text;
}

std::string Ledger::unanswered(const std::string& writer) {
  Writer& w = writers_.at(writer);
  ++figures_.unanswered;
  if (w.open.empty()) {
    violation(writer + " says that something gets no answer, and has nothing open");
    return {};
  }
  std::string text = std::move(w.open.front());
  w.open.pop_front();
  if (strict_) violation(writer + " gets no answer to " + shown(text));
  return text;
}

bool Ledger::has_open_posts(const std::string& writer) const { return open_posts(writer) > 0; }

std::size_t Ledger::open_posts(const std::string& writer) const {
  return writers_.at(writer).open.size();
}

void Ledger::writer_killed(const std::string& writer, const std::vector<std::string>& outbox) {
  Writer& w = writers_.at(writer);
  if (!w.aftermath) w.aftermath.emplace();
  for (std::string& text : w.open) w.aftermath->open.push_back(std::move(text));
  w.open.clear();
  w.aftermath->outbox.insert(w.aftermath->outbox.end(), outbox.begin(), outbox.end());
  figures_.outbox += outbox.size();
}

void Ledger::settled(const std::string& writer) {
  Writer& w = writers_.at(writer);
  if (w.aftermath) w.to_be_explained.push_back(std::move(*std::exchange(w.aftermath, {})));
}

// --- what followers print ---

void Ledger::printed(const std::string& follower, const std::string& author,
                     const std::string& text) {
  ++figures_.delivered;
  Follower& f = followers_.at(follower);
  ++f.received;
  f.lines.push_back({author, text, std::exchange(f.killed, false)});
}

void Ledger::follower_killed(const std::string& follower) { followers_.at(follower).killed = true; }

void Ledger::begins_anywhere(const std::string& follower) {
  Follower& f = followers_.at(follower);
  f.begins_before = f.due.size();
  f.cursor = f.due.size();
}

void Ledger::inherit(const std::vector<StoredPost>& posts) {
  for (const StoredPost& post : posts) typed(post.author, post.text);
  for (const StoredPost& post : posts) acknowledged(post.author);
  stored(posts);
}

// --- what the database holds ---

void Ledger::stored(const std::vector<StoredPost>& posts) {
  for (const StoredPost& post : posts) take(post);
  for (auto& [name, writer] : writers_) check_writer(name, writer);
  for (auto& [name, follower] : followers_) check_follower(name, follower);
}

void Ledger::take(const StoredPost& post) {
  if (post.id <= last_stored()) violation(fmt::format("post {} comes after a later one", post.id));
  const std::size_t at = stored_.size();
  stored_.push_back(post);
  for (auto& [name, follower] : followers_) {
    const auto& followees = follower.followees;
    if (std::find(followees.begin(), followees.end(), post.author) != followees.end()) {
      follower.due.push_back(at);
    }
  }
  const auto found = typed_.find(post.text);
  if (found == typed_.end() || found->second.writer != post.author) {
    violation(
        fmt::format("post {} of {}, {}, was never typed", post.id, post.author, shown(post.text)));
    return;
  }
  Typed& typed = found->second;
  if (typed.stored != kNotStored) {
    violation(fmt::format("{} of {} is stored twice: posts {} and {}", shown(post.text),
                          post.author, stored_[typed.stored].id, post.id));
    return;
  }
  typed.stored = at;
  Writer& writer = writers_.at(post.author);
  if (typed.number < writer.next_stored) {
    violation(fmt::format("post {} of {}, {}, stands behind one that was typed later", post.id,
                          post.author, shown(post.text)));
  }
  writer.next_stored = typed.number + 1;
}

bool Ledger::is_stored(const std::string& text) const {
  const auto found = typed_.find(text);
  return found != typed_.end() && found->second.stored != kNotStored;
}

void Ledger::check_writer(const std::string& name, Writer& writer) {
  for (const std::string& text : writer.to_be_found) {
    if (!is_stored(text)) violation(name + "'s " + shown(text) + " was acknowledged and is lost");
  }
  writer.to_be_found.clear();
  for (const Aftermath& aftermath : writer.to_be_explained) explain(name, aftermath);
  writer.to_be_explained.clear();
}

void Ledger::explain(const std::string& name, const Aftermath& aftermath) {
  const auto& open = aftermath.open;
  const auto first_lost = std::find_if(open.begin(), open.end(),
                                       [&](const std::string& text) { return !is_stored(text); });
  const auto again = std::find_if(first_lost, open.end(),
                                  [&](const std::string& text) { return is_stored(text); });
  if (again != open.end()) {
    violation(fmt::format("{}'s {}, typed before it was killed, is missing and later ones are not",
                          name, shown(*first_lost)));
  }
  for (const std::string& text : aftermath.outbox) {
    if (!is_stored(text)) violation(name + "'s " + shown(text) + " was in its outbox and is lost");
  }
}

void Ledger::check_follower(const std::string& name, Follower& follower) {
  while (!follower.lines.empty()) {
    const Line line = std::move(follower.lines.front());
    follower.lines.pop_front();
    check_line(name, follower, line);
  }
}

void Ledger::check_line(const std::string& name, Follower& follower, const Line& line) {
  const auto is_due = [&](std::size_t at) {
    if (at >= follower.due.size()) return false;
    const StoredPost& post = stored_[follower.due[at]];
    return post.text == line.text && post.author == line.author;
  };
  if (follower.begins_before) {
    // What is above the line was due as well, so that a gap behind it shows.
    const std::size_t last = *follower.begins_before;
    follower.begins_before.reset();
    for (std::size_t at = std::min(last + 1, follower.due.size()); at-- > 0;) {
      if (!is_due(at)) continue;
      follower.cursor = at + 1;
      return;
    }
  }
  if (line.may_repeat && set_back(follower, line)) return;
  const std::size_t expected = follower.cursor;
  if (is_due(expected)) {
    ++follower.cursor;
    return;
  }
  for (std::size_t at = 0; at < follower.due.size(); ++at) {
    if (!is_due(at)) continue;
    violation(at < expected ? fmt::format("{} prints {} again, {} lines later", name,
                                          shown(line.text), expected - at)
                            : fmt::format("{} prints {} and misses {} posts before it, from {} on",
                                          name, shown(line.text), at - expected,
                                          shown(stored_[follower.due[expected]].text)));
    follower.cursor = at + 1;
    return;
  }
  violation(name + " prints " + shown(line.text) + " of " + line.author +
            (is_stored(line.text) ? ", whom it does not follow" : ", which the database lacks"));
}

/// True where the line was among the last that may have been shown at once: from there on all
/// comes again.
bool Ledger::set_back(Follower& follower, const Line& line) {
  std::size_t bytes = 0;
  for (std::size_t at = follower.cursor; at-- > 0;) {
    const StoredPost& post = stored_[follower.due[at]];
    bytes += post.author.size() + 2 + post.text.size();
    if (bytes > kAtOnce) return false;
    if (post.text != line.text || post.author != line.author) continue;
    const std::size_t again = follower.cursor - at;
    figures_.repeats += again;
    follower.received -= again;
    follower.cursor = at + 1;
    return true;
  }
  return false;
}

std::size_t Ledger::lag() const {
  std::size_t most = 0;
  for (const auto& [name, follower] : followers_) {
    std::size_t due = 0;
    for (const std::string& followee : follower.followees) {
      due += writers_.at(followee).acknowledged;
    }
    most = std::max(most, due - std::min(due, follower.received));
  }
  return most;
}

bool Ledger::everything_delivered() const {
  return std::all_of(followers_.begin(), followers_.end(), [](const auto& each) {
    const Follower& follower = each.second;
    return follower.cursor + follower.lines.size() >= follower.due.size();
  });
}

void Ledger::finish(const std::vector<StoredPost>& whole) {
  if (whole != stored_) {
    const auto [had, has] =
        std::mismatch(stored_.begin(), stored_.end(), whole.begin(), whole.end());
    violation(fmt::format("the database changed behind post {}: {} posts were read, {} are there",
                          had != stored_.begin() ? (had - 1)->id : 0, stored_.size(),
                          whole.size()));
  }
  for (const auto& [name, writer] : writers_) {
    const std::size_t open =
        writer.open.size() + (writer.aftermath ? writer.aftermath->open.size() : 0);
    if (open > 0) {
      violation(fmt::format("{} still waits for the answer to {} posts", name, open));
    }
  }
  for (const auto& [name, follower] : followers_) {
    const std::size_t left = follower.due.size() - std::min(follower.cursor, follower.due.size());
    if (left > 0) {
      violation(fmt::format("{} did not print the last {} posts, from {} on", name, left,
                            shown(stored_[follower.due[follower.cursor]].text)));
    }
  }
}

}  // namespace hub::test::soak
