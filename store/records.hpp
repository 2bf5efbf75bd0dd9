// What lasts: the records that the store keeps and hands out.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "protocol/device.hpp"
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

/// A post as history has it, whether it may be shown or not.
struct HistoryPost {
  Post post;
  bool is_deleted = false;  // its text is gone
  bool is_hidden = false;   // its author is disabled
};

/// The newest posts, of everybody, oldest first.
struct HistoryEnd {
  std::vector<HistoryPost> posts;
  bool is_all = false;  // there are no others
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

/// Names a device inside one hub's database, never again another one; 0: none.
using DeviceNumber = std::int64_t;

/// One installation of a client, of one account.
struct Device {
  DeviceNumber number = 0;
  AccountId account = 0;
  DeviceId id{};
  std::optional<Key> resume_key;  // nothing: the next login has to prove the password
  WallTime created{};
  WallTime last_seen{};    // written lazily
  MessageId mark = 0;      // the newest post it is known to have shown, or to need not; lazily
  std::uint64_t done = 0;  // the highest number of its requests that was done
};

/// What a client calls its device by.
struct DeviceName {
  std::string client_id;  // of its account, in any case
  DeviceId device{};
};

/// A device, and whose it is: what a resume is held against.
struct KnownDevice {
  AccountId account = 0;
  std::string name;  // the account's own spelling
  Device device;
};

/// What a restart needs of a live session. An account has at most one classic session, and a sealed
/// one for each of its devices.
struct StoredSession {
  AccountId account = 0;
  std::string name;
  Framing framing = Framing::kClassic;
  DeviceNumber device = 0;  // sealed
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

/// Of what is due to somebody, how much a catch-up leaves out, since it is more than it brings.
struct Backlog {
  std::uint32_t left_out = 0;  // due posts up to `from`
  bool more = false;           // than `left_out`: there are too many to count
  MessageId from = 0;          // the catch-up goes on with what is due above this one
};

struct Counts {
  std::uint64_t accounts = 0;
  std::uint64_t disabled_accounts = 0;
  std::uint64_t follows = 0;
  std::uint64_t sessions = 0;
  MessageId last_post = 0;  // the newest ID ever given out
};

}  // namespace hub::store
