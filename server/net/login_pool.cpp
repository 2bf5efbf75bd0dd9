#include "server/net/login_pool.hpp"

#include <cstring>
#include <utility>

#include "protocol/fault.hpp"
#include "protocol/password.hpp"
#include "server/net/account_check.hpp"

namespace hub::server {

void wipe(std::string& secret) {
  secret.resize(secret.capacity());
  explicit_bzero(secret.data(), secret.size());
  secret.clear();
}

LoginVerdict check_login(store::Reader& reader, std::optional<store::HubInfo>& hub,
                         const LoginCheck& check) {
  LoginVerdict verdict;
  verdict.tag = check.tag;
  const auto candidate = find_candidate(reader, hub, check.id);
  if (!candidate) return verdict;
  const bool may_log_in = candidate->account != 0;
  if (!may_log_in && fault("unknown_id_answers_early")) {
    verdict.outcome = LoginVerdict::Outcome::kWrong;
    return verdict;
  }
  switch (check_password(check.password, candidate->verifier)) {
    case PasswordCheck::kNoMemory:
      return verdict;
    case PasswordCheck::kWrong:
      verdict.outcome = LoginVerdict::Outcome::kWrong;
      return verdict;
    case PasswordCheck::kRight:
      break;
  }
  verdict.outcome = may_log_in ? LoginVerdict::Outcome::kRight : LoginVerdict::Outcome::kWrong;
  if (may_log_in) {
    verdict.account = candidate->account;
    verdict.name = candidate->name;
  }
  return verdict;
}

LoginPool::LoginPool(std::size_t threads, std::size_t capacity, const OpenReader& open_reader,
                     Arrivals& arrivals)
    : inbox_(capacity), arrivals_(arrivals) {
  for (std::size_t i = 0; i < threads; ++i) readers_.push_back(open_reader());
  for (const auto& reader : readers_) {
    threads_.emplace_back([this, mine = reader.get()] { run(*mine); });
  }
}

LoginPool::~LoginPool() {
  inbox_.close();
  std::vector<LoginCheck> dropped;
  inbox_.take_all(dropped);
  for (LoginCheck& check : dropped) wipe(check.password);
  for (std::thread& thread : threads_) thread.join();
}

void LoginPool::run(store::Reader& reader) {
  std::optional<store::HubInfo> hub;
  while (auto check = inbox_.wait_one()) {
    LoginVerdict verdict = check_login(reader, hub, *check);
    wipe(check->password);
    arrivals_.try_push(std::move(verdict));
  }
}

}  // namespace hub::server
