// spoke's half of a sealed login: by the password (SCRAM, protocol/scram.hpp), or, for a device
// that has logged in before, by its secret (protocol/device.hpp). Pure: the stretching of the
// password, which takes a tenth of a second and much memory, is asked for and comes back later.
//
//   Idle --start()--> Started --challenge--> Stretching --stretched()--> Proving --ok--> Idle
//   Idle --resume()------------------------------------------------------^    \--failed--> Idle
//   Idle --again()--> Started --challenge--> Proving
//
// Of the password nothing is kept beyond the login; its keys only until forget(), for again().
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

  /// The device as a login names it.
  struct Device {
    DeviceId id{};
    Key secret{};
    sealed::Mark mark;
  };

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
    sealed::Mark mark;            // what is due above it will come
    std::uint64_t done = 0;       // the highest number of the device's requests that was done
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

  Step start(const ClientId& id, std::string password, const Device& device,
             const Key& handshake_hash);
  Step resume(const ClientId& id, const Device& device, const Key& handshake_hash);
  /// Once more, as another device, with the keys of the password that was right a moment ago.
  Step again(const Device& device, const Key& handshake_hash);
  bool may_try_again() const { return kept_.has_value(); }
  void forget() { kept_.reset(); }
  /// The connection is gone, and the login under way with it.
  void abandon();
  bool under_way() const { return stage_ != Stage::kIdle; }
  bool is_resume() const { return resuming_; }

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

  void begin(const ClientId& id, const Device& device, const Key& handshake_hash);
  Step ask_for_challenge();
  Step on_challenge(std::string_view payload);
  Step prove();
  Step on_ok(std::string_view payload);
  bool is_signed(const Key& signature) const;

  Config config_;
  Random& random_;
  Stage stage_ = Stage::kIdle;
  bool resuming_ = false;
  std::string id_;
  std::string password_;
  Device device_;
  LoginTranscript transcript_;
  std::optional<Keys> trying_;
  std::optional<Keys> kept_;
  std::uint64_t ticket_ = 0;
};

}  // namespace hub::client
