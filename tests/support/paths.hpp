// Where the tests find what they read and run. In one source file, so that the paths of a checkout
// are no part of every other file's compilation.
#pragma once

#include <string>

namespace hub::test {

std::string source_file(const std::string& path);  // below the project's folder
std::string program(const std::string& name);      // hubd, spoke, hubadmin, …

}  // namespace hub::test
