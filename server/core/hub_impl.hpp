// The inside of Hub, shared by the few files that implement it:
//   hub.cpp           the ways in: classic datagrams, restart, time
//   requests.cpp      the command table: what a session may ask
//   replies.cpp       what the store says: its replies to those requests, and its events
//   logins.cpp        from a classic login datagram to a live session, and every session's end
//   delivery.cpp      forwards, classic retrieve runs, and what waits for what
//   sealed.cpp        sealed datagrams: handshakes, connections, what they carry, their flush
//   sealed_login.cpp  SCRAM, from a sealed login's first message to the proof of the password
//   sealed_resume.cpp a device that comes back by its resume key
//   sealed_open.cpp   from either proof to a live session; logins that are overtaken by events
//   catch_up.cpp      sealed sessions that fell behind, or come back
//   bulk.cpp          sealed retrieves, page by page
//   progress.cpp      what the store learns lazily: marks and addresses
//   restart.cpp       the newest posts, and the sealed sessions of before a restart
//   control.cpp       what hubadmin asks
#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <memory_resource>
#include <string>
#include <string_view>
#include <type_traits>
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
  std::size_t password_hash = 0;   // to know a repeat; the password itself is not kept here
  Token token = 0;                 // set once the session is being recorded
  std::vector<AccountId> ended{};  // accounts whose sessions were ended meanwhile
};
struct PendingSealedLogin {  // an AccountJob or DeviceJob, then an OpenSession
  sealed::ConnectionId link = 0;
};
struct PendingPost {
  SessionId session = 0;
  std::uint64_t number = 0;  // of the request; 0: it has none
};
struct PendingFollow {
  SessionId session = 0;
  bool add = true;
  std::uint64_t number = 0;
};
struct PendingLogout {
  SessionId session = 0;
  ReturnAddress from;
};
struct PendingRetrieve {
  SessionId session = 0;
};
struct PendingCatchUp {  // a CatchUpJob or BacklogJob
  SessionId session = 0;
  std::vector<TakenBack> taken_back{};  // meanwhile: the page may have been read before
};
struct PendingControl {
  ControlTag tag = 0;
};
struct PendingClose {};     // nobody waits for it
struct PendingProgress {};  // likewise
using Pending =
    std::variant<PendingLogin, PendingSealedLogin, PendingPost, PendingFollow, PendingLogout,
                 PendingRetrieve, PendingCatchUp, PendingControl, PendingClose, PendingProgress>;

/// Retrieves of a session that are under way; more are dropped and counted.
inline constexpr std::size_t kMaxRetrieves = 4;

inline bool is_among(const std::vector<AccountId>& accounts, AccountId account) {
  return std::find(accounts.begin(), accounts.end(), account) != accounts.end();
}

struct Hub::Impl {
  Impl(const HubConfig& given, HubIdentity identity, Random& randomness, Counters& counted);

  // hub.cpp
  void on_datagram(const Path& path, Bytes bytes, Now now);
  void on_classic(const Path& path, Bytes bytes, Now now);
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
    RetrieveRange range;  // of a retrieve
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
  /// The number of a request that is to be done once; 0: it has none.
  static std::uint64_t number_of(const Session& session, const Incoming& in);
  /// It was asked before this session: only the store knows what came of it, and none of the hub's
  /// bounds may say otherwise.
  static bool is_repeat(const Session& session, std::uint64_t number) {
    return number != 0 && number <= session.done_at_open;
  }
  void request_subscribe(Session& session, const Incoming& in);
  void request_unsubscribe(Session& session, const Incoming& in);
  void request_post(Session& session, const Incoming& in);
  /// Else it was refused.
  bool may_post(Session& session, const Incoming& in, std::uint64_t number);
  void log_post_rate(Session& session, std::string_view consequence);
  void request_forward_ack(Session& session, const Incoming& in);
  void request_retrieve(Session& session, const Incoming& in);
  void request_logout(Session& session, const Incoming& in);
  void request_spurious_server(Session& session, const Incoming& in);
  void follow(Session& session, const Incoming& in, bool add);
  /// Classic has no way to say no: the counter is all there is. Sealed says which request, and why.
  void refuse(Session& session, Opcode request, std::string_view word, std::uint64_t number = 0);
  void refuse(Session& session, Opcode request, control::Refusal why, std::uint64_t number = 0);
  /// The store's inbox is full: the request is refused, or where that would be a lie, the
  /// connection is closed.
  void refuse_busy_store(Session& session, Opcode request, std::uint64_t number);
  void on_spurious(Session& session, Opcode opcode);
  /// Hands a write to the store; false, and nothing done, where its inbox is full.
  bool write(decltype(store::Request::body) body, Pending&& why);
  /// Hands a read to the reader thread, unless its inbox is full. Some of it is kept for logins:
  /// who is online can wait a little.
  template <typename Job>
  bool read(Job job, Pending&& why) {
    constexpr bool kForSession = std::is_same_v<Job, RetrieveJob> ||
                                 std::is_same_v<Job, CatchUpJob> || std::is_same_v<Job, BacklogJob>;
    const std::size_t kept = kForSession ? config.max_pending_reads / 4 : 0;
    if (pending_reads + kept >= config.max_pending_reads) return false;
    job.tag = next_tag++;
    pending.emplace(job.tag, std::move(why));
    ++pending_reads;
    out.reads.push_back(std::move(job));
    return true;
  }

  // replies.cpp
  void on_store_output(const store::Output& output, Now now);
  void on_event(const store::Event& event);
  void on_taken_back(const store::Event& event);
  void on_sessions_ended(AccountId account);
  void on_device_ended(const store::DeviceEnded& ended);
  void on_reply(const store::Reply& reply, Now now);
  void on_post_reply(const PendingPost& pending, const store::Reply& reply, Now now);
  void on_follow_reply(const PendingFollow& pending, const store::Reply& reply, Now now);
  void on_logout_reply(const PendingLogout& pending, const store::Reply& reply, Now now);
  bool may_be_there(const store::Refused& refused, Now now) const;
  void tell_refusal(Session& session, Opcode request, const store::Refused& refused,
                    std::uint64_t number, Now now);
  /// What came of a request that is asked again. `ok` and `failed` are its answers.
  void answer_repeat(Session& session, Opcode request, const store::Repeated& repeated, Opcode ok,
                     Opcode failed, std::uint64_t number);

  // logins.cpp
  void request_login(const Incoming& in);
  void request_reset(const Incoming& in);
  void reset_by_client(Session& session);
  bool is_pending(const Incoming& in, const Credentials& credentials) const;
  void on_verdict(const LoginVerdict& verdict, Now now);
  void on_open_reply(const PendingLogin& pending, const store::Reply& reply, Now now);
  void refuse_login(const ReturnAddress& to);
  bool has_room_for_one(const std::string& name);
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
  void send_forward(Session& session, MessageId id, std::string_view payload);  // classic
  void send_forward(Session& session, MessageId id, channel::Payload message);  // sealed
  void note_forward(Session& session, MessageId id);
  void hold_forward(Session& session, MessageId id, std::string_view payload);
  void release_forwards(Session& session);
  void start_retrieve(Session& session);
  void on_retrieve_page(const RetrievePage& page, Now now);
  void on_classic_page(Session& session, const RetrievePage& page, Now now);
  void continue_run(Session& session, Now now);
  void finish_run(Session& session);

  // sealed.cpp
  void on_sealed(const Path& path, Bytes bytes, Now now);
  void on_stranger(const Path& path, Bytes bytes, Now now);
  void on_transport(const Path& path, Bytes bytes, Now now);
  Link* admit(LinkTable::NewLink begun, Now now);
  void answer_unknown_link(const Path& path, sealed::ConnectionId id, std::size_t size, Now now);
  void send_reset(const Path& path, sealed::ConnectionId id);
  void on_messages(Link& link, Now now);
  void on_message(Link& link, Bytes message, Now now);
  channel::Payload message_of(Opcode opcode, MessageId msg_id, std::string_view payload);
  channel::Payload forward_of(const store::Post& post);
  bool send_talk(Link& link, Opcode opcode, MessageId msg_id, std::string_view payload);
  bool send_talk(Link& link, channel::Payload message);
  void close_link(Link& link, sealed::CloseReason why);
  void drop_link(Link& link);
  void bury(Link& link, Bytes last_words, Now now);
  void flush(Link& link, Now now);
  void flush_links(Now now);
  void on_link_timeouts(Now now);

  // sealed_login.cpp
  void login_start(Link& link, std::string_view payload, Now now);
  void on_account(const AccountFound& found);
  void login_proof(Link& link, std::string_view payload, Now now);

  // sealed_resume.cpp
  void request_resume(Link& link, std::string_view payload);
  void on_device(const DeviceFound& found, Now now);
  void refuse_resume(Link& link);

  // sealed_open.cpp
  LoginAttempt* attempt_on(const Link& link);
  /// The attempt whose lookup this is; nothing where it is gone or was begun anew.
  LoginAttempt* take_lookup(store::Tag tag, Link*& link);
  /// The proof was right.
  void record_session(Link& link, LoginAttempt& attempt, Now now);
  /// Ends the device's session, wherever it is, and whatever session is on `link`: from here on
  /// nothing more is asked in the name of the device but by the session that comes.
  void supersede_sessions(const Link& link, const LoginAttempt& attempt);
  void on_sealed_open_reply(const PendingSealedLogin& pending, const store::Reply& reply, Now now);
  void begin_session(Link& link, const LoginAttempt& attempt, const store::SessionOpened& opened,
                     Now now);
  void refuse_sealed_login(Link& link, LoginRefusal why);
  /// Logins and resumes of the account that are under way are no good any more.
  void void_logins(AccountId account);

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
  void forward_sealed(Session& session, MessageId id, const channel::Payload& message);
  void fall_behind(Session& session, MessageId served);
  void continue_behind(Session& session, Now now);
  /// The session whose read this was; nothing where it is gone. `taken_back`: since it was asked
  /// for.
  Session* take_catch_up(store::Tag tag, std::vector<TakenBack>* taken_back = nullptr);
  /// Nobody who is behind is served these any more; deleted for ever, else until they are shown.
  void take_back(const TakenBack& what, bool for_ever);
  void on_catch_up(const CatchUpRead& read, Now now);
  void on_backlog(const BacklogRead& read, Now now);
  void go_live(Session& session);

  // bulk.cpp
  void request_stream(Session& session, const Incoming& in);
  bool read_page(const Session& session, RetrieveStream& run);
  void on_sealed_page(Session& session, const RetrievePage& page, Now now);
  bool take_recent_page(Link& link, RetrieveStream& run);
  void take_page(Link& link, RetrieveStream& run, std::vector<RetrievedPost> posts);
  void feed_streams(Link& link, Now now);
  bool feed_stream(Link& link, RetrieveStream& run, Now now);
  void end_streams(Link& link);

  // progress.cpp
  void on_mark(Link& link, Now now);
  void note_shown(Session& session, MessageId up_to, Now now);
  void note_progress(Session& session, Now now);
  void note_asked(Session& session, Now now);
  /// Tells the store what is new of it, if anything is; false where the store's inbox is full.
  bool save(Session& session);
  void save_progress(Now now);
  std::optional<TimePoint> next_save_at() const;

  // restart.cpp
  void restore(const RestoredHistory& history);
  void restore(std::span<const RestoredSession> sessions, Now now);
  void restore_sealed(const store::StoredSession& record, Now now);
  void send_paced_resets(Now now);
  void came_back(store::DeviceNumber device);
  void forget_away(Now now);
  std::size_t away_of(const IpAddress& prefix) const;

  // control.cpp
  void on_control(ControlTag tag, const control::Command& command, Now now);
  void on_keys(const KeysRead& read);
  control::SessionPage session_page(std::uint64_t after, Now now) const;
  control::Figures figures() const;
  void on_store_health(const store::Health& now_is);

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
  std::uint64_t history_id;
  Key nobodys_resume_key{};  // what a proof is held against where there is no key
  sealed::Responder responder;
  LinkTable links;
  Graves graves;
  RateLimitTable reset_rate;
  std::unordered_map<sealed::ConnectionId, LoginAttempt> attempts;
  std::vector<std::uint8_t> message_bytes;  // of message_of(): capacity stays
  std::string forward_text;                 // of forward_of(), likewise

  /// A device that had a session before a restart and is not back yet.
  struct AwayDevice {
    AccountId account = 0;
    sealed::ConnectionId link = 0;  // of then
    Path path;
    int resets = 0;  // sent
  };
  std::unordered_map<store::DeviceNumber, AwayDevice> away;
  std::unordered_map<IpAddress, std::size_t, IpAddressHash> away_by_prefix;
  std::deque<store::DeviceNumber> resets_due;    // in this round
  std::deque<store::DeviceNumber> resets_again;  // in the next
  TimePoint next_reset{};
  TimePoint reset_round{};  // when this round began
  TimePoint away_until{};   // who is not back by then is forgotten

  struct DueSave {
    TimePoint at;
    SessionId session = 0;
  };
  std::deque<DueSave> saves_due;  // all wait equally long: ordered by `at`
  TimePoint next_save{};          // a turn saves only so many

  store::Tag next_tag = 1;
  std::pmr::unsynchronized_pool_resource pending_memory;  // comes and goes with every request
  std::pmr::unordered_map<store::Tag, Pending> pending{&pending_memory};
  std::size_t pending_writes = 0;
  std::size_t pending_checks = 0;
  std::size_t pending_reads = 0;
  store::Health health;                      // as the store thread told it last
  std::optional<TimePoint> store_failed_at;  // the turn in which the store first said so
  std::unordered_set<Token> tokens_being_opened;
  std::vector<store::CloseSession> deferred_closes;  // while the store's inbox is full

  struct PausedRun {
    TimePoint at;
    SessionId session = 0;
  };
  std::deque<PausedRun> paused_runs;  // all pauses are equally long: ordered by `at`
};

}  // namespace hub::server
