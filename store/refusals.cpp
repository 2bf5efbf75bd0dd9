#include "store/refusals.hpp"

#include <fmt/format.h>

#include "protocol/client_id.hpp"

namespace hub::store {

using control::Refusal;
using control::Refused;

namespace {

// An ID is repeated only where it is one: anything else may hold what a terminal would obey.
std::string shown(std::string_view id) {
  return ClientId::parse(id) ? fmt::format("'{}'", id) : std::string("of that name");
}

}  // namespace

Refused no_account(std::string_view id) {
  return {Refusal::kNotFound, fmt::format("there is no account {}", shown(id))};
}

Refused no_follow(std::string_view id) {
  return {Refusal::kNotFound, fmt::format("the account {} is not followed", shown(id))};
}

Refused no_session(std::string_view id) {
  return {Refusal::kNotFound, fmt::format("the account {} has no live session", shown(id))};
}

Refused no_post(MessageId id) {
  return {Refusal::kNotFound, fmt::format("there is no post {}", id)};
}

Refused no_device() { return {Refusal::kNotFound, "the account has no such device"}; }

Refused account_exists(std::string_view id) {
  return {Refusal::kExists, fmt::format("there is an account {} already", shown(id))};
}

Refused account_retired(std::string_view id) {
  return {Refusal::kRetired,
          fmt::format("the ID {} was a deleted account's and is not given out again", shown(id))};
}

Refused account_disabled() { return {Refusal::kDisabled, "the account is disabled"}; }

Refused bad_id() {
  return {Refusal::kInvalid, "not a client ID: 1 to 31 letters, digits and underscores"};
}

Refused bad_verifier() {
  return {Refusal::kInvalid, "the password's verifier has parameters out of bounds"};
}

Refused wrong_password() { return {Refusal::kInvalid, "the account has another password by now"}; }

Refused bad_session() {
  return {Refusal::kInvalid, "a session names a device exactly where it is sealed"};
}

Refused too_many_follows(std::uint32_t cap) {
  return {Refusal::kLimit, fmt::format("an account may follow at most {} others", cap)};
}

Refused disk_full() {
  return {Refusal::kDiskFull,
          "the disk is full and nothing was written: make room, then try again"};
}

Refused locked() {
  return {Refusal::kBusy, "another program holds the database locked: try again"};
}

Refused store_failed(std::string_view reason) {
  return {Refusal::kStoreFailed,
          fmt::format("the database cannot be written ({}): writes have stopped until a restart",
                      reason)};
}

}  // namespace hub::store
