# The stand-ins that rehearsals, the demo and the tests put behind the proxy: a function app and the
# storage account of its task hubs, each a process of its own, a platform's front end, and a link.
understudy_box(rehearsal_lib rehearsal EXCEPT app_main gateway_main storage_main link_main
               LINKS transport config sqlite_lib nlohmann_json::nlohmann_json fmt::fmt
                     CLI11::CLI11 ZLIB::ZLIB)

# Rehearsals: the scenario file, what a run means, what is told of it, and the play itself. The
# first three only compute.
include(rehearsal/scenarios/embed.cmake)
understudy_box(scenario rehearsal/scenario CORE LINKS config nlohmann_json::nlohmann_json)
target_sources(scenario PRIVATE ${BUILT_IN_SCENARIOS})
understudy_box(verdict rehearsal/verdict CORE LINKS scenario config)
understudy_box(report rehearsal/report LINKS verdict scenario config fmt::fmt
               nlohmann_json::nlohmann_json)
understudy_box(stage rehearsal/stage EXCEPT rehearse_main
               LINKS report verdict scenario config transport sqlite_lib fmt::fmt
                     nlohmann_json::nlohmann_json CLI11::CLI11)

foreach(name app gateway storage link)
  add_executable(understudy-${name} ${CMAKE_SOURCE_DIR}/rehearsal/${name}_main.cpp)
  target_link_libraries(understudy-${name} PRIVATE rehearsal_lib)
  understudy_flags(understudy-${name})
endforeach()

add_executable(understudy-rehearse ${CMAKE_SOURCE_DIR}/rehearsal/stage/rehearse_main.cpp)
target_link_libraries(understudy-rehearse PRIVATE stage)
understudy_flags(understudy-rehearse)
