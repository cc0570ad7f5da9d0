# Owns what find_package(ringside) brings to another project: the program as ringside::ringside, the library, and
# ringside_discover_tests(), which makes each test of a suite a test of ctest.
#
#   find_package(ringside REQUIRED)
#   enable_testing()
#   ringside_discover_tests(tests/suite.toml PREFIX vmx. LABELS emulated FLAGS --timeout 60 RUN_FLAGS -cpu Skylake-Server)
#   ringside_discover_tests(${kut}/x86/unittests.cfg)
#
# Tests are found whenever ctest starts, so a suite may be made by the build and may change without configuring anew. Each runs in a
# process of its own; ctest's -j, -R, -L, --rerun-failed and --output-junit see each. A suite that cannot be read is one failing test,
# which says why.
cmake_minimum_required(VERSION 3.18)
include(${CMAKE_CURRENT_LIST_DIR}/ringside-library.cmake OPTIONAL)  # ringside::libringside, where it was built
if(NOT TARGET ringside::ringside)
  get_filename_component(ringside_prefix ${CMAKE_CURRENT_LIST_DIR}/../../.. ABSOLUTE)
  add_executable(ringside::ringside IMPORTED GLOBAL)
  set_target_properties(ringside::ringside PROPERTIES IMPORTED_LOCATION ${ringside_prefix}/bin/ringside)
  unset(ringside_prefix)
endif()

# ringside_discover_tests(SUITE [PREFIX TEXT] [LABELS LABEL...] [PROPERTIES NAME VALUE...] [FLAGS FLAG...] [RUN_FLAGS FLAG...]
#                         [PROGRAM FILE]):
# SUITE      what `ringside test` takes; a relative path begins at the current source folder
# PREFIX     stands before each name; two suites whose tests have one name need it
# LABELS     of each test, beside the suite's own tags
# PROPERTIES of each test, as of set_tests_properties()
# FLAGS      of `ringside test`; --filter, --tag and --all choose the tests
# RUN_FLAGS  of the emulator, in every run
# PROGRAM    another ringside than that of the installation
function(ringside_discover_tests suite)
  cmake_parse_arguments(PARSE_ARGV 1 its "" "PREFIX;PROGRAM" "LABELS;PROPERTIES;FLAGS;RUN_FLAGS")
  if(its_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "ringside_discover_tests(${suite}): it has no ${its_UNPARSED_ARGUMENTS}; "
                        "it takes PREFIX, PROGRAM, LABELS, PROPERTIES, FLAGS and RUN_FLAGS")
  endif()
  if(NOT its_PROGRAM)
    get_target_property(its_PROGRAM ringside::ringside IMPORTED_LOCATION)
  endif()
  get_filename_component(suite ${suite} ABSOLUTE)
  # Two calls for one suite, with other flags, are two files.
  string(SHA1 hash "${suite};${its_PREFIX};${its_PROGRAM};${its_FLAGS};${its_RUN_FLAGS}")
  string(SUBSTRING ${hash} 0 12 hash)
  get_filename_component(name ${suite} NAME)
  set(found ${CMAKE_CURRENT_BINARY_DIR}/ringside-${name}-${hash}.cmake)
  set(text "# Made by ringside_discover_tests(): ctest reads it when it starts.\n")
  foreach(value suite its_PREFIX its_PROGRAM its_LABELS its_PROPERTIES its_FLAGS its_RUN_FLAGS)
    string(APPEND text "set(${value} [==[${${value}}]==])\n")
  endforeach()
  file(WRITE ${found} "${text}include([==[${CMAKE_CURRENT_FUNCTION_LIST_DIR}/ringside-discover.cmake]==])\n")
  set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${found})
endfunction()
