# Writes a source that holds a text file as a string: cmake -DTEXT=in.html -DSOURCE=out.cpp
# -DNAMESPACE=troupe::room -P embed.cmake. In pieces, because compilers bound one literal's length.
file(READ ${TEXT} text)
string(FIND "${text}" ")text\"" ending)
if(NOT ending EQUAL -1)
  message(FATAL_ERROR "${TEXT} holds what ends a raw string")
endif()
get_filename_component(name ${TEXT} NAME)
string(MAKE_C_IDENTIFIER ${name} name)
set(pieces)
string(LENGTH "${text}" length)
set(at 0)
while(at LESS length)
  string(SUBSTRING "${text}" ${at} 8000 piece)
  string(APPEND pieces "    R\"text(${piece})text\"\n")
  math(EXPR at "${at} + 8000")
endwhile()
file(WRITE ${SOURCE} "// Written by cmake/embed.cmake from ${name}.
#include <string_view>

namespace ${NAMESPACE} {

extern const std::string_view ${name};
const std::string_view ${name} =
${pieces}    ;

}  // namespace ${NAMESPACE}
")
