// spoke's session, whatever the framing: what is typed and what the hub sends go in, messages,
// records and wishes come out. Pure: no socket, clock, thread or file. One owner, one thread.
//
// Surface: on_line(), on_password(), on_message(), on_timeout(), on_input_end() and on_stop() take
// the input and `now`; outputs() is what to do about it, in this order, which the caller carries
// out and clears after each call (or each turn); next_timeout() says when on_timeout() is due, and
// a call too many does nothing. wants_input() is for callers that can leave their input unread.
//
//             login              0x80
//   OFFLINE --------> LOGIN_SENT -----> ONLINE --post, subscribe, unsubscribe, retrieve, logout-->
//      ^  ^               |             ^    ^        POST_SENT  SUBSCRIBE_SENT  UNSUBSCRIBE_SENT
//      |  |  0x81, or 3   |             |    |        RETRIEVE_SENT  LOGOUT_SENT
//      |  +--unanswered---+             |    |                  |                     |
//      |                                |    +--ack, ok, failed, 0xC1, or 3 s---------+
//      |                                |       without a reply                       |
//      +--------------------------------+---logout ack; from any state 0xF0, 0x00-----+
//                                           or a message nobody asked for
//
//   OFFLINE        any typed request but login goes out with token 0, for the hub to refuse (0xF0)
//   online states  0xB1 is printed and acknowledged, 0xC0 is printed while a retrieve waits
//   any            while a reply is awaited, typed lines wait their turn
//
// Sealed, subscribe, unsubscribe and post are kept until they are answered, whatever happens to the
// connection (outbox.hpp). While the hub is away, who sits at a terminal goes on typing: they are
// queued, and their acks are printed when they come. A script's request keeps its turn.
//
// Only messages with the session's own token count. Two kinds of reply are no surprise although
// nobody waits for them, and are passed over: a repeat of the reply just accepted, until the next
// request is sent, and a reply to a request whose time ran out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "client/core/line.hpp"
#include "client/core/message.hpp"
#include "client/core/outbox.hpp"
#include "client/core/printer.hpp"
#include "protocol/types.hpp"

namespace hub::client {

enum class State : std::uint8_t {
  kOffline,
  kLoginSent,
  kOnline,
  kPostSent,
  kSubscribeSent,
  kUnsubscribeSent,
  kRetrieveSent,
  kLogoutSent,
};
std::string_view name_of(State state);  // "OFFLINE", "LOGIN_SENT", …

struct SessionConfig {
  bool can_ask = false;            // somebody can be asked for a password: on_password() follows
  std::size_t max_waiting = 1000;  // typed lines that wait while a reply is awaited
  /// Classic: a reply is awaited for kReplyTimeout, a login then sent again. Sealed: what carries
  /// the messages is reliable, says by on_lost() when it is not, and the hub says no by a message.
  Framing framing = Framing::kClassic;
  bool queues = false;    // while the hub is away, for a person
  bool show_ids = false;  // before each post its message ID
  /// After a login that failed nothing is asked of the hub: that is the end.
  bool needs_login = false;
};

struct Send {
  Message message;
};
struct Print {
  Record record;
};
/// Ask for a password without echo; on_password() is awaited.
struct AskPassword {
  std::string id;
};
/// All is done; nothing comes out any more.
struct Exit {
  int code = 0;
};
using Output = std::variant<Send, Print, AskPassword, Exit>;

/// What spoke's exit code says; its --help repeats it.
inline constexpr int kExitSuccess = 0;
inline constexpr int kExitFailure = 1;   // something was refused or failed
inline constexpr int kExitNoAnswer = 3;  // and the hub was never heard from
inline constexpr int kExitWrongKey = 4;  // the hub's key is not trusted; nothing was sent under it

/// Of error#no_password where there is no terminal.
inline constexpr const char* kNoTerminal =
    "it is asked for on a terminal only: use --password-file, or type login#id&password";

class Session {
 public:
  explicit Session(const SessionConfig& config) : config_(config) {}

  void on_line(std::string_view line, TimePoint now);
  /// The answer to AskPassword; nothing where it was not given.
  void on_password(std::optional<std::string> password, TimePoint now);
  void on_message(const Message& message, TimePoint now);
  /// The hub cannot be reached, or the connection that carried the request is gone: no reply comes.
  void on_lost(TimePoint now);
  // Of a sealed link (sealed_link.hpp says when).
  void on_away(TimePoint now);
  void on_back(TimePoint now);
  void on_gave_up(const GaveUp& gave_up, TimePoint now);
  void on_password_needed(TimePoint now);
  void on_settled(const Settled& settled, TimePoint now);
  void on_not_sent(const NotSent& not_sent, TimePoint now);
  void on_timeout(TimePoint now);
  /// No more lines will come: what was asked is finished first.
  void on_input_end(TimePoint now);
  /// Leave now: what waits is given up.
  void on_stop(TimePoint now);

  std::vector<Output>& outputs() { return outputs_; }
  /// Set while a reply is awaited that may fail to come.
  std::optional<TimePoint> next_timeout() const;
  /// True while a line would be acted on at once.
  bool wants_input() const;

  State state() const { return state_; }
  /// Who is logged in or about to be; empty when offline.
  const std::string& id() const { return id_; }
  /// True once the hub has sent anything at all.
  bool heard_from_hub() const { return heard_; }
  bool finished() const { return finished_; }
  int exit_code() const;

 private:
  /// The request whose reply is awaited.
  struct Pending {
    Opcode request = Opcode::kSessionReset;
    std::optional<TimePoint> deadline;
    std::string payload;  // to send it again
    int sends = 1;
    std::uint64_t tag = 0;  // sealed: our number for a request that is kept; 0: it is not
  };
  /// Kept, and not awaited.
  struct Queued {
    Opcode request = Opcode::kPost;
    std::uint64_t tag = 0;
  };
  struct SeenPost {
    MessageId id = 0;
    std::string payload;
    bool operator==(const SeenPost&) const = default;
  };

  // session.cpp: what is typed, and time
  void start_waiting(TimePoint now);
  void perform(const Command& command, TimePoint now);
  void log_in(const Login& login, TimePoint now);
  void request(Opcode opcode, std::string payload, TimePoint now);
  void leave(TimePoint now);
  void finish();
  void give_up_waiting(TimePoint now);
  void fail_pending(bool was_sent = true);
  std::optional<TimePoint> reply_deadline(TimePoint now) const;
  void go_offline();

  // queue.cpp: what is kept while the hub is away
  bool act_while_away(const Command& command, TimePoint now);
  void queue(Opcode opcode, std::string payload);
  bool may_go(const Command& command) const;
  bool on_tagged(const Message& message);
  static Record refusal_record(const Message& message);
  std::size_t kept() const;
  void keep_what_waits();
  void print(Record record);
  void print_of_earlier(Record record);
  void send(Opcode opcode, std::string payload, MessageId id = 0);

  // receive.cpp: what the hub sends
  void receive(const Message& message, TimePoint now);
  bool is_for_us(const Message& message) const;
  void on_must_login(const Message& message);
  void on_reset();
  void on_forward(const Message& message);
  void on_retrieved(const Message& message, TimePoint now);
  bool on_login_ack(const Message& message);
  bool on_reply(const Message& message, TimePoint now);
  bool on_refused(const Message& message);
  void on_earlier_posts(const Message& message);
  MessageId shown_id(const Message& post) const;
  bool is_excused(Opcode opcode) const;
  void on_unexpected(const Message& message);

  SessionConfig config_;
  State state_ = State::kOffline;
  Token token_ = 0;  // 0 before login
  std::string id_;
  std::optional<Pending> pending_;
  std::deque<Command> waiting_;
  std::optional<ClientId> asking_;  // a password is asked for, to log in as this
  std::vector<Output> outputs_;

  std::optional<Opcode> accepted_;   // the last reply, until the next request is sent
  std::set<Opcode> late_;            // requests of this session whose time ran out
  int open_logins_ = 0;              // login datagrams sent and not answered (yet)
  std::vector<Token> login_tokens_;  // of this session, the latest last
  bool late_offline_ = false;        // a request sent with token 0 went unanswered
  std::deque<SeenPost> forwards_;    // the last few, to know a repeat
  std::deque<SeenPost> run_;         // of the retrieve under way, for the same reason
  std::size_t retrieved_ = 0;        // posts it has shown
  MessageId last_retrieved_ = 0;     // the oldest of them

  std::deque<Queued> queued_;
  std::uint64_t next_tag_ = 1;
  bool away_ = false;
  bool gave_up_ = false;

  bool leaving_ = false;  // only a quiet logout is still under way
  bool finished_ = false;
  bool failed_ = false;
  bool unanswered_ = false;
  bool heard_ = false;
};

}  // namespace hub::client
