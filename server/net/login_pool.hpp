// The pool that stretches passwords: a few threads, each with a reader of its own. A login costs
// about 0.1 s of a core and 64 MiB; the pool's size is what bounds how much a flood of them can
// take.
//
// An unknown ID, a disabled account and a wrong password are one path with the same work.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "server/net/arrivals.hpp"
#include "server/net/inbox.hpp"
#include "store/store.hpp"

namespace hub::server {

/// Overwrites what `secret` holds, and what a small string left in it when it was moved from.
void wipe(std::string& secret);

class LoginPool {
 public:
  using OpenReader = std::function<std::unique_ptr<store::Reader>()>;

  LoginPool(std::size_t threads, std::size_t capacity, const OpenReader& open_reader,
            Arrivals& arrivals);
  /// Logins not yet begun are dropped and wiped; those under way are finished.
  ~LoginPool();
  LoginPool(const LoginPool&) = delete;
  LoginPool& operator=(const LoginPool&) = delete;

  /// Takes from the front of `checks` what there is room for; returns how many.
  std::size_t push(std::vector<LoginCheck>& checks) { return inbox_.push_some(checks); }

 private:
  void run(store::Reader& reader);

  Inbox<LoginCheck> inbox_;
  Arrivals& arrivals_;
  std::vector<std::unique_ptr<store::Reader>> readers_;
  std::vector<std::thread> threads_;
};

/// One check, on the calling thread: what a thread of the pool does. `hub` caches what the database
/// says of the hub as a whole, which never changes while it is open.
LoginVerdict check_login(store::Reader& reader, std::optional<store::HubInfo>& hub,
                         const LoginCheck& check);

}  // namespace hub::server
