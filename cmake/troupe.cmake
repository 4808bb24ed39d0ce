# What every target of ours shares: the standard, the warnings, the sanitizers, the include root.
function(troupe_target target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_include_directories(${target} PUBLIC ${PROJECT_SOURCE_DIR})
  target_compile_options(${target} PRIVATE
    $<$<COMPILE_LANGUAGE:CXX>:-Wall -Wextra -Wpedantic -Wshadow -Wconversion>
    # g++ 12 sees overlapping copies in `const char* + std::string` where there are none (PR 105329).
    $<$<AND:$<CXX_COMPILER_ID:GNU>,$<VERSION_LESS:$<CXX_COMPILER_VERSION>,13>>:-Wno-restrict>
    $<$<AND:$<BOOL:${TROUPE_WERROR}>,$<COMPILE_LANGUAGE:CXX>>:-Werror>)
  if(TROUPE_SANITIZE)
    target_compile_options(${target} PUBLIC
      $<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${TROUPE_SANITIZE} -fno-omit-frame-pointer
      -fno-sanitize-recover=all>)
    target_link_options(${target} PUBLIC -fsanitize=${TROUPE_SANITIZE})
  endif()
endfunction()

# Under the sanitizers the rest is built to be built quickly; what these rooms do takes minutes so.
function(troupe_computes target)
  if(TROUPE_SANITIZE)
    target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:CXX>:-O2>)
  endif()
endfunction()

# One Catch2 program per room: troupe_test(base SOURCES a.cpp b.cpp LIBRARIES troupe_base)
function(troupe_test room)
  cmake_parse_arguments(TEST "" "TIMEOUT" "SOURCES;LIBRARIES" ${ARGN})
  if(NOT TEST_TIMEOUT)
    set(TEST_TIMEOUT 300)
  endif()
  add_executable(test_${room} ${TEST_SOURCES})
  troupe_target(test_${room})
  target_link_libraries(test_${room} PRIVATE troupe_catch ${TEST_LIBRARIES})
  target_compile_definitions(test_${room} PRIVATE
    TROUPE_SOURCE_DIR="${PROJECT_SOURCE_DIR}"
    TROUPE_BINARY_DIR="${PROJECT_BINARY_DIR}")
  add_test(NAME ${room} COMMAND test_${room})
  set_tests_properties(${room} PROPERTIES TIMEOUT ${TEST_TIMEOUT})
endfunction()

# Headers for programs outside this tree: troupe_install_headers(COMPONENT base/time.hpp ...)
function(troupe_install_headers component)
  include(GNUInstallDirs)
  install(CODE "set(source \"${PROJECT_SOURCE_DIR}\")
set(include_folder \"${CMAKE_INSTALL_INCLUDEDIR}\")
set(headers \"${ARGN}\")"
    COMPONENT ${component})
  install(SCRIPT ${PROJECT_SOURCE_DIR}/cmake/install_headers.cmake COMPONENT ${component})
endfunction()
