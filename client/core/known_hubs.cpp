#include "client/core/known_hubs.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "protocol/fault.hpp"
#include "protocol/fingerprint.hpp"
#include "protocol/text.hpp"

namespace hub::client {

namespace {

constexpr std::string_view kBlank = " \t\r";
constexpr std::size_t kMaxKeys = 2;
constexpr std::string_view kHeading =
    "# The hubs that spoke knows, a line each: HOST:PORT KEY [ANNOUNCED KEY]";

std::string_view take_word(std::string_view& rest) {
  rest.remove_prefix(std::min(rest.find_first_not_of(kBlank), rest.size()));
  const std::string_view word = rest.substr(0, rest.find_first_of(kBlank));
  rest.remove_prefix(word.size());
  return word;
}

std::string name_of(const HubName& hub) {
  std::string name = to_string(hub);
  std::transform(name.begin(), name.end(), name.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return name;
}

bool has(const std::vector<Key>& keys, const Key& key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

}  // namespace

// --- Reading ---

std::optional<KnownHubs> KnownHubs::parse(std::string_view text) {
  if (text.size() > kMaxBytes) return std::nullopt;
  KnownHubs out;
  out.ends_with_newline_ = text.empty() || text.back() == '\n';
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    out.add_line(line);
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return out;
}

void KnownHubs::add_line(std::string_view text) {
  Line& line = lines_.emplace_back();
  line.text = text;
  std::string_view rest = text;
  const std::string_view first = take_word(rest);
  if (first.empty() || first.front() == '#') return;
  const auto hub = parse_hub_name(first);
  if (!hub) return report(hub.error());
  const std::string name = name_of(*hub);
  if (const auto earlier = find(*hub)) {
    return report(
        fmt::format("{} stands in line {} already; this one is not used", name, earlier->line));
  }
  line.hub = name;
  std::vector<Key> keys;
  for (std::string_view word = take_word(rest); !word.empty(); word = take_word(rest)) {
    if (word.front() == '#') {
      line.comment = std::string(word) + std::string(rest);
      break;
    }
    const auto key = parse_key_text(word);
    if (!key) return report("a key is 43 characters of base64url");
    keys.push_back(*key);
  }
  if (keys.empty()) return report(fmt::format("there is no key behind {}", name));
  if (keys.size() > kMaxKeys) return report("there are more than two keys");
  line.keys = std::move(keys);
}

/// About the last line.
void KnownHubs::report(std::string message) {
  problems_.push_back({lines_.size(), std::move(message)});
}

// --- Asking ---

KnownHubs::Line* KnownHubs::line_of(const std::string& hub) {
  const auto found =
      std::find_if(lines_.begin(), lines_.end(), [&](const Line& line) { return line.hub == hub; });
  return found != lines_.end() ? &*found : nullptr;
}

std::optional<KnownHubs::Known> KnownHubs::find(const HubName& hub) const {
  const std::string name = name_of(hub);
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    if (lines_[i].hub != name) continue;
    if (lines_[i].keys.empty() && fault("unreadable_line_is_new_hub")) return std::nullopt;
    return Known{lines_[i].keys, i + 1};
  }
  return std::nullopt;
}

KeyMatch KnownHubs::Known::compare(const Key& offered) const {
  if (keys.empty()) return KeyMatch::kUnreadable;
  if (fault("announced_key_not_known")) {
    return keys.front() == offered ? KeyMatch::kKnown : KeyMatch::kChanged;
  }
  if (fault("changed_key_accepted")) return KeyMatch::kKnown;
  return has(keys, offered) ? KeyMatch::kKnown : KeyMatch::kChanged;
}

KeyMatch KnownHubs::compare(const HubName& hub, const Key& offered) const {
  const auto known = find(hub);
  return known ? known->compare(offered) : KeyMatch::kUnknown;
}

// --- Writing ---

std::string KnownHubs::text() const {
  std::string out;
  for (const Line& line : lines_) {
    out += line.text;
    out += '\n';
  }
  if (!out.empty() && !ends_with_newline_) out.pop_back();
  return out;
}

void KnownHubs::rewrite(Line& line) {
  line.text = line.hub;
  for (const Key& key : line.keys) line.text += ' ' + key_text(key);
  if (!line.comment.empty()) line.text += ' ' + line.comment;
}

tl::expected<void, std::string> KnownHubs::record_proof(const HubName& hub, const Key& used) {
  Line* line = line_of(name_of(hub));
  if (line == nullptr) return append(hub, used);
  if (line->keys.empty()) {
    return tl::unexpected(fmt::format("the line about {} cannot be read", line->hub));
  }
  if (line->keys.front() == used) return {};
  if (!has(line->keys, used) && !fault("pin_replaces_key")) {
    return tl::unexpected(fmt::format("another key of {} has become known meanwhile", line->hub));
  }
  line->keys = {used};  // the announced key has come into use: the old one counts no more
  rewrite(*line);
  return {};
}

tl::expected<void, std::string> KnownHubs::append(const HubName& hub, const Key& key) {
  Line line;
  line.hub = name_of(hub);
  line.keys = {key};
  rewrite(line);
  // What is written must be found again; a name that never went through parse_hub_name() may not.
  const auto again = parse_hub_name(line.hub);
  if (!again || name_of(*again) != line.hub) {
    return tl::unexpected(fmt::format("{} is no name of a hub", printable(line.hub)));
  }
  const std::size_t size = text().size();
  const std::size_t heading = lines_.empty() ? kHeading.size() + 1 : 0;
  if (size + heading + line.text.size() + 2 > kMaxBytes) {
    return tl::unexpected(std::string("too many hubs are known: remove some lines"));
  }
  if (lines_.empty()) lines_.emplace_back().text = kHeading;
  lines_.push_back(std::move(line));
  ends_with_newline_ = true;
  return {};
}

tl::expected<void, std::string> KnownHubs::record_next(const HubName& hub, const Key& used,
                                                       const Key& next) {
  if (auto proved = record_proof(hub, used); !proved) return proved;
  Line* line = line_of(name_of(hub));
  if (has(line->keys, next)) return {};
  if (text().size() + kKeyTextBytes + 1 > kMaxBytes) {
    return tl::unexpected(std::string("too many hubs are known: remove some lines"));
  }
  line->keys = {used, next};
  rewrite(*line);
  return {};
}

}  // namespace hub::client
