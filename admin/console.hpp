// Where hubadmin reads and writes: the three standard streams, the first perhaps a terminal.
#pragma once

#include <cstddef>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

#include "admin/outcome.hpp"

namespace hub::admin {

class Console {
 public:
  /// `in_fd` is standard input; if it is a terminal, questions are asked there.
  Console(int in_fd, std::ostream& out, std::ostream& err, bool err_is_terminal,
          bool out_is_terminal = false);

  std::ostream& out() { return out_; }
  std::ostream& err() { return err_; }

  /// Somebody sits at standard input and can be asked.
  bool is_interactive() const { return interactive_; }
  bool out_is_terminal() const { return out_is_terminal_; }

  /// One line of standard input without its line end; nothing at its end. A line of more than
  /// `limit` bytes fails.
  Outcome<std::optional<std::string>> read_line(std::size_t limit);

  /// Asks on the terminal, what is typed not shown. Ends the program by the signal where one comes
  /// meanwhile, the terminal as it was before.
  Outcome<std::string> ask_secret(std::string_view prompt);

  /// Asks on the terminal; anything but y or yes is no.
  bool confirm(std::string_view question);

  /// "12 of 40" and so on, each over the one before; shown only where standard error is a terminal.
  void progress(std::string_view text);
  void end_progress();

 private:
  int in_fd_;
  std::ostream& out_;
  std::ostream& err_;
  bool interactive_;
  bool shows_progress_;
  bool out_is_terminal_;
  std::size_t progress_width_ = 0;
};

}  // namespace hub::admin
