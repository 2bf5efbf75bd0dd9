// Where lines come from and records go: a person at a terminal, or pipes and files. Owned by the
// loop, used on its thread; nothing here waits.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "client/core/line.hpp"
#include "client/core/printer.hpp"

namespace hub::client {

/// What standard output shows, and whether NO_COLOR forbids some of it.
Style style_of_output();

struct TypedLine {
  std::string text;
};
/// The answer to ask_password(); nothing where it was refused.
struct TypedPassword {
  std::optional<std::string> text;
};
struct InputEnd {};
using Typed = std::variant<TypedLine, TypedPassword, InputEnd>;

/// What Ctrl-C meant.
enum class Interrupt {
  kLeave,
  kClearLine,
  kCancel,  // the question that was asked
};

class Console {
 public:
  virtual ~Console() = default;

  /// Takes in what standard input has; to be called when it is readable.
  virtual void read() = 0;
  /// What was typed next; nothing where more is needed.
  virtual std::optional<Typed> next() = 0;

  /// Writes whole lines, or none, above the line being typed, which the prompt stands before.
  /// False once standard output is gone.
  virtual bool show(std::string_view lines, const std::string& prompt) = 0;
  virtual void ask_password(const std::string& id) = 0;

  /// Ctrl-C.
  virtual Interrupt interrupt() = 0;
  /// Ctrl-Z: gives the terminal back and stops the program until SIGCONT.
  virtual void suspend() = 0;
  /// SIGCONT: takes the terminal again.
  virtual void resume() = 0;
  virtual void resize() = 0;
};

/// Pipes and files, and terminals on which no line can be edited.
class PipeConsole final : public Console {
 public:
  void read() override;
  std::optional<Typed> next() override;
  bool show(std::string_view lines, const std::string& prompt) override;
  void ask_password(const std::string&) override {}
  Interrupt interrupt() override { return Interrupt::kLeave; }
  void suspend() override;
  void resume() override {}
  void resize() override {}

 private:
  LineCutter lines_;
  bool ended_ = false;  // the last byte was read
  bool told_end_ = false;
};

/// Writes all of it to standard output. False once that cannot be done any more.
bool write_out(std::string_view text);

}  // namespace hub::client
