// A program in a terminal: a pseudo-terminal with a small screen behind it, so that a test can look
// at what a person would see, not at the bytes that drew it. Killed and reaped when this ends.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/process.hpp"

namespace hub::test {

/// What is on a terminal of `rows` by `columns` characters after the bytes fed so far. Knows what
/// line editors write: printable UTF-8 (each character one column wide), CR, LF, BS, BEL, and the
/// CSI sequences that move the cursor, erase and insert or delete characters. Modes and colours are
/// skipped.
class Screen {
 public:
  Screen(std::size_t rows, std::size_t columns);

  void feed(std::string_view bytes);
  /// The lines down to the last that is not empty, without blanks at their ends. What scrolled off
  /// the top is kept, above.
  std::vector<std::string> lines() const;
  /// The line the cursor is on.
  std::string current_line() const;
  std::size_t cursor_column() const { return column_; }

 private:
  using Line = std::vector<std::string>;  // a character a cell

  void character(std::string_view utf8);
  void control(char byte);
  void escape(std::string_view parameters, char final);
  void line_feed();
  Line blank() const { return Line(columns_, " "); }

  std::size_t columns_;
  std::vector<std::string> scrolled_;
  std::vector<Line> lines_;
  std::size_t row_ = 0;
  std::size_t column_ = 0;
  std::string pending_;  // an unfinished character or escape sequence
};

class PtyProcess {
 public:
  explicit PtyProcess(const Command& command, std::size_t rows = 40, std::size_t columns = 100);
  PtyProcess(const PtyProcess&) = delete;
  PtyProcess& operator=(const PtyProcess&) = delete;
  ~PtyProcess();

  void press(std::string_view keys);  // "\r" is Enter, "\x03" is Ctrl-C

  /// Reads until the screen satisfies `wanted`; throws Unexpected, with the screen, when it does
  /// not.
  void wait_until(const std::string& what, const std::function<bool(const Screen&)>& wanted);
  /// Reads until some line of the screen is, or contains, `text`.
  void wait_for_line(const std::string& text);
  void wait_for(const std::string& text);

  const Screen& screen() const { return screen_; }
  const std::string& bytes() const { return bytes_; }  // all that was written to the terminal

  pid_t pid() const { return pid_; }
  ExitCode wait();

 private:
  bool pump(const Deadline& deadline);

  pid_t pid_ = -1;
  Fd terminal_;
  Screen screen_;
  std::string bytes_;
  bool reaped_ = false;
};

}  // namespace hub::test
