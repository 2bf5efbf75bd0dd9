# Every library the project uses. All are Debian packages, listed in packaging/debian-packages.txt.
# Their headers are SYSTEM, so that our warnings stay ours.

find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(SQLiteCpp REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(CLI11 REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(tl-expected REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
pkg_check_modules(sodium REQUIRED IMPORTED_TARGET libsodium)
pkg_check_modules(nettle REQUIRED IMPORTED_TARGET nettle)
pkg_check_modules(gmp REQUIRED IMPORTED_TARGET gmpxx)
pkg_check_modules(edit REQUIRED IMPORTED_TARGET libedit)
pkg_check_modules(qrencode REQUIRED IMPORTED_TARGET libqrencode)

find_path(ASIO_INCLUDE_DIR asio.hpp REQUIRED)
add_library(hub_asio INTERFACE)
target_include_directories(hub_asio SYSTEM INTERFACE ${ASIO_INCLUDE_DIR})
target_compile_definitions(hub_asio INTERFACE ASIO_STANDALONE ASIO_NO_DEPRECATED)
target_link_libraries(hub_asio INTERFACE Threads::Threads)
