// The terminal: one line being typed at the bottom, edited by libedit, and everything else printed
// above it. Bytes are read here and given to libedit one character at a time, so that it never
// waits for a key itself. Restores the terminal when destroyed. One owner, one thread.
#pragma once

#include <cwchar>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <histedit.h>

#include "client/net/console.hpp"

namespace hub::client {

class Terminal final : public Console {
 public:
  /// Standard input and output must both be terminals; is_usable() says so.
  Terminal();
  ~Terminal() override;
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  /// True where lines can be edited: two terminals that know how to move a cursor.
  static bool is_usable();

  void read() override;
  std::optional<Typed> next() override;
  bool show(std::string_view lines, const std::string& prompt) override;
  void ask_password(const std::string& id) override;
  Interrupt interrupt() override;
  void suspend() override;
  void resume() override;
  void resize() override;

 private:
  enum class Mode {
    kIdle,      // between two lines: nothing is shown
    kLine,      // libedit shows the prompt and the line
    kPassword,  // we show a question; what is typed stays hidden
  };
  struct CloseHistory {
    void operator()(History* history) const { history_end(history); }
  };
  struct CloseEditLine {
    void operator()(EditLine* edit) const { el_end(edit); }
  };

  static char* prompt_of(EditLine* edit);
  static int next_character(EditLine* edit, wchar_t* out);

  void take_bytes();
  std::optional<Typed> edit();
  std::optional<Typed> read_password();
  Typed finish_password(std::optional<std::string> text);
  bool has_whole_key() const;
  bool is_line_empty() const;
  void remember(const std::string& line);
  void begin_line();
  void end_line();
  std::string erasing() const;
  void redraw();

  std::unique_ptr<History, CloseHistory> history_;
  std::unique_ptr<EditLine, CloseEditLine> edit_;
  Mode mode_ = Mode::kIdle;
  std::string prompt_;
  std::string question_;  // of kPassword
  std::string password_;
  std::deque<wchar_t> keys_;  // read and not yet given to libedit
  std::mbstate_t decoding_{};
  bool ended_ = false;        // the terminal is gone
  bool interrupted_ = false;  // by Ctrl-C, and no key since
  bool cancelled_ = false;    // the password asked for
};

}  // namespace hub::client
