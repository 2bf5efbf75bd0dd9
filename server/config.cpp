#include "server/config.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "protocol/fault.hpp"
#include "protocol/nearest.hpp"
#include "protocol/text.hpp"
#include "server/config_table.hpp"
#include "store/data_directory.hpp"

namespace hub::server {

namespace {

/// What one source says of one setting, and how to call that place in a message.
struct Given {
  std::vector<std::string> values;
  std::string where;
};
using Source = std::map<std::string_view, Given>;  // by key

struct BadConfig {
  std::string message;
};

struct CommandLine {
  Source given;
  std::string file;
  bool check = false;
};

constexpr std::string_view kExitCodes =
    "Exit codes:\n"
    "  0  stopped by SIGINT or SIGTERM, or asked only to print or check something\n"
    "  1  failed while running\n"
    "  2  bad usage or configuration\n"
    "  3  the data directory is in use by another process\n"
    "  4  the database or hub.key cannot be used: another schema, damaged, not readable, or\n"
    "     a key that others can read\n"
    "  5  cannot listen: the port is taken, or the address is not this machine's\n";

std::string suggestion(std::string_view word, std::span<const std::string_view> known) {
  const auto near = nearest(word, known);
  return near ? fmt::format("; did you mean {}?", *near) : std::string();
}

std::vector<std::string_view> all_keys() {
  std::vector<std::string_view> out;
  for (const Setting& setting : settings()) out.push_back(setting.key);
  return out;
}

// --- Flags ---

std::string describe(const Setting& setting) {
  const std::string shown = setting.show(Config{});
  return wrap(fmt::format("{} (default: {})", setting.help, shown), 64, "");
}

/// An argument CLI11 did not know.
std::string unknown_argument(std::string_view argument, const CLI::App& app) {
  if (!argument.starts_with("-")) {
    return fmt::format("unexpected argument \"{}\"; see hubd --help", printable(argument));
  }
  const std::string_view name = argument.substr(0, argument.find('='));
  std::vector<std::string> flags;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& flag : option->get_lnames()) flags.push_back("--" + flag);
  }
  const std::vector<std::string_view> known(flags.begin(), flags.end());
  return fmt::format("unknown option {}{}", printable(name),
                     nearest(name, known) ? suggestion(name, known) : "; see hubd --help");
}

tl::expected<CommandLine, Finished> read_flags(std::span<const std::string> arguments) {
  CLI::App app("hubd serves a hub: people log in, follow each other and post, over UDP.", "hubd");
  app.footer(fmt::format(
      "Every setting is also an environment variable (--session-timeout: HUB_SESSION_TIMEOUT) and\n"
      "a key of the configuration file (session-timeout). A flag beats the environment, which\n"
      "beats the file. Times: 500ms, 60s, 5m, 1h. Sizes: 64MiB.\n\n{}",
      kExitCodes));
  app.get_formatter()->column_width(30);
  app.allow_extras();

  CommandLine out;
  bool print_default = false;
  std::map<std::string_view, CLI::Option*> options;
  for (const Setting& setting : settings()) {
    const std::string flag = flag_of(setting);
    CLI::Option* option = setting.kind == Setting::Kind::kSwitch
                              ? app.add_flag(flag)
                              : app.add_option(flag)->type_name(std::string(setting.type));
    option->description(describe(setting));
    if (setting.kind == Setting::Kind::kList) {
      option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    }
    options[setting.key] = option;
  }
  app.add_option("--config", out.file, "Read settings from this TOML file (also: HUB_CONFIG)")
      ->type_name("FILE");
  app.add_flag("--check-config", out.check, "Say whether the configuration is right, and exit");
  app.add_flag("--default-config", print_default, "Print a configuration file, and exit");
  app.set_version_flag("--version", "hubd " HUB_VERSION, "Print the version, and exit");

  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::Success& asked) {  // --help, --version
    std::ostringstream text;
    app.exit(asked, text, text);
    return tl::unexpected(Finished{ExitCode::kOk, text.str(), {}});
  } catch (const CLI::ArgumentMismatch& error) {
    const std::string_view what = error.what();
    return tl::unexpected(Finished{ExitCode::kBadUsage,
                                   {},
                                   fmt::format("{} wants exactly one value; see hubd --help",
                                               what.substr(0, what.find(':')))});
  } catch (const CLI::ParseError& error) {
    return tl::unexpected(Finished{ExitCode::kBadUsage, {}, error.what()});
  }
  if (const auto extra = app.remaining(); !extra.empty()) {
    return tl::unexpected(Finished{ExitCode::kBadUsage, {}, unknown_argument(extra.front(), app)});
  }
  if (print_default) return tl::unexpected(Finished{ExitCode::kOk, default_config(), {}});
  for (const auto& [key, option] : options) {
    if (option->count() > 0) out.given[key] = {option->results(), "--" + std::string(key)};
  }
  return out;
}

// --- Environment ---

std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> out = CLI::detail::split(text, ',');
  for (std::string& item : out) CLI::detail::trim(item);
  return out;
}

Source read_environment(const Environment& environment) {
  Source out;
  for (const Setting& setting : settings()) {
    const std::string name = environment_of(setting);
    const auto value = environment(name);
    if (!value || value->empty()) continue;
    const bool list = setting.kind == Setting::Kind::kList;
    out[setting.key] = {list ? split_list(*value) : std::vector{*value}, name};
  }
  return out;
}

// --- File ---

/// `line` without its comment and outer spaces; quotes protect a '#'.
std::string bare(const std::string& line) {
  char quote = 0;
  std::size_t end = 0;
  for (; end < line.size(); ++end) {
    const char c = line[end];
    if (quote == 0 && c == '#') break;
    if (quote != 0 && c == quote) {
      quote = 0;
    } else if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
    }
  }
  return CLI::detail::trim_copy(line.substr(0, end));
}

/// One setting of the file, by CLI11's reader of TOML. It is handed a line at a time, because it
/// does not say in which line a mistake is, and lets several kinds of mistakes pass.
std::pair<std::string, std::vector<std::string>> read_setting(const std::string& line) {
  if (line.front() == '[') {
    throw BadConfig{fmt::format("sections such as {} are not used here", printable(line))};
  }
  const auto equals = line.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == line.size()) {
    throw BadConfig{fmt::format("\"{}\" is not a setting: write key = value", printable(line))};
  }
  if (line.find('#') != std::string::npos) {
    throw BadConfig{"a '#' inside a value is not understood here"};
  }
  const std::string value = CLI::detail::trim_copy(line.substr(equals + 1));
  if (value.front() == '[' && (value.back() != ']' || value.find('"') == std::string::npos)) {
    throw BadConfig{"a list wants quotes and a closing bracket, as in [\"[::]:32000\"]"};
  }
  std::istringstream text(line);
  const auto items = CLI::ConfigTOML().from_config(text);
  if (items.size() != 1 || !items.front().parents.empty()) {
    throw BadConfig{fmt::format("\"{}\" is not a setting: write key = value", printable(line))};
  }
  for (const std::string& input : items.front().inputs) {
    if (input.find('"') != std::string::npos) {
      throw BadConfig{fmt::format("{}: quotes do not match", items.front().name)};
    }
  }
  return {items.front().name, items.front().inputs};
}

void add_setting(Source& out, const std::string& line, const std::string& where) {
  const auto [name, values] = read_setting(line);
  const auto keys = all_keys();
  const auto key = std::find(keys.begin(), keys.end(), name);
  if (key == keys.end()) {
    throw BadConfig{
        fmt::format("unknown setting \"{}\"{}", printable(name), suggestion(name, keys))};
  }
  if (!out.emplace(*key, Given{values, fmt::format("{}: {}", where, *key)}).second) {
    throw BadConfig{fmt::format("{} is set a second time", *key)};
  }
}

Source read_file(const std::string& file) {
  errno = 0;
  std::ifstream in(file);
  std::string line;
  if (!in || in.peek() == std::ifstream::traits_type::eof()) {
    std::error_code error;
    const bool is_empty = in && std::filesystem::is_regular_file(file, error);
    if (is_empty) return {};
    throw BadConfig{fmt::format("cannot read the configuration file {}: {}", file,
                                std::strerror(errno != 0 ? errno : EIO))};
  }
  Source out;
  for (int number = 1; std::getline(in, line); ++number) {
    const std::string where = fmt::format("{}:{}", file, number);
    std::string text = bare(line);
    if (text.empty()) continue;
    const auto value = text.find_first_not_of(" \t", text.find('=') + 1);
    if (text.front() != '[' && value != std::string::npos && text[value] == '[') {
      for (; text.back() != ']' && std::getline(in, line); ++number) text += bare(line);
    }
    try {
      add_setting(out, text, where);
    } catch (const BadConfig& bad) {
      throw BadConfig{fmt::format("{}: {}", where, bad.message)};
    }
  }
  return out;
}

// --- Together ---

Config resolve(const Source& flags, const Source& environment, const Source& file) {
  std::vector<const Source*> order = {&flags, &environment, &file};
  if (fault("config_file_beats_environment")) std::swap(order[1], order[2]);
  Config config;
  for (const Setting& setting : settings()) {
    for (const Source* source : order) {
      const auto given = source->find(setting.key);
      if (given == source->end()) continue;
      const auto applied = setting.apply(config, given->second.values);
      if (!applied) throw BadConfig{given->second.where + ": " + applied.error()};
      break;
    }
  }
  if (config.data.empty()) config.data = store::DataDirectory::default_path();
  if (config.data.empty()) {
    throw BadConfig{"there is no home directory to keep data in; name a directory with --data"};
  }
  if (const auto together = check_together(config); !together) throw BadConfig{together.error()};
  return config;
}

}  // namespace

tl::expected<Config, Finished> read_config(std::span<const std::string> arguments,
                                           const Environment& environment) {
  auto line = read_flags(arguments);
  if (!line) return tl::unexpected(line.error());
  if (line->file.empty()) line->file = environment("HUB_CONFIG").value_or("");
  try {
    const Source file = line->file.empty() ? Source{} : read_file(line->file);
    Config config = resolve(line->given, read_environment(environment), file);
    if (line->check) return tl::unexpected(Finished{});
    return config;
  } catch (const BadConfig& bad) {
    return tl::unexpected(Finished{ExitCode::kBadUsage, {}, bad.message});
  }
}

}  // namespace hub::server
