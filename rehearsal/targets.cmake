# The stand-ins that rehearsals, the demo and the tests put behind the proxy: a function app and the
# storage account of its task hubs, each a process of its own.
understudy_box(rehearsal_lib rehearsal EXCEPT app_main storage_main
               LINKS transport config SQLite::SQLite3 nlohmann_json::nlohmann_json fmt::fmt
                     CLI11::CLI11)

add_executable(understudy-app ${CMAKE_SOURCE_DIR}/rehearsal/app_main.cpp)
target_link_libraries(understudy-app PRIVATE rehearsal_lib)
understudy_flags(understudy-app)

add_executable(understudy-storage ${CMAKE_SOURCE_DIR}/rehearsal/storage_main.cpp)
target_link_libraries(understudy-storage PRIVATE rehearsal_lib)
understudy_flags(understudy-storage)
