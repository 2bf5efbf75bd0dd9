#include "client/core/line.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "protocol/fault.hpp"
#include "protocol/message.hpp"
#include "protocol/nearest.hpp"
#include "protocol/password.hpp"
#include "protocol/text.hpp"

namespace hub::client {

namespace {

using Parsed = tl::expected<Command, Complaint>;

Parsed complain(std::string word, std::string sentence) {
  return tl::unexpected(Complaint{std::move(word), std::move(sentence)});
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t";
  const auto first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

Parsed bad_client_id() {
  return complain("bad_client_id", fmt::format("a client ID is 1 to {} letters, digits and "
                                               "underscores",
                                               kMaxClientIdBytes));
}

Parsed parse_login(std::string_view argument, Framing) {
  const auto credentials = split_credentials(argument);
  const auto id = ClientId::parse(credentials ? credentials->id : trim(argument));
  if (!id) return bad_client_id();
  if (!credentials) return Login{*id, std::nullopt};
  if (!is_password(credentials->password)) {
    return complain("bad_password", fmt::format("a password is 1 to {} bytes: login#id&password, "
                                                "or login#id to be asked for it",
                                                kMaxPasswordBytes));
  }
  return Login{*id, std::string(credentials->password)};
}

template <typename Request>
Parsed parse_target(std::string_view argument, Framing) {
  const auto id = ClientId::parse(trim(argument));
  if (!id) return bad_client_id();
  return Request{*id};
}

Parsed parse_post(std::string_view text, Framing framing) {
  const std::size_t max_text =
      framing == Framing::kSealed ? kMaxTextBytes : kClassicMaxPayloadBytes;
  if (text.empty()) return complain("bad_text", "there is nothing to post: post#text");
  if (text.size() > max_text) {
    return complain("bad_text", fmt::format("the text has {} bytes, a post takes {} at most: "
                                            "shorten it or post it in parts",
                                            text.size(), max_text));
  }
  if (!is_text(text)) {
    return complain("bad_text",
                    "the text is not plain UTF-8: remove its control characters (tabs, escapes)");
  }
  return Post{std::string(text)};
}

bool is_number(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Parsed parse_retrieve(std::string_view argument, Framing framing) {
  const bool is_sealed = framing == Framing::kSealed;
  const std::uint32_t most = is_sealed ? kMaxRetrieve : kClassicMaxRetrieve;
  const std::string_view typed = trim(argument);
  const auto separator = typed.find('&');
  const bool has_before = separator != std::string_view::npos;
  const bool is_readable = is_number(typed.substr(0, separator)) &&
                           (!has_before || (is_sealed && is_number(typed.substr(separator + 1))));
  const RetrieveRange range = is_readable ? hub::parse_retrieve(typed) : RetrieveRange{};
  if (range.count < 1 || range.count > most || (has_before && range.before == 0)) {
    return complain("bad_count",
                    fmt::format("retrieve#n takes a number from 1 to {}{}", most,
                                is_sealed ? "; retrieve#n&id shows those before that one" : ""));
  }
  return Retrieve{range.count, range.before};
}

Parsed parse_spurious(std::string_view argument, Framing) {
  if (trim(argument) == "client") return SpuriousClient{};
  if (trim(argument) == "server") return SpuriousServer{};
  return complain("bad_argument", "it is spurious#client or spurious#server");
}

struct Verb {
  std::string_view name;
  Parsed (*parse)(std::string_view argument, Framing framing);  // none: nothing after the '#'
  Command (*make)();
};

template <typename Request>
Command make() {
  return Request{};
}

constexpr std::array kVerbs = {
    Verb{"login", parse_login, nullptr},
    Verb{"post", parse_post, nullptr},
    Verb{"subscribe", parse_target<Subscribe>, nullptr},
    Verb{"unsubscribe", parse_target<Unsubscribe>, nullptr},
    Verb{"retrieve", parse_retrieve, nullptr},
    Verb{"logout", nullptr, make<Logout>},
    Verb{"reset", nullptr, make<Reset>},
    Verb{"state", nullptr, make<ShowState>},
    Verb{"spurious", parse_spurious, nullptr},
    Verb{"help", nullptr, make<Help>},
    Verb{"quit", nullptr, make<Quit>},
};

const Verb* find_verb(std::string_view name) {
  const auto found =
      std::find_if(kVerbs.begin(), kVerbs.end(), [&](const Verb& v) { return v.name == name; });
  return found != kVerbs.end() ? &*found : nullptr;
}

/// The verb that `typed` is a beginning or a slip of the finger away from; empty where none is.
std::string_view nearest_verb(std::string_view typed) {
  std::array<std::string_view, kVerbs.size()> names;
  std::transform(kVerbs.begin(), kVerbs.end(), names.begin(), [](const Verb& v) { return v.name; });
  const std::string verb = lower(typed.substr(0, kMaxClientIdBytes));
  const auto begun = std::find_if(names.begin(), names.end(), [&](std::string_view name) {
    return verb.size() >= 2 && name.substr(0, verb.size()) == verb;
  });
  return begun != names.end() ? *begun : nearest(verb, names).value_or("");
}

/// The verb as typed: before the '#', or the first word where there is none.
std::string_view typed_verb(std::string_view line) {
  const auto separator = line.find('#');
  const std::string_view typed = trim(line.substr(0, separator));
  return separator != std::string_view::npos ? typed : typed.substr(0, typed.find_first_of(" \t"));
}

Parsed unknown_command(std::string_view line) {
  const std::string_view meant = nearest_verb(typed_verb(line));
  if (!meant.empty()) {
    return complain("unknown_command",
                    fmt::format("did you mean {}#? help# lists what can be typed", meant));
  }
  if (line.find('#') == std::string_view::npos) {
    return complain("unknown_command",
                    "a line is a verb, '#' and what it is about, as in post#hello: try help#");
  }
  return complain("unknown_command", "there is no such verb: help# lists what can be typed");
}

}  // namespace

Parsed parse_line(std::string_view line, Framing framing) {
  if (trim(line).empty()) return Nothing{};
  const auto separator = line.find('#');
  const Verb* verb = find_verb(lower(typed_verb(line)));
  if (verb == nullptr || separator == std::string_view::npos) return unknown_command(line);
  const std::string_view argument = line.substr(separator + 1);
  if (verb->parse != nullptr) return verb->parse(argument, framing);
  if (!trim(argument).empty()) {
    return complain("bad_argument", fmt::format("{}# takes nothing after the '#'", verb->name));
  }
  return verb->make();
}

std::optional<std::string> memorable(std::string_view line) {
  const auto parsed = parse_line(line);
  if (!parsed) {
    const bool may_hold_password =
        line.find('&') != std::string_view::npos || nearest_verb(typed_verb(line)) == "login";
    if (may_hold_password) return std::nullopt;
    return std::string(line);
  }
  if (std::holds_alternative<Nothing>(*parsed)) return std::nullopt;
  if (std::holds_alternative<Login>(*parsed) && !fault("password_remembered")) {
    return std::string(line.substr(0, line.find('&')));
  }
  return std::string(line);
}

std::string_view help_text() {
  return "login#id&password   log in\n"
         "login#id            log in; asks for the password without showing it\n"
         "post#text           post one line to all who follow you\n"
         "subscribe#id        follow id: what they post appears at once\n"
         "unsubscribe#id      stop following id\n"
         "retrieve#n          show the n newest posts of those you follow\n"
         "retrieve#n&id       show n older ones: those before message id\n"
         "logout#             log out\n"
         "state#              show the state of the session\n"
         "reset#              reset the session without asking\n"
         "spurious#client     send a message no hub knows: the hub resets the session\n"
         "spurious#server     ask a debugging hub for a message nobody asked for\n"
         "help#               show this\n"
         "quit#               leave";
}

void LineCutter::add(std::string_view bytes) {
  bytes_.erase(0, begin_);
  searched_ -= begin_;
  begin_ = 0;
  bytes_ += bytes;
}

std::optional<std::string> LineCutter::next() {
  for (;;) {
    const auto end = bytes_.find('\n', searched_);
    if (end == std::string::npos) return next_overlong();
    std::string line = bytes_.substr(begin_, std::min(end - begin_, kMaxLineBytes));
    begin_ = searched_ = end + 1;
    if (std::exchange(skipping_, false)) continue;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    return line;
  }
}

std::optional<std::string> LineCutter::next_overlong() {
  searched_ = bytes_.size();
  const bool overlong = bytes_.size() - begin_ > kMaxLineBytes;
  if (!overlong && !skipping_) return std::nullopt;
  std::string line = bytes_.substr(begin_, kMaxLineBytes);
  begin_ = searched_;
  if (std::exchange(skipping_, true)) return std::nullopt;
  return line;
}

std::optional<std::string> LineCutter::rest() {
  if (auto line = next()) return line;
  if (skipping_ || begin_ == bytes_.size()) return std::nullopt;
  add("\n");
  return next();
}

}  // namespace hub::client
