// spoke's way to its hub in the sealed framing: first contact, handshake, login, liveness, and the
// way back after a loss. Pure: no socket, clock, thread or file.
//
//   Resting --something to send--> Contacting --> Connected --login--> LoggingIn --> Online
//      ^                               ^             |                                 |
//      |  the hub closed it            |             +---- reset, silence, close ------+
//      +-------------------------------+--- logs in again by itself, if it was online
//
// Surface: the calls below take what happens and `now`; outputs() is what to do about it, in this
// order; next_timeout() says when on_timeout() is due, and a call too many does nothing.
//
// While a connection does not answer, it is tried from a new port and at the hub's other addresses
// in turn, and in the end a new handshake beside it; whichever answers first is used.
//
// Who is logged in is a device (own_device.hpp). Its subscribes, unsubscribes and posts go into its
// outbox first, and to the hub from there, under their numbers, on as many connections as it takes.
// Other messages that were not handed to a connection wait for the next one; those that were may be
// lost with it, which Lost says.
//
// Deadlines: the handshake's next datagram, the end of a doubt about the hub's key or version, the
// connection's own, keep-alive and silence (liveness.hpp), the next try after a refusal, and the
// end of patience where nobody is there to wait.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "client/core/first_contact.hpp"
#include "client/core/liveness.hpp"
#include "client/core/login_exchange.hpp"
#include "client/core/message.hpp"
#include "client/core/own_device.hpp"
#include "protocol/sealed/connection.hpp"
#include "protocol/sealed/initiator.hpp"

namespace hub::client {

struct LinkConfig {
  LoginExchange::Config login;
  LivenessConfig liveness;
  /// How long the hub may be silent before what waits for it is given up; nothing: for ever.
  std::optional<Duration> patience;
};

struct SendDatagram {
  std::vector<std::uint8_t> bytes;
};
/// A message from the hub.
struct Deliver {
  Message message;
};
/// What was handed to the hub without a number and not answered may or may not have been done.
struct Lost {};
/// Open the files of a device of this account at the hub with this key, or of the next one that no
/// other program has open; on_device() answers. Until the next OpenDevice they are ours. Where
/// there is a device under `other_key` instead, which the same hub had or will have, it is taken
/// along.
struct OpenDevice {
  std::string account;  // the client ID in lower case
  Key hub_key{};
  std::optional<Key> other_key;
};
/// For the open device. After an AppendOutbox with `sync` on_kept() says whether it is on disk;
/// nothing of it leaves before. The others are tried, and said once where they fail.
struct Keep {
  KeepOutput what;
};
/// The hub is away, or says nothing: what is asked now is kept and sent later. Back when it answers
/// again and this device is logged in.
struct Away {};
struct Back {};
/// The password is needed after all.
struct NeedPassword {};
/// Try the next address of the hub, from a new port: this one does not answer.
struct NextAddress {};
struct StretchPassword {
  LoginExchange::Stretch job;
};
struct AskAboutKey {
  std::string text;
};
/// The hub is not to be trusted: exit with `code`. `text` is for standard error.
struct Distrust {
  int code = 0;
  std::string word;  // behind error#
  std::string text;
};
/// The hub has proved itself: what FirstContact::on_proof() has to write down is due now.
struct HubProved {
  std::optional<Key> next_key;  // announced inside the session
};
/// For people: what the way is like.
struct LinkNote {
  std::string text;
};
using LinkOutput = std::variant<SendDatagram, Deliver, Lost, OpenDevice, Keep, Away, Back, GaveUp,
                                NeedPassword, Settled, NotSent, NextAddress, StretchPassword,
                                AskAboutKey, Distrust, HubProved, LinkNote>;

class SealedLink {
 public:
  SealedLink(const LinkConfig& config, FirstContact contact, Random& random);

  /// From the session. A login's payload is `id&password`, as in the classic framing, or `id` alone
  /// for a device that logged in before; it is never sent so. A subscribe, unsubscribe or post has
  /// a number of the session's own as its message's ID, which the reply then has.
  void send(const Message& message, TimePoint now);
  /// To OpenDevice. The error is a sentence: there will be no login.
  void on_device(const tl::expected<DeviceFiles, std::string>& files, TimePoint now);
  /// To AppendOutbox with `sync`.
  void on_kept(bool is_on_disk, TimePoint now);
  void on_datagram(Bytes datagram, TimePoint now);
  void on_timeout(TimePoint now);
  void on_stretched(std::uint64_t ticket, const std::optional<Key>& salted, TimePoint now);
  /// To AskAboutKey; nothing where the person went away.
  void on_answer(const std::optional<std::string>& typed, TimePoint now);
  /// The local address changed, or the socket moved on to another address of the hub.
  void on_path_changed(TimePoint now);
  /// Says goodbye to the hub, as well as that can be done at once.
  void leave(TimePoint now);

  std::vector<LinkOutput>& outputs() { return outputs_; }
  std::optional<TimePoint> next_timeout() const;
  bool is_online() const { return online_; }
  bool is_reconnecting() const { return wants_online_ && !online_; }
  const FirstContact& contact() const { return contact_; }

 private:
  /// A login that the session asked for.
  struct Wanted {
    ClientId id;
    std::optional<std::string> password;  // nothing: the device's secret is to do
  };

  /// Something says that the hub has another key or version; believed if no welcome comes first.
  struct Doubt {
    TimePoint until{};
    sealed::InitiatorEvent what;
  };

  // sealed_link.cpp: what is wanted, the handshake, time, and what goes out
  void want_connection(TimePoint now);
  void follow(const ContactStep& step, TimePoint now);
  void start_handshake(const std::optional<Key>& key, TimePoint now);
  void on_handshake(const sealed::InitiatorEvent& event, TimePoint now);
  void believe(const sealed::InitiatorEvent& event, TimePoint now);
  void on_established(const sealed::Established& made, TimePoint now);
  void check_silence(TimePoint now);
  void give_up(TimePoint now);
  void send_waiting(TimePoint now);
  bool hand_over(Opcode opcode, MessageId id, std::string_view payload);
  void flush(TimePoint now);
  void note(std::string text) { outputs_.push_back(LinkNote{std::move(text)}); }
  void say_silent(std::string text);
  /// A connection that is lost is made anew.
  bool has_business() const { return wants_online_ || !waiting_.empty(); }

  // sealed_link_online.cpp: what comes over the connection, the login on it, and its end
  bool on_connection_datagram(Bytes datagram, TimePoint now);
  void on_reset(const sealed::Reset& reset, TimePoint now);
  void on_closed(sealed::CloseReason why, TimePoint now);
  void on_message(const sealed::Message& message, TimePoint now);
  void follow(const LoginExchange::Step& step, TimePoint now);
  void on_login_refused(LoginRefusal why, TimePoint now);
  void on_logged_in(const LoginExchange::LoggedIn& logged_in, TimePoint now);
  void lose_connection(TimePoint now);
  void end_session(TimePoint now);
  void retry_later(TimePoint now);

  // sealed_link_device.cpp: the device, its login and its outbox
  void want_login(std::string_view payload, TimePoint now);
  bool open_device(const ClientId& id, const Key& hub_key);
  void begin_login(TimePoint now);
  void need_password();
  void become_new_device(const LoginExchange::LoggedIn& old, TimePoint now);
  LoginExchange::Device login_device() const;
  void on_shown(MessageId post, TimePoint now);
  void ask(const Message& message);
  bool settle(const sealed::Message& reply, TimePoint now);
  void send_outbox();
  void go_away();
  void come_back();
  void keep_mark();
  template <typename Action>
  auto keeping(Action&& action);

  LinkConfig config_;
  FirstContact contact_;
  Random& random_;
  LoginExchange login_;
  Liveness liveness_;
  std::vector<LinkOutput> outputs_;

  std::optional<sealed::Initiator> initiator_;
  bool greeting_ = false;  // initiator_ has a key, and does not ask for one
  std::optional<Doubt> doubt_;
  std::unique_ptr<sealed::Connection> connection_;
  std::deque<Message> waiting_;   // for a connection, or for the login on it
  std::optional<Wanted> wanted_;  // until it is answered
  bool wants_online_ = false;     // was online, or is on its way there
  bool online_ = false;
  bool renewing_ = false;  // the connection has a login of the device that there was before
  bool away_ = false;      // the session knows that the hub is away

  std::optional<ClientId> account_;              // whose device it is
  std::optional<OwnDevice> device_;              // nothing: not opened
  bool opening_device_ = false;                  // on_device() is to come
  std::optional<MessageId> shown_;               // to be kept before the next datagram leaves
  std::map<std::uint64_t, std::uint64_t> tags_;  // the session's numbers, by the device's
  std::deque<std::uint64_t> unkept_;             // requests that are not on disk yet
  std::uint64_t handed_ = 0;                     // to this connection: requests up to this number
  std::uint64_t releasing_ = 0;                  // held requests, up to this number
  bool asked_ = false;                      // the connection was handed a request, not answered yet
  bool asking_ = false;                     // about the key
  bool distrusted_ = false;                 // it is over
  bool said_silent_ = false;                // the person knows that the hub does not answer
  bool gave_up_ = false;                    // and nothing was heard since
  int sends_here_ = 0;                      // datagrams of the handshake to the present address
  std::optional<TimePoint> wanting_since_;  // something waits for an answer of the hub
  std::optional<TimePoint> unanswered_since_;  // the connection owes an answer, and says nothing
  std::optional<TimePoint> elsewhere_at_;      // when the next address is tried for it
  std::optional<TimePoint> try_again_;
};

}  // namespace hub::client
