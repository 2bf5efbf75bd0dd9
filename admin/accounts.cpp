#include "admin/accounts.hpp"

#include <string>
#include <system_error>
#include <vector>

#include <fmt/format.h>

#include "protocol/limits.hpp"
#include "protocol/nearest.hpp"
#include "protocol/text.hpp"

namespace hub::admin {

namespace {

// Of how many accounts at most a similar name is looked for.
constexpr std::uint32_t kNamesPage = 1000;
constexpr int kNamesPages = 20;

std::string similar_name(store::Reader& reader, const std::string& name) {
  std::string last;
  for (int page = 0; page < kNamesPages; ++page) {
    const auto accounts = reader.accounts(last, kNamesPage);
    if (!accounts || accounts->empty()) break;
    std::vector<std::string_view> names;
    for (const store::Account& account : *accounts) names.emplace_back(account.name);
    if (const auto found = nearest(name, names)) return std::string(*found);
    last = key_of(accounts->back());
  }
  return {};
}

}  // namespace

Result require_database(const Context& context) {
  const std::string path = printable(context.data.path().string());
  std::error_code error;
  if (std::filesystem::exists(context.data.database(), error)) return {};
  if (error) {
    return fail(
        ExitCode::kDatabase,
        fmt::format("{} cannot be looked into: {}; run hubadmin as the user that hubd runs as",
                    path, error.message()));
  }
  return fail(
      ExitCode::kDatabase,
      fmt::format("there is no hub in {}; make one with: hubadmin --data {} init", path, path));
}

Outcome<std::unique_ptr<store::AdminReader>> open_reader(const Context& context) {
  if (const auto there = require_database(context); !there) return tl::unexpected(there.error());
  return std::make_unique<store::AdminReader>(context.data.database());
}

Outcome<ClientId> parse_name(std::string_view text) {
  auto name = ClientId::parse(text);
  if (name) return std::move(*name);
  return fail(
      ExitCode::kBadUsage,
      fmt::format("\"{}\" is not a client ID: it has 1 to {} letters, digits and underscores",
                  printable(cut_text(text, 40)), kMaxClientIdBytes));
}

Outcome<store::Account> find_account(store::Reader& reader, const ClientId& name) {
  auto account = checked(reader.account(name.text()));
  if (!account) return tl::unexpected(account.error());
  if (!*account) return tl::unexpected(unknown_account(reader, name));
  return std::move(**account);
}

std::string key_of(const store::Account& account) {
  const auto name = ClientId::parse(account.name);
  return name ? name->key() : account.name;
}

Failure unknown_account(store::Reader& reader, const ClientId& name) {
  const std::string similar = similar_name(reader, name.text());
  const std::string hint = similar.empty() ? "list-users shows those there are"
                                           : fmt::format("did you mean {}?", similar);
  return {ExitCode::kNotFound, fmt::format("there is no account {}; {}", name.text(), hint)};
}

Failure read_failed(const store::ReadError& error) {
  return {ExitCode::kDatabase, fmt::format("the database cannot be read: {}; run hubadmin check",
                                           printable(error.message))};
}

}  // namespace hub::admin
