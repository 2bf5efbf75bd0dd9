#include "server/core/session_table.hpp"

#include <utility>

namespace hub::server {

Session& SessionTable::insert(store::StoredSession record, Now now) {
  auto owned = std::make_unique<Session>();
  Session& session = *owned;
  session.id = next_id_++;
  session.record = std::move(record);
  session.last_active = now.mono;
  session.last_active_wall = now.wall;
  by_account_[session.account()].push_back(&session);
  by_id_.emplace(session.id, std::move(owned));
  link(session);
  return session;
}

Session& SessionTable::add(store::StoredSession record, const Path& path, Now now) {
  Session& session = insert(std::move(record), now);
  session.path = path;
  by_address_.emplace(session.record.remote, &session);
  by_token_.emplace(session.token(), &session);
  return session;
}

Session& SessionTable::add_sealed(store::StoredSession record, Link& link, Now now) {
  Session& session = insert(std::move(record), now);
  session.link = &link;
  return session;
}

void SessionTable::remove(Session& session) {
  unlink(session);
  const auto account = by_account_.find(session.account());
  std::erase(account->second, &session);
  if (account->second.empty()) by_account_.erase(account);
  if (!session.is_sealed()) {
    const auto [first, last] = by_address_.equal_range(session.record.remote);
    for (auto it = first; it != last; ++it) {
      if (it->second == &session) {
        by_address_.erase(it);
        break;
      }
    }
    by_token_.erase(session.token());
  }
  by_id_.erase(session.id);
}

Session* SessionTable::by_id(SessionId id) const {
  const auto found = by_id_.find(id);
  return found != by_id_.end() ? found->second.get() : nullptr;
}

Session* SessionTable::by_token(Token token) const {
  const auto found = by_token_.find(token);
  return found != by_token_.end() ? found->second : nullptr;
}

Session* SessionTable::classic_of(AccountId account) const {
  for (Session* session : of_account(account)) {
    if (!session->is_sealed()) return session;
  }
  return nullptr;
}

Session* SessionTable::of_device(AccountId account, const DeviceId& device) const {
  for (Session* session : of_account(account)) {
    if (session->is_sealed() && session->device_id == device) return session;
  }
  return nullptr;
}

Session* SessionTable::of_device(AccountId account, store::DeviceNumber device) const {
  for (Session* session : of_account(account)) {
    if (session->is_sealed() && session->device() == device) return session;
  }
  return nullptr;
}

const std::vector<Session*>& SessionTable::of_account(AccountId account) const {
  static const std::vector<Session*> kNone;
  const auto found = by_account_.find(account);
  return found != by_account_.end() ? found->second : kNone;
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

std::vector<Session*> SessionTable::page(SessionId after, std::size_t limit) const {
  std::vector<Session*> out;
  for (auto it = by_id_.upper_bound(after); it != by_id_.end() && out.size() < limit; ++it) {
    out.push_back(it->second.get());
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
