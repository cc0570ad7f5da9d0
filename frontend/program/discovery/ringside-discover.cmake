# Owns how ctest learns a suite's tests when it starts: of the list that `ringside test SUITE --list` prints, a test each. The
# variables that it goes by are those that ringside_discover_tests() wrote into the file that includes this one.

# A test's name as a POSIX extended expression that matches nothing else. `]` and `}` have no meaning alone.
function(ringside_exactly name to)
  string(REGEX REPLACE "([][\\.()*+?{^$|])" "\\\\\\1" quoted "${name}")
  string(REPLACE "\\]" "]" quoted "${quoted}")
  set(${to} "^${quoted}$" PARENT_SCOPE)
endfunction()

# A line of the list: "SUITE: NAME", its tags and why it would not run, with tabs between. The suite's name is dropped, or, in a folder
# of suites, the folder's.
function(ringside_add_test line)
  string(FIND "${line}" "\t" end)
  string(SUBSTRING "${line}" 0 ${end} full)
  set(tags "")
  if(NOT end EQUAL -1)
    math(EXPR end "${end} + 1")
    string(SUBSTRING "${line}" ${end} -1 rest)
    string(FIND "${rest}" "\t" end)
    string(SUBSTRING "${rest}" 0 ${end} tags)
    string(REPLACE " " ";" tags "${tags}")
  endif()
  set(name "${full}")
  foreach(known "${suite}: " "${suite}/")
    string(LENGTH "${known}" length)
    string(FIND "${full}" "${known}" place)
    if(place EQUAL 0)
      string(SUBSTRING "${full}" ${length} -1 name)
      break()
    endif()
  endforeach()
  set(name "${its_PREFIX}${name}")
  ringside_exactly("${full}" only)
  set(labels ${its_LABELS} ${tags})
  set(run_flags "")
  if(its_RUN_FLAGS)
    set(run_flags -- ${its_RUN_FLAGS})
  endif()
  add_test("${name}" "${its_PROGRAM}" test "${suite}" ${its_FLAGS} --filter "${only}" ${run_flags})
  set_tests_properties("${name}" PROPERTIES SKIP_REGULAR_EXPRESSION "0 passed, 0 failed, 1 skipped\n$" LABELS "${labels}"
                                            ${its_PROPERTIES})
endfunction()

set(ringside_command "${its_PROGRAM}" test "${suite}" ${its_FLAGS} --list)
execute_process(COMMAND ${ringside_command} OUTPUT_VARIABLE ringside_list ERROR_VARIABLE ringside_error RESULT_VARIABLE ringside_status)
if(NOT ringside_status EQUAL 0)
  # It fails as a test, too, and says there what is wrong.
  add_test("${its_PREFIX}${suite}" ${ringside_command})
endif()
# Not a list of CMake's: a name may have brackets and semicolons.
string(FIND "${ringside_list}" "\n" ringside_end)
while(ringside_status EQUAL 0 AND NOT ringside_end EQUAL -1)
  string(SUBSTRING "${ringside_list}" 0 ${ringside_end} ringside_line)
  ringside_add_test("${ringside_line}")
  math(EXPR ringside_end "${ringside_end} + 1")
  string(SUBSTRING "${ringside_list}" ${ringside_end} -1 ringside_list)
  string(FIND "${ringside_list}" "\n" ringside_end)
endwhile()
