// A backup taken under load, and the way back to it.
#include <algorithm>

#include <fmt/format.h>

#include "tests/e2e/soak/soak.hpp"
#include "tests/support/paths.hpp"

namespace hub::test::soak {

namespace {

constexpr int kPostsAfterRestore = 20;  // of each writer

}  // namespace

/// Everything compared so far was committed before it.
void Soak::begin_backup() {
  certain_in_backup_ = ledger_.last_stored();
  log("a backup begins");
  backup_.emplace(Command{.argv = {program("hubadmin"), "--data", hub_.data().string(), "backup",
                                   (options_.directory / "backup.db").string()},
                          .environment = {{"HUB_FAULT", ""}}});
}

bool Soak::backup_is_done() {
  if (!backup_) return true;
  if (!backup_->has_ended()) return false;
  const ExitCode exit = backup_->wait();
  backup_->read_now();
  const std::string said = backup_->next_line().value_or("");
  if (exit != 0) throw Unexpected("hubadmin backup: " + said + backup_->errors());
  log(said);
  backup_.reset();
  return true;
}

/// What it holds is what the original held at one moment, not before it began.
void Soak::compare_backup() {
  const std::filesystem::path restored = options_.directory / "restored";
  std::filesystem::create_directories(restored);
  std::filesystem::permissions(restored, std::filesystem::perms::owner_all);
  std::filesystem::copy_file(options_.directory / "backup.db", restored / "hub.db");
  for (const char* key : {"hub.key", "reset.key"}) {  // which stay where they are, on one machine
    std::filesystem::copy_file(hub_.data() / key, restored / key);
  }
  admin(restored, {"check"});
  const std::vector<StoredPost> posts = read_posts(restored, 0);
  const std::vector<StoredPost>& all = ledger_.all_stored();
  backed_up_ = posts.size();
  if (posts.size() > all.size() || !std::equal(posts.begin(), posts.end(), all.begin())) {
    ledger_.violation("the backup holds other posts than the database did");
  }
  const MessageId last = posts.empty() ? 0 : posts.back().id;
  if (last < certain_in_backup_) {
    ledger_.violation(fmt::format("the backup ends with post {}, and {} was committed before it",
                                  last, certain_in_backup_));
  }
}

/// hubd runs on the copy, and the clients, which know more than it does, come back to it. What they
/// post is stored and printed; a follower may print again what it printed before, without a gap.
void Soak::go_back_to_backup() {
  Ledger second(options_.strict);
  for (const auto& client : clients_) client->enter_into(second);
  second.inherit(read_posts(options_.directory / "restored", 0));
  for (const auto& client : clients_) {
    if (client->follows()) second.begins_anywhere(client->name());
  }
  books_ = &second;
  try {
    ++round_;
    hub_.move_to(options_.directory / "restored");
    hub_.start();
    for (int i = 0; i < kPostsAfterRestore; ++i) {
      for (const auto& client : clients_) {
        if (client->writes()) client->post(round_);
      }
    }
    wait_for("hubd listens on the restored data", [&] { return hub_.is_up(); });
    come_to_rest();
    for (const auto& client : clients_) client->finish();
    hub_.stop();
    second.finish(read_posts(hub_.data(), 0));
  } catch (const std::exception& error) {
    second.violation(error.what());
  }
  books_ = &ledger_;
  for (const std::string& text : second.violations()) {
    ledger_.violation("on the restored backup: " + text);
  }
}

}  // namespace hub::test::soak
