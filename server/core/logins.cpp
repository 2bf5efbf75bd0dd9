#include <algorithm>
#include <functional>
#include <utility>

#include <fmt/format.h>

#include "protocol/client_id.hpp"
#include "protocol/fault.hpp"
#include "protocol/limits.hpp"
#include "protocol/password.hpp"
#include "server/core/hub_impl.hpp"

namespace hub::server {

namespace {

std::size_t hash_of(std::string_view password) { return std::hash<std::string_view>{}(password); }

}  // namespace

// A login's way: form, rate, a place in the pool, the stretched password, a recorded session, and
// only then the ack. A client that repeats itself meanwhile is not a second login.
void Hub::Impl::request_login(const Incoming& in) {
  if (!login_rate.take(in.from.path.remote.ip, config.logins_per_second, in.now.mono)) {
    ++counters.drop_login_rate;
    return;
  }
  const ReturnAddress& from = in.from;
  const auto credentials = split_credentials(in.text);
  if (!credentials || !ClientId::parse(credentials->id) || !is_password(credentials->password)) {
    refuse_login(from);
    return;
  }
  if (is_pending(in, *credentials)) {
    ++counters.drop_login_repeat;
    return;
  }
  if (pending_checks >= config.max_pending_checks) {
    ++counters.drop_busy_login;
    return;
  }
  const store::Tag tag = next_tag++;
  PendingLogin login{from, std::string(credentials->id), hash_of(credentials->password), 0};
  out.checks.push_back({tag, login.id, std::string(credentials->password)});
  pending.emplace(tag, std::move(login));
  ++pending_checks;
}

bool Hub::Impl::is_pending(const Incoming& in, const Credentials& credentials) const {
  if (fault("login_repeat_is_second_login")) return false;
  return std::any_of(pending.begin(), pending.end(), [&](const auto& entry) {
    const auto* login = std::get_if<PendingLogin>(&entry.second);
    return login != nullptr && login->from.path.remote == in.from.path.remote &&
           login->id == credentials.id && login->password_hash == hash_of(credentials.password);
  });
}

void Hub::Impl::on_verdict(const LoginVerdict& verdict, Now now) {
  auto found = pending.find(verdict.tag);
  if (found == pending.end()) return;
  PendingLogin login = std::get<PendingLogin>(std::move(found->second));
  pending.erase(found);
  --pending_checks;
  if (verdict.outcome == LoginVerdict::Outcome::kFailed) {
    ++counters.drop_busy_login;
    log(LogLevel::kError,
        "a login could not be checked: no memory, or the database cannot be read");
    return;
  }
  // What the password was held against may be from before the account was disabled.
  const bool is_old = is_among(login.ended, verdict.account);
  if (verdict.outcome == LoginVerdict::Outcome::kWrong || is_old) {
    refuse_login(login.from);
    return;
  }
  const bool replaces = sessions.classic_of(verdict.account) != nullptr;
  if (!replaces && !has_room_for_one(verdict.name)) return;
  store::StoredSession record;
  record.account = verdict.account;
  record.name = verdict.name;
  login.token = new_token();
  record.token = login.token;
  record.remote = login.from.path.remote;
  record.local = login.from.path.local;
  record.magic = login.from.magic;
  record.online_since = now.wall;
  if (!write(store::OpenSession{std::move(record), {}}, login)) {
    ++counters.drop_busy_store;
    return;
  }
  tokens_being_opened.insert(login.token);
}

bool Hub::Impl::has_room_for_one(const std::string& name) {
  if (sessions.size() < config.max_sessions) return true;
  ++counters.drop_sessions_full;
  log(LogLevel::kWarning,
      fmt::format("{} cannot log in: {} sessions are live, the most this hub allows", name,
                  sessions.size()));
  return false;
}

void Hub::Impl::on_open_reply(const PendingLogin& login, const store::Reply& reply, Now now) {
  tokens_being_opened.erase(login.token);
  const auto* opened = std::get_if<store::SessionOpened>(&reply.body);
  if (opened == nullptr) {
    const auto* refused = std::get_if<store::Refused>(&reply.body);
    const bool disk = refused != nullptr && store::is_store_failure(*refused);
    if (!disk) refuse_login(login.from);  // disabled or deleted since the password was checked
    return;
  }
  const AccountId account = opened->session.account;
  if (is_among(login.ended, account)) {
    close_stored({account, login.token, Framing::kClassic});
    refuse_login(login.from);
    return;
  }
  if (Session* old = sessions.classic_of(account)) {
    ++counters.sessions_replaced;
    log(LogLevel::kInfo,
        fmt::format("session of {} at {} replaced by a login from {}", old->name,
                    to_string(old->classic->path.remote), to_string(login.from.path.remote)));
    const bool same_address = old->classic->path.remote == login.from.path.remote;
    end_session(*old, same_address ? Tell::kNobody : Tell::kClient, Forget::kAlreadyForgotten);
  }
  if (sessions.of_account(account).empty()) follows.add_account(account, opened->followees);
  Session& session = sessions.add(opened->session, now);
  session.classic->path.local = login.from.path.local;
  ++counters.logins_ok;
  log(LogLevel::kInfo,
      fmt::format("{} logged in from {}", session.name, to_string(address_of(session))));
  send(session, Opcode::kLoginOk);
}

void Hub::Impl::refuse_login(const ReturnAddress& to) {
  ++counters.logins_failed;
  answer(to, Opcode::kLoginFailed);
}

Token Hub::Impl::new_token() {
  for (;;) {
    const Token token = random.u32();
    if (token != 0 && sessions.by_token(token) == nullptr &&
        tokens_being_opened.count(token) == 0) {
      return token;
    }
  }
}

// A reset is never answered. Token 0: whoever sits at this address.
void Hub::Impl::request_reset(const Incoming& in) {
  std::vector<Session*> meant;
  if (in.token == 0) {
    meant = sessions.at_address(in.from.path.remote);
  } else if (Session* session = find_session(in.from.path, in.token)) {
    meant.push_back(session);
  }
  if (meant.empty()) ++counters.drop_unknown_reset;
  for (Session* session : meant) reset_by_client(*session);
}

void Hub::Impl::reset_by_client(Session& session) {
  ++counters.sessions_reset_by_client;
  log(LogLevel::kInfo, fmt::format("session of {} at {} reset by the client", session.name,
                                   to_string(address_of(session))));
  end_session(session, fault("reset_answered") ? Tell::kClient : Tell::kNobody, Forget::kStored);
}

void Hub::Impl::end_session(Session& session, Tell tell, Forget forget, sealed::CloseReason why) {
  const AccountId account = session.account;
  const Token token = session.token();
  const store::CloseSession close = close_request(session);
  ReturnAddress to;  // classic
  if (!session.is_sealed()) to = {session.classic->path, session.classic->magic, {}};
  Link* const link = session.link;
  sessions.remove(session);
  if (sessions.of_account(account).empty()) follows.remove_account(account);
  if (link != nullptr) {
    link->session = nullptr;
    end_streams(*link);
    link->waiting.reset();  // flush() says until when it may stay without one
    links.touch(*link);
    if (tell == Tell::kClient) close_link(*link, why);
  } else if (tell == Tell::kClient &&
             (!sessions.any_at_address(to.path.remote) || fault("reset_hits_neighbour"))) {
    answer(to, Opcode::kSessionReset, token);
  }
  if (forget == Forget::kStored) close_stored(close);
}

void Hub::Impl::close_stored(const store::CloseSession& close) {
  if (!write(close, PendingClose{})) deferred_closes.push_back(close);
}

}  // namespace hub::server
