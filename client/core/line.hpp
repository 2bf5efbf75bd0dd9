// What people type: one line, `verb#argument`, read into a Command or a Complaint. Pure.
//
//   login#id&password   login#id (asks for the password)   logout#
//   post#text           retrieve#n                         state#  help#  quit#
//   subscribe#id        unsubscribe#id                     reset#  spurious#client|server
//
// The first '#' ends the verb, so a text may contain more of them. Whatever is over a limit is
// refused here: nothing of it reaches the network.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include <tl/expected.hpp>

#include "protocol/client_id.hpp"
#include "protocol/limits.hpp"
#include "protocol/types.hpp"

namespace hub::client {

struct Login {
  ClientId id;
  std::optional<std::string> password;  // none: it is to be asked for
};
struct Post {
  std::string text;
};
struct Subscribe {
  ClientId target;
};
struct Unsubscribe {
  ClientId target;
};
struct Retrieve {
  std::uint32_t n = 0;   // 1 to kMaxRetrieve, classic kClassicMaxRetrieve
  MessageId before = 0;  // sealed: older than this one; 0: the newest
};
struct Logout {};
struct Reset {};
struct ShowState {};
struct SpuriousClient {};
struct SpuriousServer {};
struct Help {};
struct Quit {};
/// A blank line.
struct Nothing {};

using Command = std::variant<Login, Post, Subscribe, Unsubscribe, Retrieve, Logout, Reset,
                             ShowState, SpuriousClient, SpuriousServer, Help, Quit, Nothing>;

/// Why a line was refused: `error#word`, and a sentence for people. Neither quotes what follows a
/// '#', which may be a password.
struct Complaint {
  std::string word;
  std::string sentence;
};

/// Reads one line, its line end removed; what it may ask depends on the framing in use.
tl::expected<Command, Complaint> parse_line(std::string_view line,
                                            Framing framing = Framing::kSealed);

/// What of a line may be remembered for recall: never a password, nothing of a line that might hold
/// one by mistake.
std::optional<std::string> memorable(std::string_view line);

/// What help# shows: one line a verb, without a closing line end.
std::string_view help_text();

/// Cuts a stream of bytes into lines, without their "\n" or "\r\n". Of a line beyond kMaxLineBytes
/// the rest is skipped: what is left of it is still far longer than any that parse_line() takes.
class LineCutter {
 public:
  static constexpr std::size_t kMaxLineBytes = 65'536;

  void add(std::string_view bytes);
  /// The next whole line; nothing where more bytes are needed.
  std::optional<std::string> next();
  /// After the last byte: what is left, if anything, is a line too.
  std::optional<std::string> rest();

 private:
  std::optional<std::string> next_overlong();

  std::string bytes_;
  std::size_t begin_ = 0;     // of the first line that is not taken yet
  std::size_t searched_ = 0;  // no line end from begin_ to here
  bool skipping_ = false;     // a line's beginning came out already, its end is still to come
};

}  // namespace hub::client
