// spoke's half of a sealed login (SCRAM, protocol/scram.hpp). Pure: the stretching of the password,
// which takes a tenth of a second and much memory, is asked for and comes back later.
//
//   Idle --start()--> Started --challenge--> Stretching --stretched()--> Proving --ok--> Idle
//                                    \--the keys are known already--------/    \--failed--> Idle
//
// The keys of the last login that succeeded are kept in memory, never the password: with them the
// client comes back by itself.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>

#include "protocol/client_id.hpp"
#include "protocol/password.hpp"
#include "protocol/random.hpp"
#include "protocol/sealed/message.hpp"

namespace hub::client {

class LoginExchange {
 public:
  struct Config {
    bool allow_weak_kdf = false;  // stretching below what a careful client accepts
  };
  LoginExchange(const Config& config, Random& random) : config_(config), random_(random) {}

  /// To be stretched off the loop; stretched() follows with the same ticket.
  struct Stretch {
    std::uint64_t ticket = 0;
    std::string password;
    Salt salt{};
    KdfParams kdf;
  };
  struct SendMessage {
    Opcode opcode = Opcode::kLoginStart;
    std::string payload;
  };
  struct LoggedIn {
    std::chrono::milliseconds session_timeout{0};
    MessageId newest_post = 0;
    std::optional<Key> next_key;  // announced by the hub
  };
  struct Failed {
    LoginRefusal why = LoginRefusal::kWrong;
  };
  /// The hub does not behave as one that knows the account: nothing more is to be sent to it.
  struct Distrusted {
    std::string word;  // behind error#
    std::string text;
  };
  struct Nothing {};
  using Step = std::variant<Nothing, SendMessage, Stretch, LoggedIn, Failed, Distrusted>;

  /// Forgets what is kept of another account.
  Step start(const ClientId& id, std::string password, const Key& handshake_hash);
  /// As who was logged in before; may_resume() says whether that can be.
  /// `mark`: up to which post it was served.
  Step resume(const Key& handshake_hash, std::optional<MessageId> mark);
  bool may_resume() const { return kept_.has_value(); }
  void forget() { kept_.reset(); }
  /// The connection is gone, and the login under way with it.
  void abandon() { stage_ = Stage::kIdle; }
  bool under_way() const { return stage_ != Stage::kIdle; }

  /// Login challenge, ok and failed; anything at the wrong time is Nothing.
  Step on_message(Opcode opcode, std::string_view payload);
  /// Nothing: the memory could not be had.
  Step stretched(std::uint64_t ticket, const std::optional<Key>& salted);

 private:
  enum class Stage { kIdle, kStarted, kStretching, kProving };
  struct Keys {
    std::string id;
    Salt salt{};
    KdfParams kdf;
    ScramKeys keys;
  };

  Step begin(const std::string& id_key, const std::string& id, const Key& handshake_hash,
             std::optional<MessageId> mark);
  Step on_challenge(std::string_view payload);
  Step prove();
  Step on_ok(std::string_view payload);

  Config config_;
  Random& random_;
  Stage stage_ = Stage::kIdle;
  std::string id_;
  std::string password_;
  LoginTranscript transcript_;
  std::optional<MessageId> mark_;
  std::optional<Keys> trying_;
  std::optional<Keys> kept_;
  std::uint64_t ticket_ = 0;
};

}  // namespace hub::client
