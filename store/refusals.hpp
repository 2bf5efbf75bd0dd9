// Why the store refuses a request, in words. Every sentence a client or an administrator may see
// comes from here.
#pragma once

#include <string_view>

#include "protocol/control.hpp"

namespace hub::store {

control::Refused no_account(std::string_view id);
control::Refused no_follow(std::string_view id);
control::Refused no_session(std::string_view id);
control::Refused no_post(MessageId id);
/// Unknown, of another account, its resume key another one or erased: all alike.
control::Refused no_device();
control::Refused account_exists(std::string_view id);
control::Refused account_retired(std::string_view id);
control::Refused account_disabled();
control::Refused bad_id();
control::Refused bad_verifier();
/// Another one than the login proved.
control::Refused wrong_password();
/// A sealed session without a device, or a classic one with one.
control::Refused bad_session();
control::Refused too_many_follows(std::uint32_t cap);

/// Of a whole batch. `reason` is what SQLite said.
control::Refused disk_full();
control::Refused locked();
control::Refused store_failed(std::string_view reason);

}  // namespace hub::store
