# The public headers, for `cmake --install`. In this tree they are included from its root; outside they
# stand below troupe/, so that nobody else's "base/result.hpp" can be taken for ours.
set(headers
  base/agent_id.hpp
  base/assert.hpp
  base/error.hpp
  base/id.hpp
  base/lane.hpp
  base/launch.hpp
  base/result.hpp
  base/task.hpp
  base/time.hpp
  client/client.hpp)
foreach(header IN LISTS headers)
  file(READ ${source}/${header} text)
  string(REGEX REPLACE "#include \"(base|client)/" "#include \"troupe/\\1/" text "${text}")
  string(REPLACE "troupe/client/" "troupe/" text "${text}")
  string(REPLACE "client/client.hpp" "client.hpp" place ${header})
  set(place "${CMAKE_INSTALL_PREFIX}/${include_folder}/troupe/${place}")
  message(STATUS "Installing: $ENV{DESTDIR}${place}")
  file(WRITE "$ENV{DESTDIR}${place}" "${text}")
endforeach()
