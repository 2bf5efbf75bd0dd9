// The hubs that are known, each with its key: what known_hubs says, as text in and text out. Pure;
// client/net/known_hubs_file.hpp reads and writes the file.
//
//   # comments and empty lines stay as they are
//   HOST:PORT KEY [NEXT] [# comment]
//
// HOST:PORT as protocol/hub_name.hpp writes it, in lower case; keys as in protocol/fingerprint.hpp.
// NEXT is a key that the hub has announced; the hub is believed under either. When it has been
// seen under NEXT, KEY is forgotten. The first line about a hub counts. A line that cannot be read,
// or that is a hub's second, is reported and kept; if it is about the hub that is asked for, that
// hub is not taken for a new one.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "protocol/hub_name.hpp"
#include "protocol/types.hpp"

namespace hub::client {

/// How an offered key stands to what is known.
enum class KeyMatch {
  kKnown,
  kUnknown,     // nothing is known of this hub
  kChanged,     // another key is known
  kUnreadable,  // there is a line about this hub, and it cannot be read
};

class KnownHubs {
 public:
  static constexpr std::size_t kMaxBytes = std::size_t{1024} * 1024;  // of the whole text

  struct Problem {
    std::size_t line = 0;  // counted from 1
    std::string message;   // one harmless sentence, without the number
  };
  struct Known {
    std::vector<Key> keys;  // one or two, the one in use first; none where it is unreadable
    std::size_t line = 0;

    KeyMatch compare(const Key& offered) const;  // never kUnknown
  };

  KnownHubs() = default;
  /// Nothing where the text is longer than kMaxBytes. Never throws.
  static std::optional<KnownHubs> parse(std::string_view text);

  /// The text; exactly what was parsed where nothing was changed.
  std::string text() const;
  const std::vector<Problem>& problems() const { return problems_; }

  /// What is known of this hub; nothing where no line is about it.
  std::optional<Known> find(const HubName& hub) const;
  KeyMatch compare(const HubName& hub, const Key& offered) const;

  /// The hub has proved itself under `used` (its login proof verified): a new hub is added, an
  /// announced key takes the place of the old one, else nothing changes. The error is a sentence:
  /// another key is known, as when another process was first, or there is no room.
  tl::expected<void, std::string> record_proof(const HubName& hub, const Key& used);

  /// The hub, proved under `used`, has announced `next`. Replaces an earlier announcement. Nothing
  /// changes where it is known already. The error is a sentence.
  tl::expected<void, std::string> record_next(const HubName& hub, const Key& used, const Key& next);

 private:
  struct Line {
    std::string text;       // as it stands in the file, without its end
    std::string hub;        // whom it is about; empty: nobody
    std::vector<Key> keys;  // empty: it cannot be read
    std::string comment;    // behind the keys, with its '#'
  };

  void add_line(std::string_view text);
  void report(std::string message);
  Line* line_of(const std::string& hub);
  static void rewrite(Line& line);
  tl::expected<void, std::string> append(const HubName& hub, const Key& key);

  std::vector<Line> lines_;
  std::vector<Problem> problems_;
  bool ends_with_newline_ = true;
};

}  // namespace hub::client
