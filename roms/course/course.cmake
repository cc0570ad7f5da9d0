# Owns the folder from which `ringside course` works, build/course: the lessons, and the kit that exercises are built with. It is what is
# installed, too.
file(GLOB_RECURSE course_files CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR} roms/course/*.md roms/course/*.svg roms/course/*.txt
     roms/course/*.toml roms/course/*.cpp roms/course/*.h roms/course/*.asm)
file(GLOB course_kit CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR} roms/kit/*.cpp roms/kit/*.h roms/kit/*.asm roms/kit/*.ld)
# What only the tests need.
list(FILTER course_files EXCLUDE REGEX "/mistakes.toml$")
# What is no longer a file of the course is no longer there.
file(GLOB_RECURSE course_old RELATIVE ${CMAKE_BINARY_DIR}/course ${CMAKE_BINARY_DIR}/course/roms/*)
foreach(file IN LISTS course_old)
  if(NOT file IN_LIST course_files AND NOT file IN_LIST course_kit)
    file(REMOVE ${CMAKE_BINARY_DIR}/course/${file})
  endif()
endforeach()
foreach(file IN LISTS course_files course_kit)
  configure_file(${CMAKE_SOURCE_DIR}/${file} ${CMAKE_BINARY_DIR}/course/${file} COPYONLY)
endforeach()
add_custom_command(
  OUTPUT ${CMAKE_BINARY_DIR}/course/names.h
  COMMAND ${CMAKE_COMMAND} -E copy ${kit_names} ${CMAKE_BINARY_DIR}/course/names.h
  DEPENDS ${kit_names}
  COMMENT "Naming VMX's fields for the course" VERBATIM)
add_custom_target(course-files ALL DEPENDS ${CMAKE_BINARY_DIR}/course/names.h)
