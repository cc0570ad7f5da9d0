# Owns the build of the kernel and of its programs. Each program lies at an address of its own, so that a debugger can have the names of all.
kit_image(lodge lodge lodge/vm kit/chips)

function(lodge_program name address)
  if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    return()
  endif()
  set(image ${CMAKE_BINARY_DIR}/roms/lodge-${name}.elf)
  set(folder ${CMAKE_BINARY_DIR}/roms/lodge-${name}.parts)
  file(MAKE_DIRECTORY ${folder})
  file(GLOB headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/roms/kit/*.h ${CMAKE_SOURCE_DIR}/roms/kit/*/*.h ${CMAKE_SOURCE_DIR}/roms/lodge/*.h
       ${CMAKE_SOURCE_DIR}/roms/lodge/programs/*.h ${CMAKE_SOURCE_DIR}/roms/lodge/programs/*/*.h)
  set(objects)
  foreach(source kit/types kit/print lodge/programs/program ${ARGN})
    string(REPLACE / - object ${source})
    set(object ${folder}/${object}.o)
    # The addresses are beyond what 32 bits hold, and code that is independent of its place has none of them in it.
    add_custom_command(OUTPUT ${object}
                       COMMAND ${CMAKE_CXX_COMPILER} ${kit_flags} -fpie -c -o ${object} ${CMAKE_SOURCE_DIR}/roms/${source}.cpp
                       DEPENDS roms/${source}.cpp ${headers} ${kit_names} COMMENT "Building roms/lodge: ${name}" VERBATIM)
    list(APPEND objects ${object})
  endforeach()
  add_custom_command(
    OUTPUT ${image}
    COMMAND ${RINGSIDE_LD} -m elf_x86_64 -z max-page-size=4096 -z noexecstack --no-warn-rwx-segments --defsym program_address=${address}
            -T ${CMAKE_SOURCE_DIR}/roms/lodge/programs/program.ld -o ${image} ${objects}
    DEPENDS ${objects} roms/lodge/programs/program.ld
    COMMENT "Linking roms/lodge-${name}" VERBATIM)
  add_custom_target(rom-lodge-${name} DEPENDS ${image})
  add_dependencies(rom-images rom-lodge-${name})
endfunction()

lodge_program(count 0x8000400000 lodge/programs/count)
lodge_program(vmm 0x8000800000 lodge/programs/vmm/vmm lodge/programs/vmm/devices lodge/programs/vmm/load lodge/programs/vmm/serial lodge/programs/vmm/rings lodge/programs/vmm/net kit/chips/uart kit/chips/rtc)
lodge_program(misbehave 0x8000c00000 lodge/programs/misbehave)
