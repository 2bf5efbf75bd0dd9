// All live sessions, found by token, account and address, and ordered by their last activity so
// that expiry looks only at those that expire. A Session stays where it is from add() to remove().
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "server/core/session.hpp"

namespace hub::server {

class SessionTable {
 public:
  /// `record.token` must not be in use, nor the account have a session.
  Session& add(store::StoredSession record, const Path& path, Now now);
  void remove(Session& session);

  Session* by_token(Token token) const;
  Session* by_account(AccountId account) const;
  std::vector<Session*> at_address(const Endpoint& remote) const;
  bool any_at_address(const Endpoint& remote) const { return by_address_.count(remote) > 0; }

  void touch(Session& session, Now now);
  /// The session that has been silent longest; nothing where there is none.
  Session* least_recent() const { return oldest_; }

  /// Up to `limit` sessions in the order of their accounts, from the first above `after`.
  std::vector<Session*> page(AccountId after, std::size_t limit) const;

  std::size_t size() const { return by_token_.size(); }

 private:
  void link(Session& session);
  void unlink(Session& session);

  std::unordered_map<Token, std::unique_ptr<Session>> by_token_;
  std::map<AccountId, Session*> by_account_;
  std::unordered_multimap<Endpoint, Session*, EndpointHash> by_address_;
  Session* oldest_ = nullptr;
  Session* newest_ = nullptr;
};

}  // namespace hub::server
