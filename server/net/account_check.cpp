#include "server/net/account_check.hpp"

#include "protocol/client_id.hpp"
#include "protocol/fault.hpp"

namespace hub::server {

std::optional<LoginCandidate> find_candidate(store::Reader& reader,
                                             std::optional<store::HubInfo>& hub,
                                             const std::string& id) {
  if (!hub) {
    auto info = reader.info();
    if (!info) return std::nullopt;
    hub = *info;
  }
  const auto parsed = ClientId::parse(id);
  const auto found = reader.account(id);
  if (!found) return std::nullopt;
  const std::optional<store::Account>& account = *found;
  if (parsed && account && (!account->disabled || fault("disabled_may_log_in"))) {
    return LoginCandidate{account->id, account->name, account->verifier};
  }
  return LoginCandidate{0, {}, decoy_verifier(hub->secret, parsed ? parsed->key() : id, hub->kdf)};
}

}  // namespace hub::server
