#include "server/core/session_table.hpp"

#include <utility>

namespace hub::server {

Session& SessionTable::add(store::StoredSession record, const Path& path, Now now) {
  auto owned = std::make_unique<Session>();
  Session& session = *owned;
  session.record = std::move(record);
  session.path = path;
  session.last_active = now.mono;
  session.last_active_wall = now.wall;
  by_account_[session.account()] = &session;
  by_address_.emplace(session.record.remote, &session);
  by_token_.emplace(session.token(), std::move(owned));
  link(session);
  return session;
}

void SessionTable::remove(Session& session) {
  unlink(session);
  by_account_.erase(session.account());
  const auto [first, last] = by_address_.equal_range(session.record.remote);
  for (auto it = first; it != last; ++it) {
    if (it->second == &session) {
      by_address_.erase(it);
      break;
    }
  }
  by_token_.erase(session.token());
}

Session* SessionTable::by_token(Token token) const {
  const auto found = by_token_.find(token);
  return found != by_token_.end() ? found->second.get() : nullptr;
}

Session* SessionTable::by_account(AccountId account) const {
  const auto found = by_account_.find(account);
  return found != by_account_.end() ? found->second : nullptr;
}

std::vector<Session*> SessionTable::at_address(const Endpoint& remote) const {
  std::vector<Session*> out;
  const auto range = by_address_.equal_range(remote);
  for (auto it = range.first; it != range.second; ++it) out.push_back(it->second);
  return out;
}

void SessionTable::touch(Session& session, Now now) {
  session.last_active = now.mono;
  session.last_active_wall = now.wall;
  unlink(session);
  link(session);
}

std::vector<Session*> SessionTable::page(AccountId after, std::size_t limit) const {
  std::vector<Session*> out;
  for (auto it = by_account_.upper_bound(after); it != by_account_.end() && out.size() < limit;
       ++it) {
    out.push_back(it->second);
  }
  return out;
}

void SessionTable::link(Session& session) {
  session.less_recent = newest_;
  session.more_recent = nullptr;
  (newest_ != nullptr ? newest_->more_recent : oldest_) = &session;
  newest_ = &session;
}

void SessionTable::unlink(Session& session) {
  (session.less_recent != nullptr ? session.less_recent->more_recent : oldest_) =
      session.more_recent;
  (session.more_recent != nullptr ? session.more_recent->less_recent : newest_) =
      session.less_recent;
}

}  // namespace hub::server
