// What most commands begin with: the database opened for reading, a name checked, its account
// found.
#pragma once

#include <memory>
#include <string_view>

#include "admin/context.hpp"
#include "admin/outcome.hpp"
#include "protocol/client_id.hpp"
#include "store/maintenance.hpp"

namespace hub::admin {

/// Fails with kDatabase, naming the command to run, where there is no database.
Result require_database(const Context& context);

/// Beside hubd or without it. Throws store::OpenError.
Outcome<std::unique_ptr<store::AdminReader>> open_reader(const Context& context);

Outcome<ClientId> parse_name(std::string_view text);

/// In any case of letters. Fails with kNotFound, with the name that may be meant.
Outcome<store::Account> find_account(store::Reader& reader, const ClientId& name);

Failure unknown_account(store::Reader& reader, const ClientId& name);

/// What pages of accounts are ordered by.
std::string key_of(const store::Account& account);

Failure read_failed(const store::ReadError& error);

template <typename T>
Outcome<T> checked(store::Read<T> read) {
  if (!read) return tl::unexpected(read_failed(read.error()));
  return std::move(*read);
}

}  // namespace hub::admin
