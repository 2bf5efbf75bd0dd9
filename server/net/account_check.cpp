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
  if (parsed && account) {
    // A disabled account keeps its salt and parameters, so that nobody who knew them sees that.
    const bool may_log_in = !account->disabled || fault("disabled_may_log_in");
    return LoginCandidate{may_log_in ? account->id : 0, account->name, account->verifier};
  }
  return LoginCandidate{0, {}, decoy_verifier(hub->secret, parsed ? parsed->key() : id, hub->kdf)};
}

}  // namespace hub::server
