// All live sessions, found by ID, token, account and address, and ordered by their last activity so
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
  /// A classic session: its token must not be in use, nor the account have another one.
  Session& add(store::StoredSession record, const Path& path, Now now);
  /// A sealed session on `link`, which has none.
  Session& add_sealed(store::StoredSession record, Link& link, Now now);
  void remove(Session& session);

  Session* by_id(SessionId id) const;
  Session* by_token(Token token) const;  // classic
  Session* classic_of(AccountId account) const;
  /// Sealed: that of this device of the account, by either of its names.
  Session* of_device(AccountId account, const DeviceId& device) const;
  Session* of_device(AccountId account, store::DeviceNumber device) const;
  /// All sessions of the account; valid until the next change.
  const std::vector<Session*>& of_account(AccountId account) const;
  /// Classic ones: in plaintext the address is part of the proof.
  std::vector<Session*> at_address(const Endpoint& remote) const;
  bool any_at_address(const Endpoint& remote) const { return by_address_.count(remote) > 0; }

  void touch(Session& session, Now now);
  /// The session that has been silent longest; nothing where there is none.
  Session* least_recent() const { return oldest_; }

  /// Up to `limit` sessions in the order of their IDs, from the first above `after`.
  std::vector<Session*> page(SessionId after, std::size_t limit) const;

  std::size_t size() const { return by_id_.size(); }

 private:
  Session& insert(store::StoredSession record, Now now);
  void link(Session& session);
  void unlink(Session& session);

  std::map<SessionId, std::unique_ptr<Session>> by_id_;
  std::unordered_map<Token, Session*> by_token_;
  std::unordered_map<AccountId, std::vector<Session*>> by_account_;
  std::unordered_multimap<Endpoint, Session*, EndpointHash> by_address_;
  SessionId next_id_ = 1;
  Session* oldest_ = nullptr;
  Session* newest_ = nullptr;
};

}  // namespace hub::server
