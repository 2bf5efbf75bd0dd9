// All live sessions, found by ID, token, account and address, and ordered by their last activity so
// that expiry looks only at those that expire. A Session stays where it is from add() to remove().
#pragma once

#include <cstddef>
#include <unordered_map>
#include <vector>

#include "server/core/flat_map.hpp"
#include "server/core/session.hpp"
#include "server/core/slots.hpp"

namespace hub::server {

/// The sessions of one account, to iterate over, in the order in which they came online.
class SessionsOfAccount {
 public:
  struct Iterator {
    Session* at = nullptr;
    Session* operator*() const { return at; }
    Iterator& operator++() {
      at = at->next_of_account;
      return *this;
    }
    bool operator==(const Iterator&) const = default;
  };
  explicit SessionsOfAccount(Session* first) : first_(first) {}
  Iterator begin() const { return {first_}; }
  Iterator end() const { return {}; }
  bool empty() const { return first_ == nullptr; }

 private:
  Session* first_;
};

class SessionTable {
 public:
  /// A classic session, as the store has it: its token must not be in use, nor the account have
  /// another one.
  Session& add(const store::StoredSession& record, Now now);
  /// A sealed session on `link`, which has none.
  Session& add_sealed(const store::StoredSession& record, Link& link, Now now);
  void remove(Session& session);

  Session* by_id(SessionId id) const;
  Session* by_token(Token token) const;  // classic
  Session* classic_of(AccountId account) const;
  /// Sealed: that of this device of the account, by either of its names.
  Session* of_device(AccountId account, const DeviceId& device) const;
  Session* of_device(AccountId account, store::DeviceNumber device) const;
  /// All sessions of the account; valid until the next change.
  SessionsOfAccount of_account(AccountId account) const;
  /// Classic ones: in plaintext the address is part of the proof.
  std::vector<Session*> at_address(const Endpoint& remote) const;
  bool any_at_address(const Endpoint& remote) const { return by_address_.count(remote) > 0; }

  void touch(Session& session, Now now);
  /// The session that has been silent longest; nothing where there is none.
  Session* least_recent() const { return oldest_; }

  /// Up to `limit` sessions in the order of their IDs, from the first above `after`. Who goes on
  /// with the last one's ID sees each session once that is there all the time.
  std::vector<Session*> page(SessionId after, std::size_t limit) const;

  std::size_t size() const { return sessions_.size(); }

 private:
  Session& insert(const store::StoredSession& record, Now now);
  void link(Session& session);
  void unlink(Session& session);

  Slots<Session> sessions_;
  FlatMap<Token, Session*> by_token_;
  FlatMap<AccountId, Session*> by_account_;  // the first one of each
  std::unordered_multimap<Endpoint, Session*, EndpointHash> by_address_;
  std::uint64_t serial_ = 0;  // of the newest session
  Session* oldest_ = nullptr;
  Session* newest_ = nullptr;
};

}  // namespace hub::server
