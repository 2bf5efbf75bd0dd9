#include "client/core/printer.hpp"

#include <utility>

#include <fmt/format.h>

#include "client/core/line.hpp"
#include "protocol/fault.hpp"
#include "protocol/text.hpp"

namespace hub::client {

namespace {

constexpr std::string_view kBold = "\x1b[1m";
constexpr std::string_view kDim = "\x1b[2m";
constexpr std::string_view kRed = "\x1b[31m";
constexpr std::string_view kGreen = "\x1b[32m";
constexpr std::string_view kCyan = "\x1b[36m";
constexpr std::string_view kPlain = "\x1b[0m";

std::string painted(std::string_view text, std::string_view colour, const Style& style) {
  if (!style.colour || text.empty()) return std::string(text);
  return fmt::format("{}{}{}", colour, text, kPlain);
}

std::string harmless(std::string_view text) {
  if (fault("control_characters_printed")) return std::string(text);
  return printable(text);
}

/// A post's line begins with '<', every other record's with a letter, so that no post can pass for
/// an ack. A payload from a broken hub is shown as from nobody: '?' is in no client ID.
std::string post_line(std::string_view payload) {
  const bool named = !payload.empty() && payload.front() == '<';
  return fmt::format("{}{}", named ? "" : "<?>", payload);
}

std::string painted_post(const std::string& line, std::string_view colour, const Style& style) {
  const auto end = line.find('>');
  const std::size_t name = end == std::string::npos ? 0 : end + 1;
  return painted(line.substr(0, name), colour, style) + line.substr(name);
}

std::string painted_line(const Record& record, const std::string& line, const Style& style) {
  switch (record.kind) {
    case RecordKind::kAck:
      return painted(line, kGreen, style);
    case RecordKind::kRefusal:
    case RecordKind::kError:
      return painted(line, kRed, style);
    case RecordKind::kForward:
      return painted_post(line, fmt::format("{}{}", kBold, kCyan), style);
    case RecordKind::kRetrieved:
      return painted_post(line, kCyan, style);
    case RecordKind::kState:
    case RecordKind::kHelp:
    case RecordKind::kNote:
    case RecordKind::kLeftOut:
      return line;
  }
  return line;
}

std::string with_id(MessageId id, std::string line) {
  return id == 0 ? std::move(line) : fmt::format("{} {}", id, line);
}

}  // namespace

Record ack(std::string_view request, bool successful) {
  return {successful ? RecordKind::kAck : RecordKind::kRefusal,
          fmt::format("{}#{}", request, successful ? "successful" : "failed"),
          {}};
}

Record error(std::string_view word, std::string note) {
  return {RecordKind::kError, fmt::format("error#{}", word), std::move(note)};
}

Record forward(std::string_view payload, MessageId id) {
  return {RecordKind::kForward, with_id(id, post_line(payload)), {}};
}

Record retrieved(std::string_view payload, MessageId id) {
  return {RecordKind::kRetrieved, with_id(id, post_line(payload)), {}};
}

Record end_of_retrieve(std::size_t posts, MessageId oldest) {
  if (posts == 0) return note("no posts");
  const std::string older =
      oldest == 0 ? std::string() : fmt::format("; older: retrieve#{}&{}", posts, oldest);
  return note(fmt::format("{} {}{}", posts, posts == 1 ? "post" : "posts", older));
}

Record state_record(std::string_view state, std::string_view id) {
  return {RecordKind::kState, fmt::format("state#{}", state), std::string(id)};
}

Record help() { return {RecordKind::kHelp, std::string(help_text()), {}}; }

Record note(std::string text) { return {RecordKind::kNote, {}, std::move(text)}; }

Record left_out(std::string text) { return {RecordKind::kLeftOut, {}, std::move(text)}; }

bool is_failure(const Record& record) {
  return record.kind == RecordKind::kRefusal || record.kind == RecordKind::kError;
}

std::string render(const Record& record, const Style& style) {
  if (record.kind == RecordKind::kHelp) return record.line + "\n";
  std::string out = painted_line(record, harmless(record.line), style);
  if (style.terminal && !record.note.empty()) {
    if (!out.empty()) out += "  ";
    out += painted(harmless(record.note), kDim, style);
  }
  if (!out.empty()) out += '\n';
  return out;
}

std::string prompt(std::string_view state, std::string_view id, const Style& style) {
  if (!style.terminal) return {};
  const std::string name = harmless(id);
  std::string where;
  if (state == "OFFLINE") {
    where = "offline";
  } else if (state == "ONLINE") {
    where = name;
  } else {
    where = fmt::format("{} {}", name, state);
  }
  if (!style.colour) return where + "> ";
  return fmt::format("\1{}\1{}>\1{}\1 ", kDim, where, kPlain);
}

}  // namespace hub::client
