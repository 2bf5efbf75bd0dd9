// hub-soak: kills the real hubd under the load of real spokes, again and again, and compares what
// was acknowledged and printed with what its database holds.
//
// Everything happens in a directory of its own, which is removed at the end unless something was
// violated: then it is kept as evidence (hubd's log, the database, what each spoke typed and
// printed, when was killed what), named, and the exit code is 1.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include <stdlib.h>

#include "protocol/failpoint.hpp"
#include "tests/e2e/soak/soak.hpp"

namespace {

constexpr const char* kUsage =
    "usage: hub-soak [OPTIONS]\n"
    "\n"
    "Kills the real hubd under the load of real spokes, again and again, and some of the spokes;\n"
    "compares what was acknowledged and printed with what the database holds.\n"
    "\n"
    "  --kills N              so many of hubd (200)\n"
    "  --seed N               draws when is killed what (1)\n"
    "  --directory DIR        for all files; kept where something is violated\n"
    "  --back-within SECONDS  of a restart every client must be back (15)\n"
    "  --lenient              a post whose connection is lost may go unanswered\n"
    "  --spare-clients        only hubd is killed\n"
    "  --good-weather         no bad network between some of the clients and the hub\n"
    "\n"
    "Exit code: 0 nothing was lost and nothing there twice, 1 something was, 2 it could not be "
    "tried.\n";

using hub::test::soak::Options;
using hub::test::soak::Soak;

unsigned number(const std::string& text) { return static_cast<unsigned>(std::stoul(text)); }

Options parse(const std::vector<std::string>& arguments) {
  Options out;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& name = arguments[i];
    const auto value = [&]() -> const std::string& {
      if (i + 1 >= arguments.size()) throw std::runtime_error(name + " has no value");
      return arguments[++i];
    };
    if (name == "--kills") {
      out.kills = number(value());
    } else if (name == "--seed") {
      out.seed = number(value());
    } else if (name == "--directory") {
      out.directory = value();
    } else if (name == "--back-within") {
      out.back_within = std::chrono::seconds(number(value()));
    } else if (name == "--lenient") {
      out.strict = false;
    } else if (name == "--spare-clients") {
      out.kill_clients = false;
    } else if (name == "--good-weather") {
      out.lossy = false;
    } else {
      throw std::runtime_error("there is no option " + name);
    }
  }
  return out;
}

void make_directory(Options& options) {
  if (!options.directory.empty()) {
    std::filesystem::create_directories(options.directory);
    return;
  }
  std::string name = (std::filesystem::temp_directory_path() / "hub-soak-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make " + name);
  options.directory = name;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    if (std::find(arguments.begin(), arguments.end(), "--help") != arguments.end()) {
      std::cout << kUsage;
      return EXIT_SUCCESS;
    }
    Options options = parse(arguments);
    make_directory(options);
    std::cout << "seed " << options.seed
              << (hub::kHasFailpoints ? "" : "; no failpoints in this build") << std::endl;
    bool good = false;
    {
      Soak soak(options);
      good = soak.run();
      std::cout << soak.table();
      for (const std::string& violation : soak.violations()) {
        std::cout << "VIOLATED: " << violation << '\n';
      }
    }
    if (good) {
      std::filesystem::remove_all(options.directory);
      std::cout << "nothing lost, nothing twice" << std::endl;
      return EXIT_SUCCESS;
    }
    std::cout << "the evidence is in " << options.directory.native() << std::endl;
    return EXIT_FAILURE;
  } catch (const std::exception& error) {
    std::cerr << "hub-soak: " << error.what() << '\n';
    return 2;
  }
}
