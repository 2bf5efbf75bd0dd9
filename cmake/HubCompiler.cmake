# Warnings, sanitizers and the compiler cache, for every target of the project.

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

add_library(hub_options INTERFACE)
target_compile_options(hub_options INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow)
if(HUB_WERROR)
  target_compile_options(hub_options INTERFACE -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 warns falsely at -O2 about "<" + string + ">", and at -O1 about variants moved from.
  target_compile_options(hub_options INTERFACE -Wno-restrict -Wno-maybe-uninitialized)
endif()
target_include_directories(hub_options INTERFACE ${PROJECT_SOURCE_DIR})

if(HUB_SANITIZE)
  add_compile_options(-fsanitize=${HUB_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${HUB_SANITIZE})
  if(HUB_SANITIZE MATCHES "thread")
    # Asio uses atomic_thread_fence, which ThreadSanitizer cannot see.
    target_compile_options(hub_options INTERFACE -Wno-tsan)
  endif()
endif()
if(HUB_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)  # coverage; only the targets link the fuzzer
endif()
if(HUB_FAULTS)
  target_compile_definitions(hub_options INTERFACE HUB_FAULTS)
endif()
if(HUB_FAILPOINTS)
  target_compile_definitions(hub_options INTERFACE HUB_FAILPOINTS)
endif()

# hub_room(NAME DIRECTORY [SUBFOLDER...]): one library from all sources of one folder and, where
# named, of folders below it.
function(hub_room name directory)
  set(sources)
  foreach(folder "" ${ARGN})
    file(GLOB found CONFIGURE_DEPENDS ${directory}/${folder}/*.cpp)
    list(APPEND sources ${found})
  endforeach()
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC hub_options)
endfunction()
