include(${CMAKE_CURRENT_LIST_DIR}/troupe-agents-targets.cmake)

# A module of agents, as a node loads it: troupe_add_agents(TARGET NAME SOURCES...) builds NAME.so.
# What its sources define stays inside it, so that two modules may have classes of one name.
function(troupe_add_agents target name)
  add_library(${target} MODULE ${ARGN})
  target_link_libraries(${target} PRIVATE troupe::agents)
  set_target_properties(${target} PROPERTIES
    PREFIX ""
    OUTPUT_NAME ${name}
    CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON)
endfunction()
