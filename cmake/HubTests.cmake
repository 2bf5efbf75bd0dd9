# hub_test(NAME LABEL [TIMEOUT S] [EXCLUDE REGEX] LINK...): one Catch2 program from the sources of the
# current folder, each of its cases a test of ctest.

if(BUILD_TESTING OR NOT DEFINED BUILD_TESTING)
  find_package(Catch2 2.13 REQUIRED)
  include(Catch)
endif()

function(hub_test name label)
  cmake_parse_arguments(arg "" "TIMEOUT;EXCLUDE" "LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "_main\\.cpp$")
  if(arg_EXCLUDE)
    list(FILTER sources EXCLUDE REGEX ${arg_EXCLUDE})
  endif()
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE ${arg_LINK} hub_options Catch2::Catch2WithMain)
  if(HUB_SANITIZE)
    target_compile_options(${name} PRIVATE -O0)  # half of the time to compile; what is tested stays as it is
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  string(REPLACE "test_" "" room ${name})
  catch_discover_tests(${name} TEST_PREFIX "${room}: "
                       PROPERTIES LABELS ${label} TIMEOUT ${arg_TIMEOUT})
endfunction()
