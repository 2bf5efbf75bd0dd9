// hubd's configuration: which source wins, what is refused and in which words, and that the default
// file says the truth.
#include "server/config.hpp"

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <catch2/catch.hpp>

#include "server/config_table.hpp"
#include "tests/support/paths.hpp"
#include "tests/support/temp_directory.hpp"

using namespace hub;
using namespace hub::server;
using namespace std::chrono_literals;
using Catch::Contains;

namespace {

/// The default data directory is in the home directory, which a bare environment does not name.
const bool kHomeIsKnown = ::setenv("HOME", "/home/tests", 1) == 0;

struct Sources {
  std::vector<std::string> flags;
  std::map<std::string, std::string> environment;
  std::string file;

  tl::expected<Config, Finished> read() const {
    REQUIRE(kHomeIsKnown);
    test::TempDirectory directory;
    std::vector<std::string> arguments = flags;
    if (!file.empty()) {
      std::ofstream(directory / "hubd.toml") << file;
      arguments.insert(arguments.begin(), {"--config", (directory / "hubd.toml").native()});
    }
    return read_config(arguments, [this](const std::string& name) -> std::optional<std::string> {
      const auto found = environment.find(name);
      if (found == environment.end()) return std::nullopt;
      return found->second;
    });
  }
  Config good() const {
    const auto config = read();
    if (!config) FAIL(config.error().error);
    return *config;
  }
  std::string error() const {
    const auto config = read();
    if (config) return "no error";
    CHECK(config.error().code == ExitCode::kBadUsage);
    CHECK(config.error().out.empty());
    CHECK(config.error().error.find('\n') == std::string::npos);
    return config.error().error;
  }
};

std::string error_in_file(const std::string& file) { return Sources{{}, {}, file}.error(); }
std::string error_in_flags(const std::vector<std::string>& flags) {
  return Sources{flags, {}, {}}.error();
}

std::string read_all(const std::filesystem::path& path) {
  std::ostringstream out;
  out << std::ifstream(path).rdbuf();
  return out.str();
}

void check_is_default(const Config& config) {
  const Config defaults;
  for (const Setting& setting : settings()) {
    CAPTURE(setting.key);
    if (setting.key != "data") CHECK(setting.show(config) == setting.show(defaults));
  }
}

}  // namespace

TEST_CASE("a flag beats the environment, which beats the file, which beats the default") {
  Sources sources;
  CHECK(sources.good().hub.session_timeout == 60s);
  sources.file = "session-timeout = \"1s\"\nmax-sessions = 11\nmax-follows = 5\n";
  CHECK(sources.good().hub.session_timeout == 1s);
  sources.environment = {{"HUB_SESSION_TIMEOUT", "2s"}, {"HUB_MAX_SESSIONS", "12"}};
  CHECK(sources.good().hub.session_timeout == 2s);
  sources.flags = {"--session-timeout", "3s"};
  CHECK(sources.good().hub.session_timeout == 3s);
  CHECK(sources.good().hub.max_sessions == 12);
  CHECK(sources.good().store.max_follows == 5);
}

TEST_CASE("lists and switches obey the same order") {
  Sources sources;
  sources.file = "listen = [\"127.0.0.1:1\", \"[::1]:2\"] # two\ndebug-messages = true\n";
  CHECK(sources.good().listen ==
        std::vector{*Endpoint::parse("127.0.0.1:1"), *Endpoint::parse("[::1]:2")});
  CHECK(sources.good().hub.debug_messages);
  sources.environment = {{"HUB_LISTEN", "127.0.0.1:3, 127.0.0.2:3"},
                         {"HUB_DEBUG_MESSAGES", "false"}};
  CHECK(sources.good().listen.size() == 2);
  CHECK(sources.good().listen[1] == *Endpoint::parse("127.0.0.2:3"));
  CHECK_FALSE(sources.good().hub.debug_messages);
  sources.flags = {"--listen", "127.0.0.1:4", "--debug-messages", "--listen", "127.0.0.1:5"};
  CHECK(sources.good().listen ==
        std::vector{*Endpoint::parse("127.0.0.1:4"), *Endpoint::parse("127.0.0.1:5")});
  CHECK(sources.good().hub.debug_messages);
  sources.flags = {"--debug-messages=false"};
  CHECK_FALSE(sources.good().hub.debug_messages);
}

TEST_CASE("an empty environment variable is as good as none") {
  Sources sources;
  sources.environment = {{"HUB_SESSION_TIMEOUT", ""}, {"HUB_LISTEN", ""}};
  check_is_default(sources.good());
}

TEST_CASE("the environment may name the file") {
  test::TempDirectory directory;
  std::ofstream(directory / "c") << "max-sessions = 7\n";
  Sources sources;
  sources.environment = {{"HUB_CONFIG", (directory / "c").native()}};
  CHECK(sources.good().hub.max_sessions == 7);
}

TEST_CASE("every setting has a flag, an environment variable and a key that take what it shows") {
  const Config defaults;
  for (const Setting& setting : settings()) {
    CAPTURE(setting.key);
    const std::string value = setting.show(defaults);
    const bool number = setting.kind == Setting::Kind::kNumber;
    const std::string quoted = number ? value : '"' + value + '"';
    check_is_default(Sources{{flag_of(setting) + "=" + value}, {}, {}}.good());
    check_is_default(Sources{{}, {{environment_of(setting), value}}, {}}.good());
    check_is_default(Sources{{}, {}, std::string(setting.key) + " = " + quoted + "\n"}.good());
  }
}

TEST_CASE("times and sizes have units") {
  const auto timeout = [](const std::string& text) {
    return Sources{{"--session-timeout", text}, {}, {}}.good().hub.session_timeout;
  };
  CHECK(timeout("500ms") == 500ms);
  CHECK(timeout("90s") == 90s);
  CHECK(timeout("5m") == 5min);
  CHECK(timeout("2h") == 2h);
  for (const std::string bad : {"60", "s", "-1s", "1.5s", "1 s", "9ms", "169h", "60sec",
                                "99999999999999999999s", "18446744073709551615h"}) {
    CHECK_THAT(error_in_flags({"--session-timeout=" + bad}),
               Contains("--session-timeout: \"" + bad + "\" is not from 10ms to 168h"));
  }
  CHECK(Sources{{"--kdf-memory", "8KiB"}, {}, {}}.good().kdf.memory_bytes == 8192);
  CHECK_THAT(error_in_flags({"--kdf-memory=1GiB"}), Contains("from 8KiB to 256MiB"));
}

TEST_CASE("a mistake in the file is told with file, line and key") {
  CHECK_THAT(error_in_file("# x\n\nsesion-timeout = \"1s\"\n"),
             Contains("hubd.toml:3: unknown setting \"sesion-timeout\"; did you mean "
                      "session-timeout?"));
  CHECK_THAT(error_in_file("max-sessions = many\n"),
             Contains("hubd.toml:1: max-sessions: \"many\" is not a whole number from 1 to"));
  CHECK_THAT(error_in_file("classic = \"all\"\n"),
             Contains(":1: classic: \"all\" is not one of off, loopback or any"));
  CHECK_THAT(error_in_file("listen = [\n  \"127.0.0.1:1\", # one\n  \"localhost:2\"\n]\n"),
             Contains("listen: \"localhost:2\" is not ADDRESS:PORT"));
  CHECK_THAT(error_in_file("max-sessions = 1\nmax-follows = 2\nmax-sessions = 3\n"),
             Contains(":3: max-sessions is set a second time"));
  CHECK_THAT(error_in_file("max-sessions = 1\nmax-sessions = 3\n"), Contains("second time"));
  CHECK_THAT(error_in_file("[server]\nmax-sessions = 1\n"), Contains(":1: sections such as"));
  CHECK_THAT(error_in_file("server.max-sessions = 1\n"), Contains(":1: "));
  CHECK_THAT(error_in_file("debug-messages\n"), Contains("write key = value"));
  CHECK_THAT(error_in_file("max-sessions =\n"), Contains("write key = value"));
  CHECK_THAT(error_in_file("a\n"), Contains("write key = value"));
  CHECK_THAT(error_in_file("data = \"/x\n"), Contains("quotes do not match"));
  CHECK_THAT(error_in_file("data = \"/x#y\"\n"), Contains("'#'"));
  CHECK_THAT(error_in_file("listen = [::]:1\n"), Contains("a list wants quotes"));
  CHECK_THAT(error_in_file("listen = [\"[::]:1\"\nmax-sessions = 3\n"), Contains("a list wants"));
  CHECK_THAT(error_in_file("data = \"/x\", \"/y\"\n"), Contains("exactly one value"));
  CHECK_THAT(error_in_file("\x1b[31m = 1\n"), !Contains("\x1b"));
}

TEST_CASE("a file that cannot be read is told") {
  CHECK_THAT(error_in_flags({"--config", "/nonexistent/hubd.toml"}),
             Contains("/nonexistent/hubd.toml: No such file"));
  test::TempDirectory directory;
  CHECK_THAT(error_in_flags({"--config", directory.path().native()}), Contains("Is a directory"));
  CHECK(Sources{{}, {}, "\n"}.read());
}

TEST_CASE("a mistake in the environment or in a flag names it") {
  CHECK_THAT((Sources{{}, {{"HUB_LOG_LEVEL", "loud"}}, {}}.error()),
             Contains("HUB_LOG_LEVEL: \"loud\" is not one of debug, info, warning or error"));
  CHECK_THAT(error_in_flags({"--max-sesions", "3"}),
             Contains("unknown option --max-sesions; did you mean --max-sessions?"));
  CHECK_THAT(error_in_flags({"--frobnicate"}), Contains("see hubd --help"));
  CHECK_THAT(error_in_flags({"start"}), Contains("unexpected argument \"start\""));
  CHECK_THAT(error_in_flags({"--data"}), Contains("--data wants exactly one value"));
  CHECK_THAT(error_in_flags({"--data", "a", "--data", "b"}), Contains("exactly one value"));
  CHECK_THAT(error_in_flags({"--data", ""}), Contains("--data"));
}

TEST_CASE("listen addresses that cannot be bound beside each other are refused") {
  CHECK_THAT(error_in_flags({"--listen=[::]:5", "--listen=127.0.0.1:5"}),
             Contains("127.0.0.1:5 is part of [::]:5 already"));
  CHECK_THAT(error_in_flags({"--listen=127.0.0.1:5", "--listen=127.0.0.1:5"}),
             Contains("is part of"));
  Sources fine{
      {"--listen=0.0.0.0:5", "--listen=[::1]:5", "--listen=127.0.0.1:0", "--listen=127.0.0.1:0"},
      {},
      {}};
  CHECK(fine.good().listen.size() == 4);
}

TEST_CASE("the default configuration in data is what hubd prints") {
  CHECK(read_all(test::source_file("data/hubd.toml")) == default_config());
  const auto printed = Sources{{"--default-config"}, {}, {}}.read();
  REQUIRE_FALSE(printed);
  CHECK(printed.error().code == ExitCode::kOk);
  CHECK(printed.error().out == default_config());
}

TEST_CASE("the default configuration with its settings uncommented is the default") {
  std::istringstream in(default_config());
  std::string uncommented;
  std::size_t found = 0;
  for (std::string line; std::getline(in, line);) {
    const bool is_setting = line.size() > 1 && line[0] == '#' && line[1] != ' ';
    uncommented += (is_setting ? line.substr(1) : line) + "\n";
    found += is_setting ? 1 : 0;
  }
  CHECK(found == settings().size());
  check_is_default(Sources{{}, {}, uncommented}.good());
}

TEST_CASE("checking the configuration says nothing when it is good") {
  const auto checked = Sources{{"--check-config"}, {}, {}}.read();
  REQUIRE_FALSE(checked);
  CHECK(checked.error().code == ExitCode::kOk);
  CHECK(checked.error().error.empty());
  CHECK_THAT(error_in_flags({"--check-config", "--max-sessions=0"}), Contains("--max-sessions"));
}

TEST_CASE("help names every setting and every exit code, version the program") {
  const auto help = Sources{{"--help"}, {}, {}}.read();
  REQUIRE_FALSE(help);
  CHECK(help.error().code == ExitCode::kOk);
  for (const Setting& setting : settings())
    CHECK_THAT(help.error().out, Contains(flag_of(setting)));
  for (const char* code : {"  1  ", "  2  ", "  3  ", "  4  ", "  5  "}) {
    CHECK_THAT(help.error().out, Contains(code));
  }
  const auto version = Sources{{"--version"}, {}, {}}.read();
  REQUIRE_FALSE(version);
  CHECK_THAT(version.error().out, Catch::StartsWith("hubd "));
}
