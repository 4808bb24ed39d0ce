# Libraries from the distribution, each as an imported target, so that rooms name what they use.
# Headers of others are SYSTEM: our warnings are for our code.

# CAF: Debian and Ubuntu ship no CMake config.
find_path(CAF_INCLUDE caf/all.hpp REQUIRED)
find_library(CAF_CORE caf_core REQUIRED)
add_library(caf INTERFACE IMPORTED)
target_include_directories(caf SYSTEM INTERFACE ${CAF_INCLUDE})
target_link_libraries(caf INTERFACE ${CAF_CORE} Threads::Threads)

# ZeroMQ with its C++ header.
find_path(ZMQ_INCLUDE zmq.hpp REQUIRED)
find_library(ZMQ_LIBRARY zmq REQUIRED)
add_library(zmq INTERFACE IMPORTED)
target_include_directories(zmq SYSTEM INTERFACE ${ZMQ_INCLUDE})
target_link_libraries(zmq INTERFACE ${ZMQ_LIBRARY})

find_package(nlohmann_json REQUIRED)
find_package(spdlog REQUIRED)

# Used as headers: toml++ in config/, CLI11 in apps/main.cpp.
find_path(TOMLPLUSPLUS_INCLUDE toml++/toml.h REQUIRED)
add_library(tomlplusplus_headers INTERFACE IMPORTED)
target_include_directories(tomlplusplus_headers SYSTEM INTERFACE ${TOMLPLUSPLUS_INCLUDE})
find_path(CLI11_INCLUDE CLI/CLI.hpp REQUIRED)
add_library(cli11_headers INTERFACE IMPORTED)
target_include_directories(cli11_headers SYSTEM INTERFACE ${CLI11_INCLUDE})

# For HTTP: Boost.Asio and Boost.Beast as headers (gateway/server*.cpp), simdjson for bodies, OpenSSL
# for TLS and for API keys' hashes.
find_path(BOOST_INCLUDE boost/beast/http/parser.hpp REQUIRED)
add_library(boost_headers INTERFACE IMPORTED)
target_include_directories(boost_headers SYSTEM INTERFACE ${BOOST_INCLUDE})
find_package(simdjson REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto SSL)
