// The table of hubd's settings: each is declared once, and from the declaration come its flag
// (--session-timeout), its environment variable (HUB_SESSION_TIMEOUT), its TOML key
// (session-timeout), its help and its line in the default configuration.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include <tl/expected.hpp>

#include "server/config.hpp"

namespace hub::server {

using Applied = tl::expected<void, std::string>;  // the error says what is wrong with the value

struct Setting {
  enum class Kind { kText, kNumber, kSwitch, kList };

  std::string_view key;
  std::string_view type;  // in --help: "TIME"
  std::string_view help;  // a sentence without its full stop
  Kind kind = Kind::kText;
  /// The value as people write it; a list has several, everything else exactly one.
  std::function<Applied(Config&, std::span<const std::string>)> apply;
  /// The value of `config` in the form that apply() takes; lists with commas.
  std::function<std::string(const Config&)> show;
};

std::span<const Setting> settings();

std::string flag_of(const Setting& setting);         // "--session-timeout"
std::string environment_of(const Setting& setting);  // "HUB_SESSION_TIMEOUT"

/// `text` in lines of at most `width` bytes, each but the first after `indent`.
std::string wrap(std::string_view text, std::size_t width, std::string_view indent);

/// What no single setting can know: values that do not go together.
Applied check_together(const Config& config);

}  // namespace hub::server
