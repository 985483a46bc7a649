# The stand-ins that rehearsals, the demo and the tests put behind the proxy: a function app and the
# storage account of its task hubs, each a process of its own, and a platform's front end.
understudy_box(rehearsal_lib rehearsal EXCEPT app_main gateway_main storage_main
               LINKS transport config sqlite_lib nlohmann_json::nlohmann_json fmt::fmt
                     CLI11::CLI11 ZLIB::ZLIB)

add_executable(understudy-app ${CMAKE_SOURCE_DIR}/rehearsal/app_main.cpp)
target_link_libraries(understudy-app PRIVATE rehearsal_lib)
understudy_flags(understudy-app)

add_executable(understudy-gateway ${CMAKE_SOURCE_DIR}/rehearsal/gateway_main.cpp)
target_link_libraries(understudy-gateway PRIVATE rehearsal_lib)
understudy_flags(understudy-gateway)

add_executable(understudy-storage ${CMAKE_SOURCE_DIR}/rehearsal/storage_main.cpp)
target_link_libraries(understudy-storage PRIVATE rehearsal_lib)
understudy_flags(understudy-storage)
