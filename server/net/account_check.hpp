// What a login is held against, in either framing: the account's verifier or, for an ID as which
// nobody can log in, a decoy's. Unknown and disabled are one path with the same work. Blocks on the
// database: for the threads beside the reactor.
#pragma once

#include <optional>
#include <string>

#include "store/store.hpp"

namespace hub::server {

struct LoginCandidate {
  AccountId account = 0;  // 0: nobody may log in so, whether or not the password is right
  std::string name;       // the account's own spelling
  Verifier verifier;
};

/// Nothing where the database cannot be read. `hub` caches what it says of the hub as a whole,
/// which never changes while it is open.
std::optional<LoginCandidate> find_candidate(store::Reader& reader,
                                             std::optional<store::HubInfo>& hub,
                                             const std::string& id);

}  // namespace hub::server
