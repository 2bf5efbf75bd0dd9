// RESP2, the protocol of Redis: commands written, replies walked through.
#pragma once

#include <cstddef>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace hub::bench {

/// Appends one command: an array of strings.
void resp_command(std::initializer_list<std::string_view> words, std::string& out);

/// A value inside a reply.
struct RespValue {
  char type = 0;          // + - : $ *
  int depth = 0;          // 0: the reply itself; else inside so many arrays
  std::string_view text;  // of all but arrays
  long long number = 0;   // of : and the length of *; -1 of an array or string that is nil
};

/// Visits the values of the first reply in `bytes`, from outside to inside, and returns its size;
/// nothing while it is incomplete, though its first values may have been visited. Throws Failure
/// where it is none.
std::optional<std::size_t> resp_walk(std::string_view bytes,
                                     const std::function<void(const RespValue&)>& visit);

}  // namespace hub::bench
