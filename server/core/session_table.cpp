#include "server/core/session_table.hpp"

#include <utility>

#include "protocol/fault.hpp"

namespace hub::server {

namespace {

// A session's ID: the number of its slot, so that it is found at once, and below that a serial
// number, which no later one has: enough for a hundred logins a second for three centuries.
constexpr int kSerialBits = 40;

Slots<Session>::Number slot_of(SessionId id) {
  return static_cast<Slots<Session>::Number>(id >> kSerialBits);
}

}  // namespace

Session& SessionTable::insert(const store::StoredSession& record, Now now) {
  auto [session, slot] = sessions_.add();
  session.id = SessionId{slot} << kSerialBits | ++serial_;
  session.account = record.account;
  session.name = record.name;
  session.online_since = record.online_since;
  session.last_active = now.mono;
  Session** end = &by_account_[session.account];
  while (*end != nullptr) end = &(*end)->next_of_account;
  *end = &session;
  link(session);
  return session;
}

Session& SessionTable::add(const store::StoredSession& record, Now now) {
  Session& session = insert(record, now);
  session.classic = std::make_unique<ClassicSide>();
  session.classic->path = {record.local, record.remote};
  session.classic->token = static_cast<Token>(record.token);
  session.classic->magic = record.magic;
  by_address_.emplace(record.remote, &session);
  by_token_[session.token()] = &session;
  return session;
}

Session& SessionTable::add_sealed(const store::StoredSession& record, Link& link, Now now) {
  Session& session = insert(record, now);
  session.link = &link;
  session.device = record.device;
  return session;
}

void SessionTable::remove(Session& session) {
  unlink(session);
  Session** first = by_account_.find(session.account);
  Session** at = first;
  while (*at != &session) at = &(*at)->next_of_account;
  *at = session.next_of_account;
  if (*first == nullptr) by_account_.erase(session.account);
  if (!session.is_sealed()) {
    const auto [begin, end] = by_address_.equal_range(session.classic->path.remote);
    for (auto it = begin; it != end; ++it) {
      if (it->second == &session) {
        by_address_.erase(it);
        break;
      }
    }
    by_token_.erase(session.token());
  }
  sessions_.remove(slot_of(session.id));
}

Session* SessionTable::by_id(SessionId id) const {
  Session* const found = sessions_.at(slot_of(id));
  if (found == nullptr || (found->id != id && !fault("old_session_found"))) return nullptr;
  return found;
}

Session* SessionTable::by_token(Token token) const {
  Session* const* const found = by_token_.find(token);
  return found != nullptr ? *found : nullptr;
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
    if (session->is_sealed() && session->device == device) return session;
  }
  return nullptr;
}

SessionsOfAccount SessionTable::of_account(AccountId account) const {
  Session* const* const first = by_account_.find(account);
  return SessionsOfAccount(first != nullptr ? *first : nullptr);
}

std::vector<Session*> SessionTable::at_address(const Endpoint& remote) const {
  std::vector<Session*> out;
  const auto range = by_address_.equal_range(remote);
  for (auto it = range.first; it != range.second; ++it) out.push_back(it->second);
  return out;
}

void SessionTable::touch(Session& session, Now now) {
  session.last_active = now.mono;
  unlink(session);
  link(session);
}

std::vector<Session*> SessionTable::page(SessionId after, std::size_t limit) const {
  std::vector<Session*> out;
  for (auto slot = slot_of(after); slot < sessions_.end() && out.size() < limit; ++slot) {
    Session* const session = sessions_.at(slot);
    if (session != nullptr && session->id > after) out.push_back(session);
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
