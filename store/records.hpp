// What lasts: the records that the store keeps and hands out.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "protocol/endpoint.hpp"
#include "protocol/password.hpp"
#include "protocol/types.hpp"

namespace hub::store {

struct Account {
  AccountId id = 0;
  std::string name;  // as it was given; unique without regard to case
  Verifier verifier;
  bool disabled = false;
  WallTime created{};
};

struct Post {
  MessageId id = 0;
  AccountId author = 0;
  std::string author_name;
  std::string text;
  WallTime at{};  // when the store committed it
};

/// Somebody followed; and the newest post there was when the follow was made.
struct Followee {
  AccountId account = 0;
  MessageId since = 0;
  bool operator==(const Followee&) const = default;
};

struct FollowRow {
  std::string follower;
  std::string followee;
  MessageId since = 0;  // the last post committed before the follow
};

/// What a restart needs of a live session. An account has at most one classic session, and several
/// sealed ones.
struct StoredSession {
  AccountId account = 0;
  std::string name;
  Framing framing = Framing::kClassic;
  std::uint64_t token = 0;  // classic: its Token; sealed: the hub's connection ID
  Endpoint remote;
  Endpoint local;                       // the address that was asked: replies leave from it
  std::array<std::uint8_t, 2> magic{};  // classic: the client's own
  WallTime online_since{};
};

/// Where a page of sessions goes on: the last one of the page before.
struct SessionKey {
  AccountId account = 0;
  Framing framing = Framing::kClassic;
  std::uint64_t token = 0;
};

/// What the hub as a whole keeps.
struct HubInfo {
  std::uint64_t history_id = 0;  // random; another one after every restore
  Key secret{};                  // keys the salts of unknown IDs
  KdfParams kdf;                 // for new accounts
};

/// One page of the posts that are due to somebody, oldest first.
struct CatchUpPage {
  std::vector<Post> posts;
  MessageId up_to = 0;  // everything due up to this one is in this page or an earlier one
};

struct Counts {
  std::uint64_t accounts = 0;
  std::uint64_t disabled_accounts = 0;
  std::uint64_t follows = 0;
  std::uint64_t sessions = 0;
  MessageId last_post = 0;  // the newest ID ever given out
};

}  // namespace hub::store
