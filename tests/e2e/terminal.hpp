// spoke in a terminal, as somebody has it in front of them.
#pragma once

#include <string>

#include "tests/e2e/programs.hpp"
#include "tests/support/pty.hpp"

namespace hub::test {

class Terminal : public PtyProcess {
 public:
  explicit Terminal(const TestHub& hub, const SpokeStart& start = {},
                    const std::string& type = "xterm")
      : PtyProcess(with_terminal(hub.spoke_command(start), type)) {}

  void type(const std::string& line) { press(line + "\r"); }
  void login(const std::string& id) {
    type("login#" + id + "&" + TestHub::password_of(id));
    wait_for("login_ack#successful");
  }
  /// Waits until the line of the cursor ends with `text`.
  void wait_typed(const std::string& text) {
    wait_until("the typed line ending with \"" + text + "\"",
               [&text](const Screen& screen) { return screen.current_line().ends_with(text); });
  }

 private:
  static Command with_terminal(Command command, const std::string& type) {
    command.environment.emplace_back("TERM", type);
    command.environment.emplace_back("LANG", "C.UTF-8");
    command.environment.emplace_back("LC_ALL", "C.UTF-8");
    return command;
  }
};

}  // namespace hub::test
