// spoke: the terminal client.
#include <cstdio>
#include <exception>
#include <fstream>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "client/core/session.hpp"
#include "client/net/loop.hpp"
#include "client/net/terminal.hpp"
#include "protocol/client_id.hpp"
#include "protocol/hub_link.hpp"
#include "protocol/hub_name.hpp"
#include "protocol/password.hpp"

namespace {

constexpr int kExitUsage = 2;

constexpr const char* kFooter =
    "Type help# for the lines that can be typed. Standard input may be a pipe or a file: then "
    "each\n"
    "line waits for the reply to the one before, and at its end what was asked is finished first.\n"
    "Where standard output is no terminal it holds records and nothing else, one a line.\n"
    "\n"
    "Who has logged in once comes back without a password (login#id), until logout#. A post or a\n"
    "follow is kept until the hub has answered it, whatever happens to it, to the network or to\n"
    "spoke: it is sent again, and done once.\n"
    "\n"
    "Exit codes:\n"
    "  0  all that was asked succeeded\n"
    "  1  something was refused or failed (...failed, error#...)\n"
    "  2  bad usage\n"
    "  3  the hub did not answer at all, or its name cannot be resolved; what error#queued stands "
    "for\n"
    "     is kept, and sent at the next login\n"
    "  4  the hub is not trusted: its key changed, is unknown and was not accepted, or it does "
    "not\n"
    "     know the account; nothing of the password was sent\n"
    "\n"
    "Environment:\n"
    "  HUB_HOST  the hub, where --hub is not given\n"
    "  NO_COLOR  no colour";

std::optional<std::string> first_line(const std::string& file) {
  std::ifstream in(file);
  std::string line;
  if (!in || !std::getline(in, line)) return std::nullopt;
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return line;
}

/// What was given on the command line, as it was given.
struct Arguments {
  std::string hub = "localhost";
  bool hub_given = false;
  std::string link;
  std::string password_file;
  std::uint32_t keep_alive = 25;
  std::uint32_t silence = 500;
  hub::client::Options options;
};

void declare_trust(CLI::App& app, Arguments& arguments) {
  app.add_flag("--classic", arguments.options.classic,
               "The original framing: plaintext, best effort; hubs take it from their own machine "
               "alone unless told otherwise");
  app.add_flag("--accept-new", arguments.options.accept_new,
               "Believe the key of a hub that is not known yet without asking; for scripts");
  app.add_flag("--accept-weak-kdf", arguments.options.accept_weak_kdf,
               "Stretch the password as little as the hub asks for, even if a false hub could then "
               "guess it; for tests");
}

void declare_liveness(CLI::App& app, Arguments& arguments) {
  app.add_option("--keep-alive", arguments.keep_alive,
                 "Say something to the hub at least so often (less where its session timeout asks "
                 "for it); a NAT on the way may forget who is silent for longer")
      ->type_name("SECONDS")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  app.add_option("--silence", arguments.silence,
                 "Ask whether the hub is still there once it has been silent for so long, or four "
                 "times as long as usual if that is more")
      ->type_name("MILLISECONDS")
      ->check(CLI::Range(100, 60'000))
      ->capture_default_str();
}

/// Nothing: there is something to run. Else the exit code, and said why.
std::optional<int> parse(int argc, char** argv, Arguments& arguments) {
  CLI::App app("spoke: log in to a hub, follow people, post and read, from a terminal.", "spoke");
  app.add_option("link", arguments.link,
                 "An invite: where the hub is, its key and, perhaps, who you are")
      ->type_name("hub://[ID@]HOST[:PORT]/[#KEY]");
  app.add_option("--hub", arguments.hub,
                 "The hub; port 32000 where none is given, IPv6 in brackets")
      ->envname("HUB_HOST")
      ->type_name("HOST[:PORT]")
      ->capture_default_str();
  declare_trust(app, arguments);
  declare_liveness(app, arguments);
  app.add_option("--login", arguments.options.login,
                 "Log in as ID at once; asks for the password where it is needed")
      ->type_name("ID");
  app.add_option("--post", arguments.options.post,
                 "Post this line and leave: exit code 0 once the hub has it on disk")
      ->type_name("TEXT");
  app.add_flag("--ids", arguments.options.show_ids,
               "Print each post behind its message ID, which retrieve#n&id takes");
  app.add_option("--password-file", arguments.password_file,
                 "With --login: take the password from the first line of FILE")
      ->type_name("FILE");
  app.set_version_flag("--version", std::string("spoke ") + HUB_VERSION);
  app.footer(kFooter);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp& help) {
    return app.exit(help);
  } catch (const CLI::CallForVersion& version) {
    return app.exit(version);
  } catch (const CLI::ParseError& error) {
    fmt::print(stderr, "spoke: {}; see spoke --help\n", error.what());
    return kExitUsage;
  }
  arguments.hub_given = app.count("--hub") > 0;
  return std::nullopt;
}

/// What an invite says, into the options; false, and said why, where it cannot be used.
bool take_link(Arguments& arguments) {
  hub::client::Options& options = arguments.options;
  const auto link = hub::parse_hub_link(arguments.link);
  if (!link) {
    fmt::print(stderr, "spoke: {}\n", link.error());
    return false;
  }
  if (arguments.hub_given || options.classic) {
    fmt::print(stderr, "spoke: an invite says which hub and how: it does not go with {}\n",
               arguments.hub_given ? "--hub" : "--classic");
    return false;
  }
  options.hub = link->hub;
  options.invited = link->key;
  // Where nobody can be asked for the password, the script that is read logs in by itself.
  const bool can_log_in =
      !arguments.password_file.empty() || options.post || hub::client::Terminal::is_usable();
  if (link->name && !options.login && can_log_in) options.login = link->name->text();
  return true;
}

bool take_hub(Arguments& arguments) {
  const auto hub = hub::parse_hub_name(arguments.hub);
  if (!hub) {
    fmt::print(stderr, "spoke: --hub {}\n", hub.error());
    return false;
  }
  arguments.options.hub = *hub;
  return true;
}

bool take_login(Arguments& arguments) {
  hub::client::Options& options = arguments.options;
  if (options.login && !hub::ClientId::parse(*options.login)) {
    fmt::print(stderr, "spoke: --login takes a client ID: 1 to 31 letters, digits, underscores\n");
    return false;
  }
  if (options.post && !options.login) {
    fmt::print(stderr, "spoke: --post goes with --login ID, or with an invite that names one\n");
    return false;
  }
  const std::string& file = arguments.password_file;
  if (file.empty()) return true;
  options.password = first_line(file);
  if (options.login && options.password && hub::is_password(*options.password)) return true;
  fmt::print(stderr, "spoke: --password-file {}\n",
             !options.login      ? "goes with --login ID"
             : !options.password ? file + ": cannot be read"
                                 : file + ": its first line is no password: 1 to 128 bytes");
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (const auto finished = parse(argc, argv, arguments)) return *finished;
  const bool usable = arguments.link.empty() ? take_hub(arguments) : take_link(arguments);
  if (!usable || !take_login(arguments)) return kExitUsage;
  arguments.options.keep_alive = std::chrono::seconds(arguments.keep_alive);
  arguments.options.silence = std::chrono::milliseconds(arguments.silence);
  try {
    return hub::client::run(arguments.options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "spoke: {}\n", error.what());
    return hub::client::kExitNoAnswer;
  }
}
