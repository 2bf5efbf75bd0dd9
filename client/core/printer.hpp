// What people and scripts read: records, and how they look. Pure; owned by nobody.
//
// Away from a terminal a record is its line and nothing else, one a line: scripts rely on it. On a
// terminal come colour, a sentence behind an error, and notes that have no line at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/types.hpp"

namespace hub::client {

enum class RecordKind : std::uint8_t {
  kAck,        // login_ack#successful
  kRefusal,    // login_ack#failed
  kError,      // error#no_reply
  kForward,    // <alice>hello, as it happens
  kRetrieved,  // <alice>hello, from the past
  kState,      // state#ONLINE
  kHelp,       // several lines
  kNote,       // for people only: no line
  kLeftOut,    // likewise, but whoever reads must know it: posts that were due are not shown
};

struct Record {
  RecordKind kind = RecordKind::kNote;
  std::string line;  // exactly what scripts see; empty: nothing
  std::string note;  // a sentence for people
};

Record ack(std::string_view request, bool successful);  // "login_ack", true
Record error(std::string_view word, std::string note);
/// `id`: shown before it; 0: not.
Record forward(std::string_view payload, MessageId id = 0);
Record retrieved(std::string_view payload, MessageId id = 0);
/// `oldest`: the last one shown, from which older ones can be asked for; 0: they cannot.
Record end_of_retrieve(std::size_t posts, MessageId oldest = 0);
Record state_record(std::string_view state, std::string_view id);
Record help();
Record note(std::string text);
Record left_out(std::string text);

/// True for what makes the exit code tell of a failure.
bool is_failure(const Record& record);

struct Style {
  bool terminal = false;
  bool colour = false;  // only on a terminal
};

/// The record as bytes to write, with its line end, or nothing. Harmless for a terminal whatever
/// the record holds.
std::string render(const Record& record, const Style& style);

/// What stands before the line being typed: who and in what state. `\1` encloses colour, which
/// takes no room (libedit's RL_PROMPT_START_IGNORE). Empty away from a terminal.
std::string prompt(std::string_view state, std::string_view id, const Style& style);

}  // namespace hub::client
