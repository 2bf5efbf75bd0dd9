// The inside of Hub, shared by the few files that implement it:
//   hub.cpp           the ways in: classic datagrams, restart, time
//   requests.cpp      the command table: what a session may ask, and the store's replies to it
//   logins.cpp        from a classic login datagram to a live session, and every session's end
//   delivery.cpp      forwards, classic retrieve runs, and what waits for what
//   sealed.cpp        sealed datagrams: handshakes, connections, what they carry, their flush
//   sealed_login.cpp  SCRAM, from a sealed login's first message to a live session
//   catch_up.cpp      sealed sessions that fell behind, and their retrieves
//   control.cpp       what hubadmin asks
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <variant>
#include <vector>

#include "protocol/classic.hpp"
#include "protocol/rate_limit.hpp"
#include "protocol/sealed/message.hpp"
#include "protocol/sealed/responder.hpp"
#include "server/core/follow_index.hpp"
#include "server/core/graves.hpp"
#include "server/core/hub.hpp"
#include "server/core/link.hpp"
#include "server/core/login_throttle.hpp"
#include "server/core/recent_posts.hpp"
#include "server/core/session.hpp"
#include "server/core/session_table.hpp"

namespace hub::server {

/// Where an answer goes when there is no session to ask: the way its request came.
struct ReturnAddress {
  Path path;
  classic::Magic magic = classic::kMagic;
  std::optional<sealed::ConnectionId> link;  // sealed: over this connection
};

// What a request under way outside the core was for, by its tag.
struct PendingLogin {  // classic: a LoginCheck, then an OpenSession
  ReturnAddress from;
  std::string id;
  std::size_t password_hash = 0;  // to know a repeat; the password itself is not kept here
  Token token = 0;                // set once the session is being recorded
};
struct PendingSealedLogin {  // an AccountJob, then an OpenSession
  sealed::ConnectionId link = 0;
};
struct PendingPost {
  SessionId session = 0;
};
struct PendingFollow {
  SessionId session = 0;
  bool add = true;
};
struct PendingLogout {
  ReturnAddress from;
  Token token = 0;
};
struct PendingRetrieve {
  SessionId session = 0;
};
struct PendingCatchUp {
  SessionId session = 0;
};
struct PendingControl {
  ControlTag tag = 0;
};
struct PendingClose {};  // nobody waits for it
using Pending =
    std::variant<PendingLogin, PendingSealedLogin, PendingPost, PendingFollow, PendingLogout,
                 PendingRetrieve, PendingCatchUp, PendingControl, PendingClose>;

struct Hub::Impl {
  Impl(const HubConfig& given, HubIdentity identity, Random& randomness, Counters& counted);

  // hub.cpp
  void on_datagram(const Path& path, Bytes bytes, Now now);
  void on_classic(const Path& path, Bytes bytes, Now now);
  void restore(std::span<const RestoredSession> sessions, Now now);
  void on_timeout(Now now);
  std::optional<TimePoint> next_timeout() const;
  void on_read(const ReadResult& result, Now now);
  bool admits(const Path& path) const;
  Session* find_session(const Path& path, Token token) const;
  void answer_must_login(const Path& path, const classic::Header& asked, Now now);
  void send(const Path& path, const classic::Header& header, std::string_view payload = {});
  void send(Session& session, Opcode opcode, MessageId msg_id = 0, std::string_view payload = {});
  void answer(const ReturnAddress& to, Opcode opcode, Token token = 0,
              std::string_view payload = {});
  void log(LogLevel level, std::string text);

  // requests.cpp
  struct Incoming {
    const ReturnAddress& from;
    Opcode opcode;
    Token token;   // classic
    MessageId id;  // classic: the low 32 bits
    std::string_view text;
    std::uint32_t count;  // retrieve's n
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
  /// What every request of a live session goes through, whatever its framing.
  void serve(Session& session, const Command* command, const Incoming& in);
  void request_subscribe(Session& session, const Incoming& in);
  void request_unsubscribe(Session& session, const Incoming& in);
  void request_post(Session& session, const Incoming& in);
  void request_forward_ack(Session& session, const Incoming& in);
  void request_retrieve(Session& session, const Incoming& in);
  void request_logout(Session& session, const Incoming& in);
  void request_spurious_server(Session& session, const Incoming& in);
  void follow(Session& session, const Incoming& in, bool add);
  /// Classic has no way to say no: the counter is all there is. Sealed says which request, and why.
  void refuse(Session& session, Opcode request, control::Refusal why);
  void on_spurious(Session& session, Opcode opcode);
  void on_store_output(const store::Output& output, Now now);
  void on_reply(const store::Reply& reply, Now now);
  void on_post_reply(const PendingPost& pending, const store::Reply& reply);
  void on_follow_reply(const PendingFollow& pending, const store::Reply& reply);
  void on_logout_reply(const PendingLogout& pending, const store::Reply& reply);
  /// Hands a write to the store; false, and nothing done, where its inbox is full.
  bool write(decltype(store::Request::body) body, Pending pending);
  /// Hands a read to the reader thread, unless its inbox is full.
  template <typename Job>
  bool read(Job job, Pending why) {
    if (pending_reads >= config.max_pending_reads) return false;
    job.tag = next_tag++;
    pending.emplace(job.tag, std::move(why));
    ++pending_reads;
    out.reads.push_back(std::move(job));
    return true;
  }

  // logins.cpp
  void request_login(const Incoming& in);
  void request_reset(const Incoming& in);
  void reset_by_client(Session& session);
  bool is_pending(const Incoming& in, const Credentials& credentials) const;
  void on_verdict(const LoginVerdict& verdict, Now now);
  void on_open_reply(const PendingLogin& pending, const store::Reply& reply, Now now);
  void refuse_login(const ReturnAddress& to);
  bool has_room_for(AccountId account, const std::string& name, Framing framing);
  Token new_token();
  enum class Tell { kNobody, kClient };
  enum class Forget { kStored, kAlreadyForgotten };
  /// The session is over. With kClient, classic: a session reset goes to its address, unless
  /// another live session sits there; sealed: its connection is closed for `why`. With kStored the
  /// store is told to forget it too.
  void end_session(Session& session, Tell tell, Forget forget,
                   sealed::CloseReason why = sealed::CloseReason::kEnded);
  void close_stored(const store::CloseSession& close);

  // delivery.cpp
  void forward(const store::Post& post);
  void send_forward(Session& session, MessageId id, std::string_view payload);
  void hold_forward(Session& session, MessageId id, std::string_view payload);
  void release_forwards(Session& session);
  void start_retrieve(Session& session);
  void on_retrieve_page(const RetrievePage& page, Now now);
  void continue_run(Session& session, Now now);
  void finish_run(Session& session);

  // sealed.cpp
  void on_sealed(const Path& path, Bytes bytes, Now now);
  void on_stranger(const Path& path, Bytes bytes, Now now);
  void on_transport(const Path& path, Bytes bytes, Now now);
  Link* admit(std::unique_ptr<Link> begun, Now now);
  void answer_unknown_link(const Path& path, sealed::ConnectionId id, std::size_t size, Now now);
  void send_reset(const Path& path, sealed::ConnectionId id);
  void on_mark(Link& link);
  void on_messages(Link& link, Now now);
  void on_message(Link& link, Bytes message, Now now);
  bool send_talk(Link& link, Opcode opcode, MessageId msg_id, std::string_view payload);
  void close_link(Link& link, sealed::CloseReason why);
  void drop_link(Link& link);
  void bury(Link& link, Bytes last_words, Now now);
  void flush(Link& link, Now now);
  void flush_links(Now now);
  void on_link_timeouts(Now now);
  void send_paced_resets(Now now);

  // sealed_login.cpp
  void login_start(Link& link, std::string_view payload, Now now);
  void on_account(const AccountFound& found, Now now);
  void login_proof(Link& link, std::string_view payload, Now now);
  void on_sealed_open_reply(const PendingSealedLogin& pending, const store::Reply& reply, Now now);
  void make_room_for_device(AccountId account);
  void refuse_sealed_login(Link& link, LoginRefusal why);

  // catch_up.cpp
  /// Whom an account follows now, to look up many authors.
  struct Followed {
    std::unordered_map<AccountId, MessageId> since;
    bool is_due(AccountId author, MessageId post) const {
      const auto found = since.find(author);
      return found != since.end() && post > found->second;
    }
  };
  Followed followed_by(AccountId account) const;
  void forward_sealed(Session& session, const store::Post& post, std::string_view payload);
  void fall_behind(Session& session, MessageId served);
  void continue_behind(Session& session, Now now);
  void on_catch_up(const CatchUpRead& read, Now now);
  void go_live(Session& session);
  void stream_retrieve(Session& session, const RetrievePage& page);
  void feed_streams(Link& link);
  void end_streams(Link& link);

  // control.cpp
  void on_control(ControlTag tag, const control::Command& command);
  void on_keys(const KeysRead& read);
  control::SessionPage session_page(std::uint64_t after) const;
  control::Figures figures() const;

  HubConfig config;
  Random& random;
  Counters& counters;
  Outbox out;

  SessionTable sessions;
  FollowIndex follows;
  RecentPosts recent;
  RateLimitTable answer_rate;
  RateLimitTable login_rate;
  LoginThrottle throttle;

  HubKeyRing keys;
  sealed::Responder responder;
  LinkTable links;
  Graves graves;
  RateLimitTable reset_rate;
  struct StoredLink {
    Path path;
    sealed::ConnectionId id = 0;
  };
  std::deque<StoredLink> resets_due;  // sealed sessions of before a restart, told one by one
  TimePoint next_reset{};
  std::vector<std::uint8_t> message_bytes;  // of send_talk(): capacity stays

  store::Tag next_tag = 1;
  std::unordered_map<store::Tag, Pending> pending;
  std::size_t pending_writes = 0;
  std::size_t pending_checks = 0;
  std::size_t pending_reads = 0;
  std::unordered_set<Token> tokens_being_opened;
  std::vector<store::CloseSession> deferred_closes;  // while the store's inbox is full

  struct PausedRun {
    TimePoint at;
    SessionId session = 0;
  };
  std::deque<PausedRun> paused_runs;  // all pauses are equally long: ordered by `at`
};

}  // namespace hub::server
