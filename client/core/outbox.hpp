// The requests of a device that the hub has not answered, each with its number, and the file that
// keeps them over any end of this program. Pure: what is to be written comes out as lines.
//
//   <slot>.outbox   text, appended to; each line ends with its check, the first 8
//                   hexadecimal digits of SHA-256 of what stands before it
//     spoke-outbox 1 GIVEN ACKED CHECK      the first line: highest number given out, and highest
//                                           number that is known to have been done, when it was
//                                           written
//     ask NUMBER OPCODE PAYLOAD CHECK       OPCODE two hexadecimal digits, PAYLOAD in hexadecimal
//     hold NUMBER OPCODE PAYLOAD CHECK      the same, of a request that is not to be sent yet
//     sent NUMBER CHECK                     those held up to this one may be sent now
//     done NUMBER CHECK                     answered: ok, ack or failed
//     refused NUMBER CHECK                  answered: not done
//
// A request's line is on disk before the request is sent for the first time; where it was held, so
// is a `sent`. So the file says up to which number a hub may have done anything: one that has done
// more has seen a later state of it. A last line without its end was cut by the end of the program,
// or of the power, before that: it says nothing. Any other damaged line is an error, for what it
// said may matter. When what is answered outweighs what is not, the file is written anew.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "client/core/message.hpp"
#include "protocol/message.hpp"

namespace hub::client {

class Outbox {
 public:
  struct Request {
    std::uint64_t number = 0;
    Opcode opcode = Opcode::kPost;
    std::string payload;
    bool operator==(const Request&) const = default;
  };

  /// Of a device that has never asked for anything.
  Outbox() = default;
  /// From a file's text. The error says which line is damaged.
  static tl::expected<Outbox, std::string> read(std::string_view text);

  /// Gives the request its number, and its line to append. `held`: it is asked while the hub is
  /// away, and so are all after it until released().
  std::string add(Opcode opcode, std::string payload, bool held = false);
  /// The line that says that all so far may be sent; and that it is on disk, up to that number.
  std::string release();
  void released(std::uint64_t number);
  bool has_held() const { return held_from_ != 0; }
  /// The hub answered it; `line` is to be appended. Nothing where no such request waits.
  std::optional<Request> answered(std::uint64_t number, bool was_done, std::string& line);

  const std::deque<Request>& waiting() const { return waiting_; }  // by number
  /// The highest number ever given out.
  std::uint64_t given() const { return given_; }
  /// The highest number that may ever have been sent.
  std::uint64_t sent() const { return has_held() ? held_from_ - 1 : given_; }
  /// The highest number that the hub said it had done.
  std::uint64_t acknowledged() const { return acknowledged_; }
  /// The hub knows of nothing above `done` any more. Lasts with the next text().
  void restored(std::uint64_t done) { acknowledged_ = std::min(acknowledged_, done); }

  /// The file holds much more than what waits, or ends in a line that was cut: write text() in its
  /// place.
  bool is_due_for_rewriting() const;
  /// The whole file, as short as can be.
  std::string text();

 private:
  bool take(const std::vector<std::string_view>& words, bool is_first);
  std::optional<Request> remove(std::uint64_t number);
  std::string line_of(const Request& request) const;

  std::deque<Request> waiting_;
  std::uint64_t given_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::uint64_t held_from_ = 0;     // this number and those above it; 0: none
  std::size_t appended_bytes_ = 0;  // since the file was written whole
  bool is_cut_ = false;             // the file's last line has no end
};

/// The answer to a request of an earlier run of the program.
struct Settled {
  Outbox::Request request;
  Message reply;
};
/// It was kept to be sent, and will not be: it may have been done already.
struct NotSent {
  Outbox::Request request;
  std::uint64_t tag = 0;  // the session's own number for it; 0: of an earlier run
};

}  // namespace hub::client
