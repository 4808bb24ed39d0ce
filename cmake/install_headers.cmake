# The public headers, for `cmake --install`. In this tree they are included from its root; outside they
# stand below troupe/, so that nobody else's "base/result.hpp" can be taken for ours: base/x.hpp as
# troupe/base/x.hpp, and a room's own as troupe/x.hpp.
#
# Given: source (this tree's root), include_folder, headers.
foreach(header IN LISTS headers)
  file(READ ${source}/${header} text)
  string(REGEX REPLACE "#include \"base/" "#include \"troupe/base/" text "${text}")
  string(REGEX REPLACE "#include \"(actors|client)/" "#include \"troupe/" text "${text}")
  string(REGEX REPLACE "^(actors|client)/" "" place ${header})
  set(place "${CMAKE_INSTALL_PREFIX}/${include_folder}/troupe/${place}")
  message(STATUS "Installing: $ENV{DESTDIR}${place}")
  file(WRITE "$ENV{DESTDIR}${place}" "${text}")
endforeach()
