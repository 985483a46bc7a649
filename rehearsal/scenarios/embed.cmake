# Puts the scenario files of this folder, and the schema of their format, into the executable. Each
# is one literal, which a compiler need not take beyond 64 KiB.
file(GLOB scenario_files CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/rehearsal/scenarios/*.json)
set(BUILT_IN_SCENARIOS ${CMAKE_BINARY_DIR}/built_in_scenarios.cpp)
set(embedded "// Made by rehearsal/scenarios/embed.cmake.\n#include \"rehearsal/scenario/parse.hpp\"\n
namespace scenario {\n\nconst std::vector<BuiltIn>& built_in_scenarios() {
  static const std::vector<BuiltIn> all{\n")
set(stems)
foreach(scenario_file ${scenario_files})
  get_filename_component(stem ${scenario_file} NAME_WE)
  list(APPEND stems ${stem})
endforeach()
list(SORT stems)
foreach(stem ${stems})
  set(scenario_file ${CMAKE_SOURCE_DIR}/rehearsal/scenarios/${stem}.json)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${scenario_file})
  file(READ ${scenario_file} text)
  string(APPEND embedded "      {\"${stem}\", R\"~~json(${text})~~json\"},\n")
endforeach()
set(schema_file ${CMAKE_SOURCE_DIR}/rehearsal/scenario/schema.json)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${schema_file})
file(READ ${schema_file} text)
string(APPEND embedded "  };\n  return all;\n}\n
std::string_view schema() {\n  return R\"~~json(${text})~~json\";\n}\n\n}  // namespace scenario\n")
# As it is: file(CONFIGURE) would take an @word@ of a text for a variable.
file(WRITE ${BUILT_IN_SCENARIOS}.new "${embedded}")
file(COPY_FILE ${BUILT_IN_SCENARIOS}.new ${BUILT_IN_SCENARIOS} ONLY_IF_DIFFERENT)
