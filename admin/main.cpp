#include <exception>
#include <iostream>

#include <unistd.h>

#include "admin/cli.hpp"
#include "admin/clock.hpp"
#include "protocol/random.hpp"

int main(int argc, char** argv) {
  using namespace hub;
  try {
    SystemRandom random;
    admin::Console console(STDIN_FILENO, std::cout, std::cerr, ::isatty(STDERR_FILENO) == 1,
                           ::isatty(STDOUT_FILENO) == 1);
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    return static_cast<int>(admin::run(arguments, {console, random, admin::wall_now}));
  } catch (const std::exception& error) {
    std::cerr << "hubadmin: " << error.what() << '\n';
    return static_cast<int>(admin::ExitCode::kFailed);
  }
}
