# The four kinds of target the project has. Every source is named in a CMakeLists.txt; nothing is globbed.

# lgsp_library(name SOURCES a.cc ... DEPS target ...): static library lgsp_<name>.
function(lgsp_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_library(lgsp_${name} STATIC ${ARG_SOURCES})
  target_include_directories(lgsp_${name} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
  target_link_libraries(lgsp_${name} PUBLIC ${ARG_DEPS})
endfunction()

# lgsp_program(name SOURCES main.cc DEPS ...): the executable lgsp-<name>, or plain `lgsp` for the CLI.
function(lgsp_program name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
endfunction()

# lgsp_test(name SOURCES x_test.cc ... DEPS ...): a Catch2 binary registered with ctest. A test that takes
# longer than two minutes is stuck.
function(lgsp_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} lgsp_catch_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES TIMEOUT 120)
endfunction()

# lgsp_private_proto(target file.proto): code of a proto that belongs to one library or service (its config).
# `file` is relative to the current folder and is included as "<folder>/<file>.pb.h".
function(lgsp_private_proto target file)
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  get_filename_component(stem ${file} NAME_WE)
  set(out ${PROJECT_BINARY_DIR}/${folder}/${stem}.pb)
  add_custom_command(
    OUTPUT ${out}.cc ${out}.h
    COMMAND protobuf::protoc -I ${PROJECT_SOURCE_DIR} -I ${PROJECT_SOURCE_DIR}/protos
            --cpp_out ${PROJECT_BINARY_DIR} ${folder}/${file}
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
    DEPENDS ${file} VERBATIM)
  target_sources(${target} PRIVATE ${out}.cc)
  target_link_libraries(${target} PUBLIC lgsp_protos)
endfunction()

# lgsp_migrations(target namespace file.sql ...): embeds the migrations of a service, numbered 1, 2, 3 … in the order
# given, as `const std::vector<sql::Migration>& <namespace>::Migrations()` in "<folder>/migrations.h". Files of libraries
# are named by a path from the root. A file x.postgres.sql beside x.sql replaces it on PostgreSQL.
function(lgsp_migrations target namespace)
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  set(out ${PROJECT_BINARY_DIR}/${folder}/migrations)
  add_custom_command(
    OUTPUT ${out}.cc ${out}.h
    COMMAND /usr/bin/python3 ${PROJECT_SOURCE_DIR}/cmake/embed_migrations.py ${out} ${namespace} ${ARGN}
    WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
    DEPENDS ${PROJECT_SOURCE_DIR}/cmake/embed_migrations.py VERBATIM)
  foreach(file ${ARGN})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${file})
    add_custom_command(OUTPUT ${out}.cc ${out}.h APPEND DEPENDS ${PROJECT_SOURCE_DIR}/${file})
  endforeach()
  target_sources(${target} PRIVATE ${out}.cc)
  target_link_libraries(${target} PUBLIC lgsp_sql)
endfunction()
