#include "client/core/outbox.hpp"

#include <algorithm>
#include <charconv>
#include <span>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "protocol/crypto/hash.hpp"
#include "protocol/fault.hpp"
#include "protocol/hex.hpp"
#include "protocol/limits.hpp"
#include "protocol/sealed/message.hpp"

namespace hub::client {

namespace {

/// Beyond this, a file in which most is answered is written anew.
constexpr std::size_t kLongFile = std::size_t{64} * 1024;
constexpr std::uint64_t kLastNumber = std::uint64_t{1} << 63;

std::string check_of(std::string_view line) {
  const Key hash = sha256({text_bytes(line)});
  return hex_text(Bytes(hash).first(4));
}

std::string checked(std::string line) {
  line += ' ';
  return line + check_of(line) + "\n";
}

std::optional<std::string> text_of(std::string_view hex) {
  std::string out(hex.size() / 2, '\0');
  const std::span bytes(reinterpret_cast<std::uint8_t*>(out.data()), out.size());
  return parse_hex_text(hex, bytes) ? std::optional(std::move(out)) : std::nullopt;
}

/// Below kLastNumber, so that there is always a next one.
std::optional<std::uint64_t> number_of(std::string_view digits) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || end != digits.data() + digits.size() || value >= kLastNumber) {
    return std::nullopt;
  }
  return value;
}

/// The words of a line whose check is right, without it; nothing where it is not.
std::optional<std::vector<std::string_view>> words_of(std::string_view line) {
  const auto last = line.rfind(' ');
  if (last == std::string_view::npos) return std::nullopt;
  if (line.substr(last + 1) != check_of(line.substr(0, last + 1)) && !fault("damaged_line_taken")) {
    return std::nullopt;
  }
  std::vector<std::string_view> words;
  for (std::string_view rest = line.substr(0, last + 1); !rest.empty();) {
    const auto space = rest.find(' ');
    words.push_back(rest.substr(0, space));
    rest.remove_prefix(space + 1);
  }
  return words;
}

std::optional<Outbox::Request> read_ask(const std::vector<std::string_view>& words) {
  if (words.size() != 4) return std::nullopt;
  const auto number = number_of(words[1]);
  const auto opcode = text_of(words[2]);
  auto payload = text_of(words[3]);
  if (!number || *number == 0 || !opcode || opcode->size() != 1 || !payload ||
      payload->size() > kMaxTextBytes) {
    return std::nullopt;
  }
  const auto asked = static_cast<Opcode>(static_cast<unsigned char>(opcode->front()));
  if (!sealed::is_numbered(asked)) return std::nullopt;
  return Outbox::Request{*number, asked, std::move(*payload)};
}

}  // namespace

tl::expected<Outbox, std::string> Outbox::read(std::string_view text) {
  Outbox box;
  std::size_t count = 0;
  while (!text.empty()) {
    const auto end = text.find('\n');
    ++count;
    if (end == std::string_view::npos) {
      box.is_cut_ = true;
      if (!fault("torn_line_taken")) break;
    }
    const std::string_view line = text.substr(0, end);
    const auto words = words_of(line);
    if (!words || !box.take(*words, count == 1)) {
      return tl::unexpected(fmt::format("line {} is damaged", count));
    }
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    box.appended_bytes_ += line.size() + 1;
  }
  if (count == 0 || (count == 1 && box.is_cut_)) return tl::unexpected(std::string("it is empty"));
  return box;
}

bool Outbox::take(const std::vector<std::string_view>& words, bool is_first) {
  if (is_first) {
    if (words.size() != 4 || words[0] != "spoke-outbox" || words[1] != "1") return false;
    const auto given = number_of(words[2]);
    const auto acknowledged = number_of(words[3]);
    if (!given || !acknowledged || *acknowledged > *given) return false;
    given_ = *given;
    acknowledged_ = *acknowledged;
    return true;
  }
  if (words[0] == "ask" || words[0] == "hold") {
    auto request = read_ask(words);
    const bool rises = request && (waiting_.empty() || request->number > waiting_.back().number);
    if (!rises) return false;
    given_ = std::max(given_, request->number);
    if (words[0] == "ask") {
      held_from_ = 0;
    } else if (!has_held()) {
      held_from_ = request->number;
    }
    waiting_.push_back(std::move(*request));
    return true;
  }
  const auto number = words.size() == 2 ? number_of(words[1]) : std::nullopt;
  if (!number) return false;
  if (words[0] == "sent") {
    given_ = std::max(given_, *number);  // a line of before it may not have been kept
    released(*number);
    return true;
  }
  const bool was_done = words[0] == "done";
  if (!was_done && words[0] != "refused") return false;
  remove(*number);
  if (was_done) acknowledged_ = std::max(acknowledged_, *number);
  return *number <= given_;
}

std::optional<Outbox::Request> Outbox::remove(std::uint64_t number) {
  const auto found =
      std::lower_bound(waiting_.begin(), waiting_.end(), number,
                       [](const Request& each, std::uint64_t n) { return each.number < n; });
  if (found == waiting_.end() || found->number != number) return std::nullopt;
  Request request = std::move(*found);
  waiting_.erase(found);
  return request;
}

std::string Outbox::line_of(const Request& request) const {
  const bool held = has_held() && request.number >= held_from_;
  return checked(fmt::format("{} {} {:02x} {}", held ? "hold" : "ask", request.number,
                             static_cast<unsigned>(request.opcode),
                             hex_text(text_bytes(request.payload))));
}

std::string Outbox::add(Opcode opcode, std::string payload, bool held) {
  waiting_.push_back({++given_, opcode, std::move(payload)});
  if (held && !has_held()) held_from_ = given_;
  std::string line = line_of(waiting_.back());
  appended_bytes_ += line.size();
  return line;
}

std::string Outbox::release() {
  std::string line = checked(fmt::format("sent {}", given_));
  appended_bytes_ += line.size();
  return line;
}

void Outbox::released(std::uint64_t number) {
  if (has_held() && number >= held_from_) held_from_ = number < given_ ? number + 1 : 0;
}

std::optional<Outbox::Request> Outbox::answered(std::uint64_t number, bool was_done,
                                                std::string& line) {
  auto request = remove(number);
  if (!request) return std::nullopt;
  // Of those held, one that could not be kept.
  if (has_held() && (waiting_.empty() || waiting_.back().number < held_from_)) held_from_ = 0;
  if (was_done) acknowledged_ = std::max(acknowledged_, number);
  line = checked(fmt::format("{} {}", was_done ? "done" : "refused", number));
  appended_bytes_ += line.size();
  return request;
}

bool Outbox::is_due_for_rewriting() const {
  return is_cut_ || (appended_bytes_ > kLongFile && waiting_.size() < kRememberedRequests);
}

std::string Outbox::text() {
  const std::uint64_t given = fault("numbers_reused_after_rewriting") ? 0 : given_;
  std::string out =
      checked(fmt::format("spoke-outbox 1 {} {}", given, std::min(given, acknowledged_)));
  for (const Request& request : waiting_) out += line_of(request);
  appended_bytes_ = 0;
  is_cut_ = false;
  return out;
}

}  // namespace hub::client
