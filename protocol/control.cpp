#include "protocol/control.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "protocol/hex.hpp"
#include "protocol/limits.hpp"
#include "protocol/nearest.hpp"
#include "protocol/text.hpp"

namespace hub::control {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, std::variant_size_v<Command>> kCommandWords = {
    "add-user",    "set-password",  "disable-user",  "enable-user", "delete-user", "delete-post",
    "end-session", "forget-device", "list-sessions", "stats",       "reload-keys"};

constexpr std::array<std::string_view, 9> kRefusalWords = {
    "not_found", "exists", "retired",   "invalid",     "disabled",
    "limit",     "busy",   "disk_full", "store_failed"};
static_assert(static_cast<std::size_t>(Refusal::kStoreFailed) + 1 == kRefusalWords.size());

// Bytes of a stranger inside one of our sentences: harmless and short.
std::string in_quotes(std::string_view bytes) {
  return fmt::format("\"{}\"", printable(cut_text(bytes, 40)));
}

// Takes the fields of one object by name. The first thing wrong is kept, and whatever is read after
// it is empty; finish() also refuses what nobody asked for.
class Fields {
 public:
  explicit Fields(const Json& object) : object_(object) {
    if (!object.is_object()) fail("not a JSON object");
  }

  bool has(const char* name) const { return object_.is_object() && object_.contains(name); }

  std::string text(const char* name) {
    const Json* field = find(name);
    if (field == nullptr) return {};
    const auto* value = field->get_ptr<const Json::string_t*>();
    if (value == nullptr) return fail("field {} must be text", in_quotes(name)), std::string();
    return *value;
  }

  std::uint64_t natural(const char* name,
                        std::uint64_t most = std::numeric_limits<std::uint64_t>::max()) {
    const Json* field = find(name);
    if (field == nullptr) return 0;
    const auto* value = field->get_ptr<const Json::number_unsigned_t*>();
    if (value == nullptr || *value > most) {
      fail("field {} must be a whole number from 0 to {}", in_quotes(name), most);
      return 0;
    }
    return *value;
  }

  std::int64_t integer(const char* name) {
    const Json* field = find(name);
    if (field == nullptr) return 0;
    const auto value = integer_of(*field);
    if (!value) fail("field {} must be a whole number", in_quotes(name));
    return value.value_or(0);
  }

  bool truth(const char* name) {
    const Json* field = find(name);
    if (field == nullptr) return false;
    const auto* value = field->get_ptr<const Json::boolean_t*>();
    if (value == nullptr) return fail("field {} must be true or false", in_quotes(name)), false;
    return *value;
  }

  /// nullptr where it is missing or no list.
  const Json* list(const char* name) {
    const Json* field = find(name);
    if (field == nullptr || field->is_array()) return field;
    fail("field {} must be a list", in_quotes(name));
    return nullptr;
  }

  const Json* object(const char* name) { return find(name); }

  template <std::size_t N>
  void hex(const char* name, std::array<std::uint8_t, N>& out) {
    const std::string digits = text(name);
    const bool is_lower_case = digits.find_first_of("ABCDEF") == std::string::npos;
    if (!parse_hex_text(digits, out) || !is_lower_case)
      fail("field {} must be {} lower-case hex digits", in_quotes(name), 2 * N);
  }

  static std::optional<std::int64_t> integer_of(const Json& field) {
    constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (const auto* natural = field.get_ptr<const Json::number_unsigned_t*>()) {
      if (*natural > kMost) return std::nullopt;
      return static_cast<std::int64_t>(*natural);
    }
    const auto* value = field.get_ptr<const Json::number_integer_t*>();
    return value != nullptr ? std::optional(*value) : std::nullopt;
  }

  template <typename... Args>
  void fail(fmt::format_string<Args...> format, Args&&... args) {
    if (error_.empty()) error_ = fmt::format(format, std::forward<Args>(args)...);
  }

  bool failed() const { return !error_.empty(); }

  /// Empty where everything was as it must be.
  std::string finish() {
    for (const auto& item : object_.items()) {
      if (error_.empty() && std::find(taken_.begin(), taken_.end(), item.key()) == taken_.end()) {
        fail("unknown field {}", in_quotes(item.key()));
      }
    }
    return error_;
  }

 private:
  const Json* find(const char* name) {
    if (failed()) return nullptr;
    taken_.emplace_back(name);
    const auto found = object_.find(name);
    if (found != object_.end()) return &*found;
    fail("field {} is missing", in_quotes(name));
    return nullptr;
  }

  const Json& object_;
  std::vector<std::string_view> taken_;
  std::string error_;
};

Verifier read_verifier(Fields& fields) {
  Verifier out;
  const Json* json = fields.object("verifier");
  if (json == nullptr) return out;
  Fields inner(*json);
  inner.hex("salt", out.salt);
  out.kdf.memory_bytes = inner.natural("memory_bytes", kMaxKdfMemory);
  out.kdf.passes = static_cast<std::uint32_t>(inner.natural("passes", kMaxKdfPasses));
  inner.hex("stored_key", out.stored_key);
  inner.hex("server_key", out.server_key);
  if (!out.kdf.is_valid()) inner.fail("memory_bytes or passes are out of bounds");
  const std::string wrong = inner.finish();
  if (!wrong.empty()) fields.fail("verifier: {}", wrong);
  return out;
}

Command read_command(std::size_t which, Fields& fields) {
  // In the order of the variant's alternatives, which is that of kCommandWords.
  switch (which) {
    case 0: {
      AddUser command{fields.text("name"), {}};
      command.verifier = read_verifier(fields);
      return command;
    }
    case 1: {
      SetPassword command{fields.text("name"), {}};
      command.verifier = read_verifier(fields);
      return command;
    }
    case 2:
      return DisableUser{fields.text("name")};
    case 3:
      return EnableUser{fields.text("name")};
    case 4:
      return DeleteUser{fields.text("name")};
    case 5:
      return DeletePost{fields.natural("id")};
    case 6:
      return EndSession{fields.text("name")};
    case 7: {
      ForgetDevice command{fields.text("name"), {}};
      fields.hex("device", command.device);
      return command;
    }
    case 8:
      return ListSessions{fields.natural("after")};
    case 9:
      return Stats{};
    default:
      return ReloadKeys{};
  }
}

SessionRow read_session(const Json& json, std::string& wrong) {
  Fields fields(json);
  SessionRow row;
  row.account = fields.text("account");
  row.state = fields.text("state");
  row.framing = fields.text("framing");
  row.address = fields.text("address");
  row.online_since = WallTime(std::chrono::microseconds(fields.integer("online_since_us")));
  if (fields.has("last_active_us")) {
    row.last_active = WallTime(std::chrono::microseconds(fields.integer("last_active_us")));
  }
  row.unacknowledged = fields.natural("unacknowledged");
  wrong = fields.finish();
  return row;
}

SessionPage read_sessions(Fields& fields) {
  SessionPage page;
  const Json* rows = fields.list("sessions");
  if (rows == nullptr) return page;
  std::string wrong;
  for (const Json& row : *rows) {
    page.rows.push_back(read_session(row, wrong));
    if (wrong.empty()) continue;
    fields.fail("sessions: {}", wrong);
    break;
  }
  if (fields.has("next")) page.next = fields.natural("next");
  return page;
}

Figures read_figures(Fields& fields) {
  Figures out;
  const Json* pairs = fields.list("figures");
  if (pairs == nullptr) return out;
  for (const Json& pair : *pairs) {
    const bool is_pair = pair.is_array() && pair.size() == 2 && pair[0].is_string();
    const auto value = is_pair ? Fields::integer_of(pair[1]) : std::nullopt;
    if (!value) {
      fields.fail("figures: each must be a name and a whole number");
      break;
    }
    out.numbers.emplace_back(pair[0].get_ref<const Json::string_t&>(), *value);
  }
  return out;
}

Reply read_reply(Fields& fields) {
  if (!fields.truth("ok")) {
    const std::string word = fields.text("error");
    const auto why = refusal_of(word);
    if (!why) fields.fail("unknown error {}", in_quotes(word));
    return Refused{why.value_or(Refusal::kInvalid), fields.text("message")};
  }
  if (fields.has("remaining")) return Progress{fields.natural("remaining")};
  if (fields.has("sessions")) return read_sessions(fields);
  if (fields.has("figures")) return read_figures(fields);
  return Done{};
}

tl::expected<Json, std::string> parse_object(std::string_view line) {
  if (line.size() > kMaxControlLineBytes) {
    return tl::unexpected(fmt::format("the line is longer than {} bytes", kMaxControlLineBytes));
  }
  Json json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return tl::unexpected(std::string("the line is not JSON"));
  if (!json.is_object()) return tl::unexpected(std::string("the line is not a JSON object"));
  return json;
}

}  // namespace

std::string_view word_of(const Command& command) { return kCommandWords[command.index()]; }

std::string_view word_of(Refusal refusal) {
  return kRefusalWords[static_cast<std::size_t>(refusal)];
}

std::optional<Refusal> refusal_of(std::string_view word) {
  const auto found = std::find(kRefusalWords.begin(), kRefusalWords.end(), word);
  if (found == kRefusalWords.end()) return std::nullopt;
  return static_cast<Refusal>(found - kRefusalWords.begin());
}

tl::expected<Command, std::string> decode_command(std::string_view line) {
  const auto json = parse_object(line);
  if (!json) return tl::unexpected(json.error());
  Fields fields(*json);
  const std::string word = fields.text("command");
  if (fields.failed()) return tl::unexpected(fields.finish());
  const auto found = std::find(kCommandWords.begin(), kCommandWords.end(), word);
  if (found == kCommandWords.end()) {
    const auto meant = nearest(word, kCommandWords);
    if (meant) {
      return tl::unexpected(
          fmt::format("unknown command {}; did you mean \"{}\"?", in_quotes(word), *meant));
    }
    return tl::unexpected(fmt::format("unknown command {}; the commands are {}", in_quotes(word),
                                      fmt::join(kCommandWords, ", ")));
  }
  Command command = read_command(static_cast<std::size_t>(found - kCommandWords.begin()), fields);
  std::string wrong = fields.finish();
  if (!wrong.empty()) return tl::unexpected(std::move(wrong));
  return command;
}

tl::expected<Reply, std::string> decode_reply(std::string_view line) {
  const auto json = parse_object(line);
  if (!json) return tl::unexpected(json.error());
  Fields fields(*json);
  Reply reply = read_reply(fields);
  std::string wrong = fields.finish();
  if (!wrong.empty()) return tl::unexpected(std::move(wrong));
  return reply;
}

}  // namespace hub::control
