// What administrators ask of the writer. Several statements each, so each has a savepoint; each
// that succeeds leaves a row in the admin log.
#include <algorithm>

#include "protocol/client_id.hpp"
#include "store/refusals.hpp"
#include "store/rows.hpp"
#include "store/writer_statements.hpp"

namespace hub::store {

template <typename Body>
Writer::ReplyBody Writer::on_account(const char* command, const std::string& name, Body&& body) {
  const auto target = find(name);
  if (!target) return no_account(name);
  return atomically([&]() -> ReplyBody {
    ReplyBody reply = body(*target);
    if (!std::holds_alternative<Refused>(reply)) log(command, target->name);
    return reply;
  });
}

Writer::ReplyBody Writer::perform(const control::AddUser& request) {
  const auto id = ClientId::parse(request.name);
  if (!id) return bad_id();
  if (!request.verifier.kdf.is_valid()) return bad_verifier();
  const std::string key = key_of(*id);
  if (find(request.name)) return account_exists(request.name);
  if (Use(sql_->is_retired, key).step()) return account_retired(request.name);
  return atomically([&]() -> ReplyBody {
    const Verifier& v = request.verifier;
    Use(sql_->insert_account, key, id->text(), v.salt, v.kdf.memory_bytes, v.kdf.passes,
        v.stored_key, v.server_key, now_)
        .run();
    const AccountId account = db_.getLastInsertRowid();
    log("add-user", id->text());
    stage(account, {0, AccountState::kActive});
    return Done{};
  });
}

Writer::ReplyBody Writer::perform(const control::SetPassword& request) {
  if (!request.verifier.kdf.is_valid()) return bad_verifier();
  return on_account("set-password", request.name, [&](const Target& target) -> ReplyBody {
    const Verifier& v = request.verifier;
    Use(sql_->set_password, v.salt, v.kdf.memory_bytes, v.kdf.passes, v.stored_key, v.server_key,
        target.id)
        .run();
    erase_resume_keys(target.id);
    end_sessions(target.id);
    return Done{};
  });
}

Writer::ReplyBody Writer::perform(const control::DisableUser& request) {
  return on_account("disable-user", request.name, [&](const Target& target) -> ReplyBody {
    set_disabled(target, true);
    erase_resume_keys(target.id);
    end_sessions(target.id);
    return Done{};
  });
}

Writer::ReplyBody Writer::perform(const control::EnableUser& request) {
  return on_account("enable-user", request.name, [&](const Target& target) -> ReplyBody {
    set_disabled(target, false);
    return Done{};
  });
}

Writer::ReplyBody Writer::perform(const control::EndSession& request) {
  return on_account("end-session", request.name, [&](const Target& target) -> ReplyBody {
    if (!end_sessions(target.id)) return no_session(request.name);
    return Done{};
  });
}

Writer::ReplyBody Writer::perform(const control::DeletePost& request) {
  return atomically([&]() -> ReplyBody {
    Use(sql_->clear_post, request.id).run();
    if (db_.getChanges() == 0) return no_post(request.id);
    log("delete-post", std::to_string(request.id));
    events_.emplace_back(PostDeleted{request.id});
    return Done{};
  });
}

Writer::ReplyBody Writer::perform(const control::DeleteUser& request) {
  return on_account("delete-user", request.name, [&](const Target& target) -> ReplyBody {
    set_disabled(target, true);
    remove_devices(target.id);  // at most max_devices, and what they did goes with their posts
    end_sessions(target.id);
    std::uint32_t budget = options_.delete_step;
    const MessageId newest = purge_posts(target.id, target.head.last_post, budget);
    if (newest != target.head.last_post) events_.emplace_back(PostsDeleted{target.id, newest});
    Use(sql_->set_last_post, newest, target.id).run();
    Use(sql_->set_highest_id, newest_id()).run();  // its own post may have been the highest
    purge_follows(target.id, budget);
    if (budget == 0) {
      stage(target.id, {newest, AccountState::kDisabled});
      return Progress{newest != 0 ? 1u : 0u};
    }
    Use(sql_->retire, now_, target.id).run();
    Use(sql_->remove_account, target.id).run();
    stage(target.id, {});
    return Done{};
  });
}

void Writer::log(const char* command, const std::string& target) {
  Use(sql_->insert_log, now_, command, target).run();
}

void Writer::set_disabled(const Target& target, bool disabled) {
  Use(sql_->set_disabled, disabled ? 1u : 0u, target.id).run();
  stage(target.id,
        {target.head.last_post, disabled ? AccountState::kDisabled : AccountState::kActive});
  if (disabled) {
    events_.emplace_back(PostsHidden{target.id});
  } else {
    events_.emplace_back(PostsShown{target.id});
  }
}

bool Writer::end_sessions(AccountId account) {
  Use(sql_->end_sessions, account).run();
  // Said even where none was stored: a login may be on its way that was checked before this.
  events_.emplace_back(SessionsEnded{account});  // push_back: GCC 12 warns falsely at -O2
  return db_.getChanges() > 0;
}

/// Removes the newest posts first, so that what is left is a chain; returns the newest of it.
MessageId Writer::purge_posts(AccountId author, MessageId newest, std::uint32_t& budget) {
  for (; newest != 0 && budget > 0; --budget) {
    MessageId previous = 0;
    {
      Use row(sql_->find_post, newest);
      // A chain that is broken ends here; `check` reports what hangs loose behind it.
      if (!row.step() || row.number(0) != author) return 0;
      previous = static_cast<MessageId>(row.number(1));
    }
    Use(sql_->remove_post, newest).run();
    newest = previous < newest ? previous : 0;
  }
  return newest;
}

void Writer::purge_follows(AccountId account, std::uint32_t& budget) {
  for (SQLite::Statement* statement : {&sql_->follows_from, &sql_->follows_to}) {
    if (budget == 0) return;
    std::vector<FollowRemoved> found;
    for (Use row(*statement, account, budget); row.step();) {
      found.push_back({row.number(0), row.number(1)});
    }
    for (const FollowRemoved& follow : found) {
      Use(sql_->remove_follow, follow.follower, follow.followee).run();
      changed_followers_.push_back(follow.follower);
      events_.push_back(follow);
    }
    budget -= static_cast<std::uint32_t>(found.size());
  }
}

}  // namespace hub::store
