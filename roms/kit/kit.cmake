# Owns the build of programs on the kit: kit_image(NAME FOLDER...) makes build/roms/NAME.elf, with its symbols, of all .cpp and .asm files of these folders of
# roms/ and of roms/kit. DEFINE makes the name a macro, for variants. The build's own compiler makes it, so that there is none where that is not
# one for x86-64.
set(kit_names ${CMAKE_BINARY_DIR}/generated/roms/names.h)
add_custom_command(
  OUTPUT ${kit_names}
  COMMAND ${CMAKE_COMMAND} -DSOURCE=${CMAKE_SOURCE_DIR} -DOUTPUT=${kit_names} -P ${CMAKE_SOURCE_DIR}/roms/kit/names.cmake
  DEPENDS roms/kit/names.cmake vmx/fields.inc vmx/instruction_errors.inc cpu/arch/exits.inc cpu/arch/vmx_controls.inc cpu/arch/register_bits.inc
          cpu/state/msr_rows.inc cpu/state/msr_table.cpp
  COMMENT "Naming VMX's fields for roms/kit")

set(kit_flags -std=c++20 -O1 -g -m64 -ffreestanding -fno-pic -fno-pie -mcmodel=small -mno-red-zone -mgeneral-regs-only -fno-exceptions
    -fno-rtti -fno-threadsafe-statics -fno-stack-protector -fno-asynchronous-unwind-tables -fno-omit-frame-pointer -fcf-protection=none
    -Wall -Wextra -Werror -I ${CMAKE_SOURCE_DIR} -I ${CMAKE_BINARY_DIR}/generated/roms)

function(kit_image name)
  if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    return()
  endif()
  cmake_parse_arguments(PARSE_ARGV 1 kit "" "" "DEFINE")
  set(image ${CMAKE_BINARY_DIR}/roms/${name}.elf)
  set(folder ${CMAKE_BINARY_DIR}/roms/${name}.parts)
  file(MAKE_DIRECTORY ${folder})
  set(objects)
  foreach(part kit ${kit_UNPARSED_ARGUMENTS})
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/roms/${part}/*.cpp ${CMAKE_SOURCE_DIR}/roms/${part}/*.asm)
    file(GLOB headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/roms/kit/*.h ${CMAKE_SOURCE_DIR}/roms/kit/*/*.h ${CMAKE_SOURCE_DIR}/roms/${part}/*.h)
    foreach(source IN LISTS sources)
      string(REPLACE ${CMAKE_SOURCE_DIR}/roms/ "" object ${source})
      string(REPLACE / - object ${object})
      set(object ${folder}/${object}.o)
      if(source MATCHES "\\.asm$")
        set(compile ${NASM} -Werror -f elf64 -g -F dwarf -o ${object} ${source})
      else()
        set(compile ${CMAKE_CXX_COMPILER} ${kit_flags} ${kit_DEFINE} -c -o ${object} ${source})
      endif()
      add_custom_command(OUTPUT ${object} COMMAND ${compile}
                         DEPENDS ${source} ${headers} ${kit_names} COMMENT "Building roms/${name}: ${part}" VERBATIM)
      list(APPEND objects ${object})
    endforeach()
  endforeach()
  add_custom_command(
    OUTPUT ${image}
    COMMAND ${RINGSIDE_LD} -m elf_x86_64 -z max-page-size=4096 -z noexecstack --no-warn-rwx-segments -T ${CMAKE_SOURCE_DIR}/roms/kit/image.ld
            -o ${image} ${objects}
    DEPENDS ${objects} roms/kit/image.ld
    COMMENT "Linking roms/${name}" VERBATIM)
  add_custom_target(rom-${name} DEPENDS ${image})
  add_dependencies(rom-images rom-${name})
endfunction()

# The tests of roms/NAME: its suite.toml becomes build/roms/NAME.toml, beside the images, and is one of the tests of the build.
function(kit_suite name)
  if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    return()
  endif()
  configure_file(${CMAKE_SOURCE_DIR}/roms/${name}/suite.toml ${CMAKE_BINARY_DIR}/roms/${name}.toml COPYONLY)
  set_property(GLOBAL APPEND PROPERTY kit_suites ${name})
endfunction()
