// The inside of Hub, shared by the few files that implement it:
//   hub.cpp        the ways in: datagrams, restart, time
//   requests.cpp   the command table: what a session may ask, and the store's replies to it
//   logins.cpp     from a login datagram to a live session, and its end
//   delivery.cpp   forwards, retrieve runs, and what waits for what
//   control.cpp    what hubadmin asks
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "protocol/classic.hpp"
#include "server/core/follow_index.hpp"
#include "server/core/hub.hpp"
#include "server/core/rate_limit.hpp"
#include "server/core/session.hpp"
#include "server/core/session_table.hpp"

namespace hub::server {

/// Where an answer goes when there is no session to ask: the way its request came.
struct ReturnAddress {
  Path path;
  classic::Magic magic = classic::kMagic;
};

// What a request under way outside the core was for, by its tag.
struct PendingLogin {  // a LoginCheck, then an OpenSession
  ReturnAddress from;
  std::string id;
  std::size_t password_hash = 0;  // to know a repeat; the password itself is not kept here
  Token token = 0;                // set once the session is being recorded
};
struct PendingPost {
  Token token = 0;
};
struct PendingFollow {
  Token token = 0;
  bool add = true;
};
struct PendingLogout {
  ReturnAddress from;
  Token token = 0;
};
struct PendingRetrieve {
  Token token = 0;
};
struct PendingControl {
  ControlTag tag = 0;
};
struct PendingClose {};  // nobody waits for it
using Pending = std::variant<PendingLogin, PendingPost, PendingFollow, PendingLogout,
                             PendingRetrieve, PendingControl, PendingClose>;

struct Hub::Impl {
  Impl(const HubConfig& given, Random& randomness, Counters& counted);

  // hub.cpp
  void on_datagram(const Path& path, Bytes bytes, Now now);
  void restore(std::span<const RestoredSession> sessions, Now now);
  void on_timeout(Now now);
  std::optional<TimePoint> next_timeout() const;
  bool admits(const Path& path) const;
  Session* find_session(const Path& path, Token token) const;
  void answer_must_login(const Path& path, const classic::Header& asked, Now now);
  void send(const Path& path, const classic::Header& header, std::string_view payload = {});
  void send(const Session& session, Opcode opcode, std::uint32_t msg_id = 0,
            std::string_view payload = {});
  void answer(const ReturnAddress& to, Opcode opcode, Token token = 0);
  void log(LogLevel level, std::string text);

  // requests.cpp
  struct Incoming {
    const Path& path;
    const classic::Datagram& datagram;
    std::string_view text;
    Now now;
  };
  struct Command {
    Opcode opcode;
    bool needs_session;
    bool needs_payload;
    void (Impl::*of_anybody)(const Incoming&);
    void (Impl::*of_session)(Session&, const Incoming&);
  };
  static const Command* find_command(Opcode opcode);
  void request_subscribe(Session& session, const Incoming& in);
  void request_unsubscribe(Session& session, const Incoming& in);
  void request_post(Session& session, const Incoming& in);
  void request_forward_ack(Session& session, const Incoming& in);
  void request_retrieve(Session& session, const Incoming& in);
  void request_logout(Session& session, const Incoming& in);
  void request_spurious_server(Session& session, const Incoming& in);
  void follow(Session& session, const Incoming& in, bool add);
  void on_spurious(Session& session, Opcode opcode);
  void on_store_output(const store::Output& output, Now now);
  void on_reply(const store::Reply& reply, Now now);
  void on_post_reply(const PendingPost& pending, const store::Reply& reply);
  void on_follow_reply(const PendingFollow& pending, const store::Reply& reply);
  void on_logout_reply(const PendingLogout& pending, const store::Reply& reply);
  /// Hands a write to the store; false, and nothing done, where its inbox is full.
  bool write(decltype(store::Request::body) body, Pending pending);

  // logins.cpp
  void request_login(const Incoming& in);
  void request_reset(const Incoming& in);
  bool is_pending(const Incoming& in, const Credentials& credentials) const;
  void on_verdict(const LoginVerdict& verdict, Now now);
  void on_open_reply(const PendingLogin& pending, const store::Reply& reply, Now now);
  void refuse_login(const ReturnAddress& to);
  Token new_token();
  enum class Tell { kNobody, kClient };
  enum class Forget { kStored, kAlreadyForgotten };
  /// The session is over. With kClient a session reset goes to its address, unless another live
  /// session sits there. With kStored the store is told to forget it too.
  void end_session(Session& session, Tell tell, Forget forget);
  void close_stored(AccountId account, Token token);

  // delivery.cpp
  void forward(const store::Post& post);
  void send_forward(Session& session, MessageId id, std::string_view payload);
  void hold_forward(Session& session, MessageId id, std::string_view payload);
  void release_forwards(Session& session);
  void start_retrieve(Session& session);
  void on_retrieve_page(const RetrievePage& page, Now now);
  void continue_run(Session& session, Now now);
  void finish_run(Session& session);

  // control.cpp
  void on_control(ControlTag tag, const control::Command& command);
  control::SessionPage session_page(std::uint64_t after) const;
  control::Figures figures() const;

  HubConfig config;
  Random& random;
  Counters& counters;
  Outbox out;

  SessionTable sessions;
  FollowIndex follows;
  RateLimitTable answer_rate;
  RateLimitTable login_rate;

  store::Tag next_tag = 1;
  std::unordered_map<store::Tag, Pending> pending;
  std::size_t pending_writes = 0;
  std::size_t pending_checks = 0;
  std::size_t pending_retrieves = 0;
  std::unordered_set<Token> tokens_being_opened;
  std::vector<store::CloseSession> deferred_closes;  // while the store's inbox is full

  struct PausedRun {
    TimePoint at;
    Token token = 0;
  };
  std::deque<PausedRun> paused_runs;  // all pauses are equally long: ordered by `at`
};

}  // namespace hub::server
