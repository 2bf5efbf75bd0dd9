#include "server/config_table.hpp"

#include <array>
#include <charconv>
#include <cstdlib>
#include <utility>

#include <fmt/format.h>

#include "protocol/text.hpp"

namespace hub::server {

namespace {

using Kind = Setting::Kind;

template <typename Value>
struct Word {
  std::string_view word;
  Value value;
};

constexpr auto kClassicWords = std::to_array<Word<ClassicAccess>>({
    {"off", ClassicAccess::kOff},
    {"loopback", ClassicAccess::kLoopback},
    {"any", ClassicAccess::kAny},
});
constexpr auto kLevelWords = std::to_array<Word<LogLevel>>({
    {"debug", LogLevel::kDebug},
    {"info", LogLevel::kInfo},
    {"warning", LogLevel::kWarning},
    {"error", LogLevel::kError},
});
constexpr auto kFormatWords = std::to_array<Word<LogFormat>>({
    {"text", LogFormat::kText},
    {"json", LogFormat::kJson},
});
constexpr auto kSwitchWords = std::to_array<Word<bool>>({
    {"true", true},
    {"false", false},
});
constexpr auto kTimeUnits = std::to_array<Word<std::uint64_t>>({
    {"ms", 1},
    {"s", 1000},
    {"m", 60'000},
    {"h", 3'600'000},
});
constexpr auto kSizeUnits = std::to_array<Word<std::uint64_t>>({
    {"KiB", 1ull << 10},
    {"MiB", 1ull << 20},
    {"GiB", 1ull << 30},
});

// SQLite alone may need a good part of it at once: for a batch, and for what describes its log.
constexpr std::uint64_t kLeastDiskReserve = std::uint64_t{256} * 1024;

std::string in_quotes(std::string_view text) { return '"' + printable(text) + '"'; }

template <typename Value, std::size_t N>
std::string words_of(const std::array<Word<Value>, N>& table) {
  std::string out;
  for (std::size_t i = 0; i < N; ++i) {
    out += i == 0 ? "" : i + 1 == N ? " or " : ", ";
    out += table[i].word;
  }
  return out;
}

template <typename Value, std::size_t N>
tl::expected<Value, std::string> find_word(std::string_view text,
                                           const std::array<Word<Value>, N>& table) {
  for (const auto& entry : table) {
    if (entry.word == text) return entry.value;
  }
  return tl::unexpected(fmt::format("{} is not one of {}", in_quotes(text), words_of(table)));
}

template <typename Value, std::size_t N>
std::string show_word(Value value, const std::array<Word<Value>, N>& table) {
  for (const auto& entry : table) {
    if (entry.value == value) return std::string(entry.word);
  }
  return {};
}

/// The digits at the start and what follows them; nothing where there are none or too many.
std::optional<std::pair<std::uint64_t, std::string_view>> split_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  return std::pair(number, text.substr(static_cast<std::size_t>(end - text.data())));
}

tl::expected<std::uint64_t, std::string> parse_number(std::string_view text, std::uint64_t least,
                                                      std::uint64_t most) {
  const auto number = split_number(text);
  if (!number || !number->second.empty() || number->first < least || number->first > most) {
    return tl::unexpected(
        fmt::format("{} is not a whole number from {} to {}", in_quotes(text), least, most));
  }
  return number->first;
}

/// The largest unit of which `amount` is a whole number, more than one.
template <std::size_t N>
std::string show_units(std::uint64_t amount, const std::array<Word<std::uint64_t>, N>& units) {
  const Word<std::uint64_t>* best = &units.front();
  for (const auto& unit : units) {
    if (amount % unit.value == 0 && amount >= 2 * unit.value) best = &unit;
  }
  return fmt::format("{}{}", amount / best->value, best->word);
}

template <std::size_t N>
tl::expected<std::uint64_t, std::string> parse_units(
    std::string_view text, const std::array<Word<std::uint64_t>, N>& units, std::uint64_t least,
    std::uint64_t most) {
  const auto number = split_number(text);
  for (const auto& unit : units) {
    if (!number || number->second != unit.word || number->first > most / unit.value) continue;
    const std::uint64_t amount = number->first * unit.value;
    if (amount >= least) return amount;
  }
  return tl::unexpected(fmt::format("{} is not from {} to {}: write a number and {}",
                                    in_quotes(text), show_units(least, units),
                                    show_units(most, units), words_of(units)));
}

/// A setting of one value: `parse` makes it from text, `set` puts it where it belongs.
template <typename Parse, typename Set>
auto one_value(Parse parse, Set set) {
  return [parse, set](Config& config, std::span<const std::string> values) -> Applied {
    if (values.size() != 1) return tl::unexpected(std::string("exactly one value is wanted"));
    auto parsed = parse(values.front());
    if (!parsed) return tl::unexpected(parsed.error());
    set(config, *std::move(parsed));
    return {};
  };
}

template <typename Field>  // Field: Config& -> the number
Setting number(std::string_view key, std::uint64_t least, std::uint64_t most, std::string_view help,
               Field field) {
  const auto parse = [=](std::string_view text) { return parse_number(text, least, most); };
  const auto set = [=](Config& config, std::uint64_t value) {
    field(config) = static_cast<std::uint32_t>(value);
  };
  const auto show = [=](const Config& config) {
    Config copy = config;
    return std::to_string(field(copy));
  };
  return {key, "N", help, Kind::kNumber, one_value(parse, set), show};
}

/// A number of bytes with its unit; also 0, where that has a meaning of its own.
template <typename Field>
Setting size(std::string_view key, std::uint64_t least, std::uint64_t most, bool or_none,
             std::string_view help, Field field) {
  const auto parse = [=](std::string_view text) -> tl::expected<std::uint64_t, std::string> {
    if (or_none && text == "0") return 0;
    return parse_units(text, kSizeUnits, least, most);
  };
  const auto set = [=](Config& config, std::uint64_t bytes) { field(config) = bytes; };
  const auto show = [=](const Config& config) -> std::string {
    Config copy = config;
    return field(copy) == 0 ? "0" : show_units(field(copy), kSizeUnits);
  };
  return {key, "SIZE", help, Kind::kText, one_value(parse, set), show};
}

template <typename Field, typename Table>
Setting word(std::string_view key, std::string_view type, std::string_view help, Kind kind,
             const Table& table, Field field) {
  const auto parse = [&table](std::string_view text) { return find_word(text, table); };
  const auto set = [=](Config& config, auto value) { field(config) = value; };
  const auto show = [field, &table](const Config& config) {
    Config copy = config;
    return show_word(field(copy), table);
  };
  return {key, type, help, kind, one_value(parse, set), show};
}

Setting data_setting() {
  const auto parse = [](std::string_view text) -> tl::expected<std::filesystem::path, std::string> {
    if (text.empty()) return tl::unexpected(std::string("an empty path; name a directory"));
    const char* home = std::getenv("HOME");
    if (!text.starts_with("~/") || home == nullptr) return std::filesystem::path(text);
    return std::filesystem::path(home) / text.substr(2);
  };
  return {"data",
          "DIR",
          "Where the hub keeps everything: its database, its lock and its control socket. Where "
          "XDG_DATA_HOME is set, the default is $XDG_DATA_HOME/hub",
          Kind::kText,
          one_value(parse, [](Config& config, auto path) { config.data = std::move(path); }),
          [](const Config& config) {
            return config.data.empty() ? "~/.local/share/hub" : config.data.native();
          }};
}

Applied apply_listen(Config& config, std::span<const std::string> values) {
  std::vector<Endpoint> endpoints;
  for (const std::string& value : values) {
    const auto endpoint = Endpoint::parse(value);
    if (!endpoint) {
      return tl::unexpected(
          fmt::format("{} is not ADDRESS:PORT: write an IP address and a port, as in "
                      "127.0.0.1:32000 or [::]:32000",
                      in_quotes(value)));
    }
    endpoints.push_back(*endpoint);
  }
  if (endpoints.empty()) return tl::unexpected(std::string("an empty list; name an address"));
  config.listen = std::move(endpoints);
  return {};
}

std::string show_listen(const Config& config) {
  std::string out;
  for (const Endpoint& endpoint : config.listen) {
    out += (out.empty() ? "" : ",") + to_string(endpoint);
  }
  return out;
}

Setting session_timeout_setting() {
  using std::chrono::milliseconds;
  constexpr std::uint64_t kLeast = 10;
  constexpr std::uint64_t kMost = 7ull * 24 * 60 * 60 * 1000;
  return {"session-timeout",
          "TIME",
          "A session that sends nothing for this long ends",
          Kind::kText,
          one_value([](std::string_view t) { return parse_units(t, kTimeUnits, kLeast, kMost); },
                    [](Config& config, std::uint64_t ms) {
                      config.hub.session_timeout = milliseconds(ms);
                    }),
          [](const Config& config) {
            const auto ms =
                std::chrono::duration_cast<milliseconds>(config.hub.session_timeout).count();
            return show_units(static_cast<std::uint64_t>(ms), kTimeUnits);
          }};
}

// What is named is a member, not an expression. NOLINTBEGIN(bugprone-macro-parentheses)
#define FIELD(name) \
  [](Config & c) -> auto& { return c.name; }
// NOLINTEND(bugprone-macro-parentheses)

constexpr std::uint64_t kMillion = 1'000'000;

std::vector<Setting> general_settings() {
  return {
      data_setting(),
      {"listen", "ADDR:PORT",
       "Where to listen; may be given several times. [::] is every address, IPv4 too; port 0 picks "
       "a free one",
       Kind::kList, apply_listen, show_listen},
      word("classic", "WHO",
           "Who may speak the classic framing, which is plain text, passwords too: off, loopback "
           "(this machine) or any",
           Kind::kText, kClassicWords, FIELD(hub.classic)),
      session_timeout_setting(),
      word("debug-messages", "",
           "Let a client provoke an unexpected message, for trying out what it does then",
           Kind::kSwitch, kSwitchWords, FIELD(hub.debug_messages)),
      word("log-level", "LEVEL", "The least that is logged: debug, info, warning or error",
           Kind::kText, kLevelWords, FIELD(log_level)),
      word("log-format", "FORMAT", "How lines are logged: text, or json, one object a line",
           Kind::kText, kFormatWords, FIELD(log_format)),
  };
}

/// What people and strangers may do.
std::vector<Setting> limit_settings() {
  return {
      number("max-sessions", 1, kMillion, "The most sessions live at once",
             FIELD(hub.max_sessions)),
      number("max-follows", 1, kMillion, "The most accounts that one account may follow",
             FIELD(store.max_follows)),
      number(
          "max-unacknowledged", 1, 65'536,
          "The most forwards a session may leave unacknowledged; beyond, the oldest is forgotten",
          FIELD(hub.max_unacknowledged)),
      number("max-pending-forwards", 1, 65'536,
             "The most forwards that wait while a session is sent what it retrieves",
             FIELD(hub.max_pending_forwards)),
      number("posts-per-second", 1, kMillion,
             "The most posts of a session in a second, twice as many at once; a sealed one waits",
             FIELD(hub.posts_per_second)),
      number(
          "answers-per-second", 1, kMillion,
          "The most answers in a second to datagrams without a session, for each source (an IPv4 "
          "address or an IPv6 /56)",
          FIELD(hub.answers_per_second)),
      number("logins-per-second", 1, kMillion,
             "The most classic logins tried in a second, for each source",
             FIELD(hub.logins_per_second)),
      number("hellos-per-second", 1, kMillion,
             "The most sealed connections begun in a second, for each source, before it has to "
             "prove its address first",
             FIELD(hub.hellos_per_second)),
      number("max-strangers", 1, kMillion,
             "The most sealed connections on which nobody has logged in, for each source",
             FIELD(hub.max_strangers)),
      number("max-devices", 1, 65'536,
             "The most devices of one account; one more takes the place of the one that was seen "
             "least recently",
             FIELD(store.max_devices)),
  };
}

/// What the hub takes of the machine.
std::vector<Setting> resource_settings() {
  return {
      number("login-threads", 1, 64,
             "Passwords checked at once; each takes a core and as much memory as kdf-memory says",
             FIELD(login_threads)),
      number("max-pending-checks", 1, 65'536, "The most logins that wait for their turn",
             FIELD(hub.max_pending_checks)),
      number("max-pending-writes", 1, 4 * kMillion, "The most requests that wait for the database",
             FIELD(hub.max_pending_writes)),
      number("max-pending-reads", 1, kMillion,
             "The most retrieves, logins and the like that wait for the database",
             FIELD(hub.max_pending_reads)),
      number("recent-posts", 0, 100'000,
             "The newest posts kept in memory, 8 MiB of them at most: what is retrieved is mostly "
             "there",
             FIELD(hub.recent_posts)),
      size("disk-reserve", kLeastDiskReserve, 1ull << 30, true,
           "Room kept on the disk for when it is full: posts are refused then, and people can "
           "still log in and out. 0 is none",
           FIELD(disk_reserve)),
      size("kdf-memory", kMinKdfMemory, kMaxKdfMemory, false,
           "What checking a password costs in memory. For a database that hubd creates; an "
           "existing one keeps its own",
           FIELD(kdf.memory_bytes)),
      number("kdf-passes", kMinKdfPasses, kMaxKdfPasses,
             "What checking a password costs in passes over that memory; likewise",
             FIELD(kdf.passes)),
  };
}

#undef FIELD

std::vector<Setting> make_settings() {
  std::vector<Setting> out = general_settings();
  for (const auto& more : {limit_settings(), resource_settings()}) {
    out.insert(out.end(), more.begin(), more.end());
  }
  return out;
}

/// True where nobody can bind `other` beside `wide`, because that takes it in.
bool covers(const Endpoint& wide, const Endpoint& other) {
  if (wide.port == 0 || wide.port != other.port) return false;
  if (wide.ip == other.ip) return true;
  return wide.ip.is_unspecified() && (!wide.ip.is_v4() || other.ip.is_v4());
}

}  // namespace

std::span<const Setting> settings() {
  static const std::vector<Setting> table = make_settings();
  return table;
}

std::string flag_of(const Setting& setting) { return "--" + std::string(setting.key); }

std::string environment_of(const Setting& setting) {
  std::string out = "HUB_";
  for (const char c : setting.key) {
    out += c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
  }
  return out;
}

Applied check_together(const Config& config) {
  for (std::size_t i = 0; i < config.listen.size(); ++i) {
    for (std::size_t j = 0; j < config.listen.size(); ++j) {
      if (i == j || !covers(config.listen[i], config.listen[j])) continue;
      return tl::unexpected(fmt::format("listen: {} is part of {} already; leave one of them out",
                                        to_string(config.listen[j]), to_string(config.listen[i])));
    }
  }
  return {};
}

std::string wrap(std::string_view text, std::size_t width, std::string_view indent) {
  std::string out;
  while (text.size() > width) {
    const auto space = text.rfind(' ', width);
    if (space == std::string_view::npos) break;
    out.append(text.substr(0, space)).append(1, '\n').append(indent);
    text.remove_prefix(space + 1);
  }
  return out.append(text);
}

std::string default_config() {
  std::string out =
      "# The configuration of hubd: every setting with its default, commented out.\n"
      "#\n"
      "# The same name with dashes is a flag (--session-timeout 60s), in capitals an environment\n"
      "# variable (HUB_SESSION_TIMEOUT=60s). A flag beats the environment, which beats this file.\n"
      "# `hubd --config FILE --check-config` says whether this file is right.\n";
  const Config defaults;
  for (const Setting& setting : settings()) {
    std::string value = setting.show(defaults);
    if (setting.kind == Kind::kText) value = fmt::format("\"{}\"", value);
    if (setting.kind == Kind::kList) value = fmt::format("[\"{}\"]", value);
    out += fmt::format("\n# {}\n#{} = {}\n", wrap(fmt::format("{}.", setting.help), 90, "# "),
                       setting.key, value);
  }
  return out;
}

}  // namespace hub::server
