// What every read does about errors: the text of a ReadError instead of an exception.
#pragma once

#include <string>
#include <type_traits>

#include <SQLiteCpp/Exception.h>

#include "store/connection.hpp"
#include "store/statement.hpp"
#include "store/store.hpp"

namespace hub::store {

template <typename Body>
auto reading(Body&& body) -> Read<std::invoke_result_t<Body>> {
  try {
    return body();
  } catch (const SQLite::Exception& error) {
    return tl::unexpected(ReadError{"the database cannot be read: " + reason(error)});
  } catch (const DamagedRow& error) {
    return tl::unexpected(ReadError{std::string("the database is damaged (") + error.what() +
                                    "): see what 'hubadmin check' finds"});
  }
}

}  // namespace hub::store
