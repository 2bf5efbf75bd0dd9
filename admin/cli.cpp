#include "admin/cli.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "admin/command.hpp"
#include "admin/format.hpp"
#include "protocol/limits.hpp"
#include "protocol/nearest.hpp"
#include "protocol/text.hpp"
#include "store/hub_keys.hpp"
#include "store/sqlite_store.hpp"

namespace hub::admin {

namespace {

constexpr const char* kDescription =
    "Administers a hub: its accounts, sessions, posts and database. Works with the server (hubd) "
    "up "
    "or down; with it up, every change takes effect at once.";

constexpr const char* kFooter = R"(
Without --data the hub is looked for in $HUB_DATA, else in $XDG_DATA_HOME/hub, else in
~/.local/share/hub. Passwords are read from --password-file, else from the terminal,
else from standard input; never from the command line. Times are UTC.

Exit codes:
  0  done
  1  it did not work, or check found something
  2  bad usage: nothing was tried
  3  no such account, device, post or session
  4  exists already, or belonged to a deleted account
  5  the server does not answer, or the data directory is in use
  6  the database or hub.key is missing, damaged or of another version
)";

// What CLI11 fills; numbers are parsed by us, exactly.
struct Texts {
  std::string data;
  std::string kdf_memory = format_size(kDefaultKdfMemory);
  std::string kdf_passes = fmt::to_string(kDefaultKdfPasses);
  std::string post;
  std::string before;
  std::string limit;
};

void add_options(CLI::App& app, const CommandSpec& spec, Options& options, Texts& texts) {
  const auto takes = [&spec](Takes what) { return (spec.takes & what) != 0; };
  if (takes(kName)) app.add_option("NAME", options.name, "The client ID")->required();
  if (takes(kMaybeName)) app.add_option("NAME", options.name, "The client ID");
  if (takes(kFile)) app.add_option("FILE", options.file, "The file")->required();
  if (takes(kDevice)) {
    app.add_option("DEVICE", options.device, "The device's ID, or its first digits")->required();
  }
  if (takes(kPost)) app.add_option("ID", texts.post, "The post's ID")->required();
  if (takes(kPassword)) {
    app.add_option("--password-file", options.password_file,
                   "Read the password from the first line of FILE")
        ->option_text("FILE");
  }
  if (takes(kKdf)) {
    app.add_option("--kdf-memory", texts.kdf_memory,
                   "Memory that checking one password takes (default 64MiB)")
        ->option_text("SIZE");
    app.add_option("--kdf-passes", texts.kdf_passes, "Passes over that memory (default 2)")
        ->option_text("N");
  }
  if (takes(kPaging)) {
    app.add_option("--author", options.author, "Only posts by NAME")->option_text("NAME");
    app.add_option("--limit", texts.limit, "At most N posts (default 50; 0: all)")
        ->option_text("N");
    app.add_option("--before", texts.before, "Only posts with smaller IDs")->option_text("ID");
  }
  if (takes(kFollowers)) {
    app.add_flag("--followers", options.followers, "Rather list who follows NAME");
  }
  if (takes(kLink)) {
    app.add_option("--host", options.host,
                   "Where people reach the hub (default: this machine's name, port 32000)")
        ->option_text("HOST[:PORT]");
    app.add_flag("--qr", options.qr, "Draw the QR code also where standard output is no terminal");
  }
  if (takes(kFinish)) {
    app.add_flag("--finish", options.finish, "Make the next key the current one, drop the old one");
  }
  if (takes(kJson)) app.add_flag("--json", options.json, "One JSON object a line");
  if (takes(kDryRun)) {
    app.add_flag("--dry-run", options.dry_run, "Only say what would be done");
  }
  if (takes(kYes)) app.add_flag("--yes", options.yes, "Do not ask");
}

Result parse_numbers(const Texts& texts, Options& options) {
  const auto number = [](const char* what, const std::string& text, std::uint64_t& out) -> Result {
    if (text.empty()) return {};
    const auto value = parse_number(text);
    if (!value) {
      return fail(ExitCode::kBadUsage, fmt::format("{} must be a whole number, not \"{}\"", what,
                                                   printable(cut_text(text, 40))));
    }
    out = *value;
    return {};
  };
  std::uint64_t passes = 0;
  for (const Result& result :
       {number("ID", texts.post, options.post), number("--before", texts.before, options.before),
        number("--limit", texts.limit, options.limit),
        number("--kdf-passes", texts.kdf_passes, passes)}) {
    if (!result) return result;
  }
  const auto memory = parse_size(texts.kdf_memory);
  if (!memory) {
    return fail(ExitCode::kBadUsage, "--kdf-memory must be a size such as 64MiB");
  }
  // Out of bounds stays so: init says what the bounds are.
  options.kdf = {*memory, static_cast<std::uint32_t>(std::min<std::uint64_t>(passes, 1000))};
  return {};
}

Failure no_command(const std::vector<std::string>& words) {
  const auto is_word = [](const std::string& word) { return !word.starts_with('-'); };
  const auto word = std::find_if(words.begin(), words.end(), is_word);
  if (word == words.end()) {
    const std::string what =
        words.empty() ? "no command was given"
                      : fmt::format("unknown option {}", printable(cut_text(words.front(), 40)));
    return {ExitCode::kBadUsage, what + "; hubadmin --help lists the commands"};
  }
  std::vector<std::string_view> names;
  for (const CommandSpec& spec : commands()) names.push_back(spec.name);
  const auto meant = nearest(*word, names);
  const std::string hint =
      meant ? fmt::format("did you mean {}?", *meant) : "hubadmin --help lists the commands";
  return {ExitCode::kBadUsage,
          fmt::format("unknown command \"{}\"; {}", printable(cut_text(*word, 40)), hint)};
}

std::string one_line(std::string text) {
  std::replace(text.begin(), text.end(), '\n', ' ');
  return printable(text);
}

ExitCode code_of(store::KeyFileError::Why why) {
  using Why = store::KeyFileError::Why;
  switch (why) {
    case Why::kExists:
      return ExitCode::kExists;
    case Why::kNothing:
    case Why::kNoRoom:
      return ExitCode::kFailed;
    case Why::kMissing:
    case Why::kUnusable:
      break;
  }
  return ExitCode::kDatabase;
}

// The store throws at opening; nothing else should, and if it does it is still one line.
Result guarded(const CommandSpec& spec, const Context& context, const Options& options) {
  try {
    return spec.run(context, options);
  } catch (const store::OpenError& error) {
    return fail(ExitCode::kDatabase, one_line(error.what()));
  } catch (const store::KeyFileError& error) {
    return fail(code_of(error.why()), one_line(error.what()));
  } catch (const std::exception& error) {
    return fail(ExitCode::kFailed, one_line(error.what()));
  }
}

class CommandLine {
 public:
  CommandLine() : app_(kDescription, "hubadmin") {
    app_.footer(kFooter);
    app_.set_version_flag("--version", "hubadmin " HUB_VERSION);
    app_.set_help_flag("-h,--help", "Print this help");
    app_.add_option("--data", texts_.data, "The hub's data directory")->option_text("DIR");
    app_.require_subcommand(0, 1);
    app_.fallthrough();
    for (const CommandSpec& spec : commands()) {
      CLI::App* sub = app_.add_subcommand(std::string(spec.name), std::string(spec.help));
      sub->group(std::string(spec.group));
      sub->footer("");
      add_options(*sub, spec, options_, texts_);
      sub->callback([this, &spec] { chosen_ = &spec; });
    }
  }

  /// Nothing where help was asked for and printed.
  Outcome<const CommandSpec*> parse(std::vector<std::string> arguments, std::ostream& out) {
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
    try {
      app_.parse(std::move(arguments));
    } catch (const CLI::CallForHelp&) {
      out << app_.help();
      return nullptr;
    } catch (const CLI::CallForVersion&) {
      out << "hubadmin " HUB_VERSION "\n";
      return nullptr;
    } catch (const CLI::ParseError& error) {
      if (app_.get_subcommands().empty()) return tl::unexpected(no_command(app_.remaining(true)));
      return fail(ExitCode::kBadUsage,
                  fmt::format("{}; see hubadmin {} --help", one_line(error.what()),
                              app_.get_subcommands().front()->get_name()));
    }
    if (chosen_ == nullptr) return tl::unexpected(no_command({}));
    if (const auto parsed = parse_numbers(texts_, options_); !parsed) {
      return tl::unexpected(parsed.error());
    }
    return chosen_;
  }

  std::filesystem::path data() const {
    if (texts_.data.empty()) return store::DataDirectory::default_path();
    return texts_.data;
  }
  const Options& options() const { return options_; }

 private:
  CLI::App app_;
  Options options_;
  Texts texts_;
  const CommandSpec* chosen_ = nullptr;
};

Result run_command(const std::vector<std::string>& arguments, const World& world) {
  CommandLine line;
  const auto spec = line.parse(arguments, world.console.out());
  if (!spec) return tl::unexpected(spec.error());
  if (*spec == nullptr) return {};
  const std::filesystem::path data = line.data();
  if (data.empty()) return fail(ExitCode::kBadUsage, "which hub? Give --data DIR");
  const Context context{store::DataDirectory(data), world.console, world.random, world.now,
                        world.patience};
  return guarded(**spec, context, line.options());
}

}  // namespace

ExitCode run(const std::vector<std::string>& arguments, const World& world) {
  const Result result = run_command(arguments, world);
  world.console.end_progress();
  world.console.out().flush();
  if (!result) {
    world.console.err() << fmt::format("hubadmin: {}\n", result.error().message) << std::flush;
    return result.error().code;
  }
  if (world.console.out()) return ExitCode::kOk;
  world.console.err() << "hubadmin: standard output cannot be written\n" << std::flush;
  return ExitCode::kFailed;
}

}  // namespace hub::admin
