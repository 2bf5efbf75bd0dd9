#include "protocol/message.hpp"

#include <charconv>
#include <limits>
#include <system_error>

namespace hub {

namespace {

struct Name {
  Opcode opcode;
  std::string_view name;
};

constexpr Name kNames[] = {
    {Opcode::kSessionReset, "session reset"},
    {Opcode::kLogin, "login"},
    {Opcode::kLoginOk, "login ok"},
    {Opcode::kLoginFailed, "login failed"},
    {Opcode::kLoginStart, "login start"},
    {Opcode::kLoginChallenge, "login challenge"},
    {Opcode::kLoginProof, "login proof"},
    {Opcode::kResume, "resume"},
    {Opcode::kSubscribe, "subscribe"},
    {Opcode::kSubscribeOk, "subscribe ok"},
    {Opcode::kSubscribeFailed, "subscribe failed"},
    {Opcode::kUnsubscribe, "unsubscribe"},
    {Opcode::kUnsubscribeOk, "unsubscribe ok"},
    {Opcode::kUnsubscribeFailed, "unsubscribe failed"},
    {Opcode::kPost, "post"},
    {Opcode::kPostAck, "post ack"},
    {Opcode::kForward, "forward"},
    {Opcode::kForwardAck, "forward ack"},
    {Opcode::kEarlierPosts, "earlier posts"},
    {Opcode::kRetrieve, "retrieve"},
    {Opcode::kRetrieveAck, "retrieve ack"},
    {Opcode::kRetrieveEnd, "end of retrieve"},
    {Opcode::kLogout, "logout"},
    {Opcode::kLogoutAck, "logout ack"},
    {Opcode::kMustLoginFirst, "must login first"},
    {Opcode::kRefused, "refused"},
};

const Name* find(Opcode opcode) {
  for (const Name& entry : kNames) {
    if (entry.opcode == opcode) return &entry;
  }
  return nullptr;
}

}  // namespace

bool is_known(Opcode opcode) { return find(opcode) != nullptr; }

std::string_view name_of(Opcode opcode) {
  const Name* entry = find(opcode);
  return entry != nullptr ? entry->name : "unknown";
}

std::optional<Credentials> split_credentials(std::string_view payload) {
  const auto separator = payload.find('&');
  if (separator == std::string_view::npos) return std::nullopt;
  return Credentials{payload.substr(0, separator), payload.substr(separator + 1)};
}

std::string format_post(std::string_view author, std::string_view text) {
  std::string out;
  out.reserve(author.size() + text.size() + 2);
  format_post(author, text, out);
  return out;
}

void format_post(std::string_view author, std::string_view text, std::string& out) {
  out += '<';
  out += author;
  out += '>';
  out += text;
}

std::optional<std::uint32_t> parse_count(std::string_view text) {
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
  std::uint64_t n = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') break;
    n = n * 10 + static_cast<std::uint64_t>(c - '0');
    if (n > kMost) n = kMost;
  }
  return static_cast<std::uint32_t>(n);
}

RetrieveRange parse_retrieve(std::string_view text) {
  RetrieveRange range;
  range.count = parse_count(text).value_or(0);
  const auto separator = text.find('&');
  if (separator == std::string_view::npos) return range;
  const std::string_view id = text.substr(separator + 1);
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), range.before);
  // Nothing lies below a post that cannot be; what cannot be read is not taken for "the newest".
  if (error != std::errc{} || end == id.data()) range.count = 0;
  return range;
}

}  // namespace hub
