# Owns the list of tests: one doctest program for each folder of tests/ that holds .cpp files, named
# test-<folder>, linked with the rooms it may need; the static libraries bring in only what a test uses.
add_library(test-main OBJECT tests/main.cpp)
target_link_libraries(test-main PRIVATE arch)
# test-main asks doctest for the main program before the first look at its header, so that the tests' precompiled headers are
# another target's, which has nothing else.
if(RINGSIDE_FIRST_BUILD)
  file(WRITE ${CMAKE_BINARY_DIR}/generated/test_headers.cpp "")
  add_library(test-headers OBJECT ${CMAKE_BINARY_DIR}/generated/test_headers.cpp)
  target_link_libraries(test-headers PRIVATE arch)
  quicken(test-headers test-headers <set> <doctest/doctest.h>)
endif()

# With the sanitizers, the optimizer takes more than half of the time in which gcc compiles a test, and saves little when it runs:
# the rooms below the tests are optimized. But for tests which compute a great deal by themselves.
set(tests_that_compute mmu decode float80 exec oracle system)
function(compile_quickly target)
  if(RINGSIDE_SANITIZE)
    target_compile_options(${target} PRIVATE -O0)
  endif()
endfunction()
if(RINGSIDE_FIRST_BUILD)
  compile_quickly(test-headers)
endif()

# gcc 12 sees uninitialized members in std::regex where the sanitizers are on.
if(RINGSIDE_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  set_source_files_properties(tests/machine/roms_test.cpp tests/gdb/gdb_test.cpp tests/gdb/reverse_test.cpp
                              tests/cli/mistakes_test.cpp
                              PROPERTIES COMPILE_OPTIONS -Wno-maybe-uninitialized)
endif()

# Tests whose names in their files' own namespaces are another file's of the folder as well: compiled alone.
set_source_files_properties(
    tests/cli/bundle_test.cpp
    tests/differ/replays_test.cpp
    tests/cli/run_test.cpp
    tests/cli/terminal_test.cpp
    tests/cli/vmx_test.cpp
    tests/cli/window_test.cpp
    tests/conform/toml_suite_test.cpp
    tests/debug/json_value_test.cpp
    tests/debug/look_vmcs_test.cpp
    tests/debug/symbols_debug_file_test.cpp
    tests/decode/rows_test.cpp
    tests/devices/fat_folder_test.cpp
    tests/devices/floppy_test.cpp
    tests/devices/fwcfg_testdev_test.cpp
    tests/devices/hpet_test.cpp
    tests/devices/i8042_test.cpp
    tests/devices/io_apic_test.cpp
    tests/devices/pci_test.cpp
    tests/devices/pic_test.cpp
    tests/devices/pit_test.cpp
    tests/devices/rtc_test.cpp
    tests/devices/uart_test.cpp
    tests/devices/vga_test.cpp
    tests/exec/engine_lockstep_test.cpp
    tests/exec/engine_memory_test.cpp
    tests/lint/pages.cpp
    tests/lint/pages_test.cpp
    tests/machine/load_elf_test.cpp
    tests/machine/load_hostile_test.cpp
    tests/mmu/memory_test.cpp
    tests/mmu/tlb_share_test.cpp
    tests/mmu/tlb_test.cpp
    tests/mmu/translations_test.cpp
    tests/oracle/segments.cpp
    tests/oracle/user_test.cpp
    tests/state/msr_bits_test.cpp
    tests/state/msr_test.cpp
    tests/state/register_test.cpp
    tests/system/saving_test.cpp
    tests/vmx/explain_exit_test.cpp
    tests/vmx/refusals_test.cpp
    tests/vmx/row_facts_test.cpp
    tests/vmx/rules_guest_cases.cpp
    PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
# This one looks for its own lines, which the first build leaves away for all others.
set_source_files_properties(tests/debug/backtrace_test.cpp PROPERTIES
                            SKIP_UNITY_BUILD_INCLUSION ON SKIP_PRECOMPILE_HEADERS ON COMPILE_OPTIONS -g1)

function(room_tests folder)
  file(GLOB sources CONFIGURE_DEPENDS tests/${folder}/*.cpp)
  list(FILTER sources EXCLUDE REGEX /kvmtest.cpp$) # a guest's program
  if(sources)
    add_executable(test-${folder} ${sources})
    target_link_libraries(test-${folder} PRIVATE test-main ${ARGN})
    if(NOT (RINGSIDE_SANITIZE AND folder IN_LIST tests_that_compute))
      compile_quickly(test-${folder})
      quicken(test-${folder} test-headers)  # which are not optimized either
    endif()
    target_compile_definitions(test-${folder} PRIVATE RINGSIDE_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
                                                      RINGSIDE_BINARY_DIR="${CMAKE_BINARY_DIR}")
    add_test(NAME ${folder} COMMAND test-${folder})
    # Its end is not for a busy host to decide.
    set_tests_properties(${folder} PROPERTIES TIMEOUT 7200)
  endif()
endfunction()

room_tests(arch arch)
room_tests(lint arch)
room_tests(mmu mmu)
room_tests(devices devices)
room_tests(state state)
room_tests(decode exec ${CAPSTONE})
room_tests(float80 exec)
room_tests(exec exec)
room_tests(oracle exec)
room_tests(vmx machine)
room_tests(window sdl)
find_library(VNCCLIENT vncclient)
if(VNCSERVER AND VNCSERVER_HEADERS AND VNCCLIENT)
  room_tests(vnc vnc ${VNCCLIENT})
endif()
room_tests(machine machine screen)
room_tests(replay replay)
if(TARGET test-machine AND TARGET rom-images)
  add_dependencies(test-machine rom-images)
endif()
# tests/system/NAME.asm becomes the image build/tests/system/NAME.bin, a flash chip for -bios.
file(GLOB system_sources CONFIGURE_DEPENDS tests/system/*.asm)
file(GLOB_RECURSE system_parts CONFIGURE_DEPENDS tests/system/*.inc roms/common/*.inc)
set(system_images)
foreach(source ${system_sources})
  get_filename_component(name ${source} NAME_WE)
  set(image ${CMAKE_BINARY_DIR}/tests/system/${name}.bin)
  add_custom_command(
    OUTPUT ${image}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/tests/system
    COMMAND ${NASM} -Werror -f bin -I ${CMAKE_SOURCE_DIR}/tests/system/ -I ${CMAKE_SOURCE_DIR}/roms/ -o ${image} ${source}
    DEPENDS ${source} ${system_parts}
    COMMENT "Assembling tests/system/${name}" VERBATIM)
  list(APPEND system_images ${image})
endforeach()
add_custom_target(system-images DEPENDS ${system_images})
room_tests(system machine)
add_dependencies(test-system system-images)
if(TARGET rom-images)
  add_dependencies(test-system rom-images)
endif()

# Its types are looked up by a test.
# Its variables are looked for where an optimizer puts them.
set_source_files_properties(tests/debug/linux_structures.cpp PROPERTIES COMPILE_OPTIONS "-g;-O1" SKIP_PRECOMPILE_HEADERS ON)
room_tests(debug commands)
if(TARGET test-debug)
  add_dependencies(test-debug rom-images)
endif()
room_tests(inspector inspector_panes screen)
if(TARGET test-inspector)
  add_dependencies(test-inspector rom-images)
  if(HAS_INSPECTOR)
    target_include_directories(test-inspector SYSTEM PRIVATE ${SDL2_HEADERS})
  else()
    set_source_files_properties(tests/inspector/panes_test.cpp PROPERTIES HEADER_FILE_ONLY ON)
  endif()
endif()
room_tests(differ differ)
if(TARGET test-differ)
  add_dependencies(test-differ rom-images)
endif()
room_tests(compare compare)
if(TARGET test-compare)
  target_sources(test-compare PRIVATE tests/cli/program.cpp)
  add_dependencies(test-compare ringside rom-images)
endif()
room_tests(gdb gdb)
if(TARGET test-gdb)
  target_sources(test-gdb PRIVATE tests/cli/program.cpp)
  add_dependencies(test-gdb ringside rom-images)
endif()
room_tests(conform conform)
if(TARGET test-conform)
  target_sources(test-conform PRIVATE tests/cli/program.cpp)
  add_dependencies(test-conform ringside)
endif()
# The project's own guests as a suite.
if(TARGET ringside AND TARGET rom-images)
  add_test(NAME roms-suite COMMAND ringside test ${CMAKE_BINARY_DIR}/roms/suite.toml)
  set_tests_properties(roms-suite PROPERTIES ENVIRONMENT "XDG_CACHE_HOME=${CMAKE_BINARY_DIR}/cache")
endif()
# The suites of the guests on roms/kit.
if(TARGET ringside AND TARGET rom-images)
  get_property(kit_suites GLOBAL PROPERTY kit_suites)
  foreach(suite IN LISTS kit_suites)
    add_custom_target(test-roms-${suite} DEPENDS ringside rom-images)
    add_test(NAME roms-${suite} COMMAND ringside test ${CMAKE_BINARY_DIR}/roms/${suite}.toml)
    set_tests_properties(roms-${suite} PROPERTIES ENVIRONMENT "XDG_CACHE_HOME=${CMAKE_BINARY_DIR}/cache")
  endforeach()
endif()
# The recipes for CI systems, with that suite.
if(TARGET ringside AND TARGET rom-images AND Python_EXECUTABLE AND NOT RINGSIDE_SANITIZE)
  add_custom_target(test-recipes DEPENDS ringside rom-images)
  add_test(NAME recipes COMMAND ${Python_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/recipes.py all $<TARGET_FILE:ringside>
                                ${CMAKE_BINARY_DIR}/roms/suite.toml)
  set_tests_properties(recipes PROPERTIES SKIP_RETURN_CODE 77)
endif()
room_tests(cli replay)
if(TARGET test-cli)
  add_dependencies(test-cli ringside rom-images manual)
  target_compile_definitions(test-cli PRIVATE CMAKE_PROGRAM="${CMAKE_COMMAND}" CTEST_PROGRAM="${CMAKE_CTEST_COMMAND}"
                                              CMAKE_GENERATOR="${CMAKE_GENERATOR}")
  # The line editor keeps its last lines for ever. Windows open on desktops of the tests' own only.
  set_tests_properties(cli PROPERTIES ENVIRONMENT
                       "LSAN_OPTIONS=suppressions=${CMAKE_SOURCE_DIR}/tests/cli/leaks.txt:print_suppressions=0;DISPLAY=;WAYLAND_DISPLAY=")
endif()

# The lessons, each built several times with the host's compiler.
room_tests(course course)
if(TARGET test-course)
  target_sources(test-course PRIVATE tests/cli/program.cpp)
  add_dependencies(test-course ringside course-files)
endif()

# The library: from within, and as others build against it.
if(RINGSIDE_LIBRARY)
  room_tests(library library)
  target_sources(test-library PRIVATE tests/cli/program.cpp)
  add_dependencies(test-library libringside ringside rom-images manual)
  target_compile_definitions(test-library PRIVATE CMAKE_PROGRAM="${CMAKE_COMMAND}"
    RINGSIDE_CLIENT_FLAGS="$<$<BOOL:${RINGSIDE_SANITIZE}>:-fsanitize=address,undefined>")
  add_dependencies(test-cli libringside)  # which installs everything
endif()
if(HAS_PYTHON_MODULE)
  execute_process(COMMAND ${Python_EXECUTABLE} -c "import pytest" RESULT_VARIABLE no_pytest OUTPUT_QUIET ERROR_QUIET)
  if(no_pytest)
    message(STATUS "No pytest: the Python module is not tested; python3-pytest brings it")
  else()
    add_custom_target(test-python DEPENDS python rom-images)
    add_test(NAME python COMMAND ${Python_EXECUTABLE} -m pytest -q -p ringside.pytest_plugin -p no:cacheprovider ${CMAKE_SOURCE_DIR}/tests/python)
    set_tests_properties(python PROPERTIES ENVIRONMENT
      "PYTHONPATH=${CMAKE_BINARY_DIR}/python;PYTHONDONTWRITEBYTECODE=1;RINGSIDE_ROMS=${CMAKE_BINARY_DIR}/roms")
  endif()
endif()

# Boots of real systems, where RINGSIDE_GUESTS names the folder with their images (tests/guests/README.md).
room_tests(guests replay)
if(TARGET test-guests)
  target_sources(test-guests PRIVATE tests/cli/program.cpp tests/cli/desktop.cpp)
  # With the sanitizers a person at the window would wait for minutes between a key and what it does.
  if(RINGSIDE_SANITIZE)
    set_source_files_properties(tests/guests/window_test.cpp PROPERTIES HEADER_FILE_ONLY ON)
  endif()
  add_dependencies(test-guests ringside rom-images)
endif()

# The benchmark's kernels, two iterations each, against the same kernels on the host: what they compute, never how fast.
find_package(Python3 COMPONENTS Interpreter)
if(TARGET ringside AND Python3_FOUND AND CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  add_test(NAME bench-sums COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/bench/run.py --check --peers none
    --ringside $<TARGET_FILE:ringside> --image ${CMAKE_BINARY_DIR}/bench)
endif()

# The longest first, so that no core waits for the last one. The numbers matter by their order only.
foreach(cost guests:2000 cli:600 exec:180 debug:80 machine:70 vmx:40)
  string(REPLACE ":" ";" cost ${cost})
  list(GET cost 0 name)
  list(GET cost 1 seconds)
  if(TEST ${name})
    set_tests_properties(${name} PROPERTIES COST ${seconds})
  endif()
endforeach()

# Random cases for as long as it takes: 100 million of VEX rows and more of the others against the host, 2 million of either in a
# test run; so for the decoder and
# the dispatchers.
add_custom_target(soak
  COMMAND ${CMAKE_COMMAND} -E env RINGSIDE_SOAK=50 $<TARGET_FILE:test-oracle>
  COMMAND ${CMAKE_COMMAND} -E env RINGSIDE_SOAK=30 $<TARGET_FILE:test-float80>
  COMMAND ${CMAKE_COMMAND} -E env RINGSIDE_SOAK=30 $<TARGET_FILE:test-decode>
  COMMAND ${CMAKE_COMMAND} -E env RINGSIDE_SOAK=30 $<TARGET_FILE:test-exec>
  USES_TERMINAL VERBATIM)

# The fuzz targets, one a file of tests/fuzz/. With RINGSIDE_FUZZ they are libFuzzer programs, fuzz-<name>, that run until they are
# stopped; without, tests that replay a fixed number of inputs.
file(GLOB fuzzers CONFIGURE_DEPENDS tests/fuzz/*.cpp)
set(replayed_decode 20000)
set(replayed_load 400)
set(replayed_machine 100)
set(replayed_gdb 1000)
set(replayed_vmx 300)
set(replayed_debugger 400)
set(replayed_restore 400)
set(replayed_state_file 200)
set(replayed_pc_input 200)
set(replayed_drives 300)
set(replayed_discs 300)
set(replayed_recording 20000)
set(replayed_archive 5000)
foreach(source ${fuzzers})
  get_filename_component(name ${source} NAME_WE)
  if(RINGSIDE_FUZZ)
    add_executable(fuzz-${name} ${source} tests/fuzz/replay/sanitizer_options.cpp)
    target_link_options(fuzz-${name} PRIVATE -fsanitize=fuzzer)
  else()
    add_executable(fuzz-${name} ${source} tests/fuzz/replay/sanitizer_options.cpp tests/fuzz/replay/main.cpp)
    add_test(NAME fuzz-${name} COMMAND fuzz-${name} ${replayed_${name}})
  endif()
  target_link_libraries(fuzz-${name} PRIVATE gdb)
  target_compile_definitions(fuzz-${name} PRIVATE RINGSIDE_BINARY_DIR="${CMAKE_BINARY_DIR}")
endforeach()
add_dependencies(fuzz-debugger rom-images)
add_dependencies(fuzz-restore rom-images)
add_dependencies(fuzz-state_file rom-images)
