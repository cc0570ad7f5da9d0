# Owns the guests that are built with Ringside: roms/NAME/NAME.asm becomes the image build/roms/NAME.bin, a flash chip for
# -bios, and, if it is built in, roms::NAME() and roms::NAME_symbols(). A guest may include files of other folders: "common/start.inc".
# Beside the image lies build/roms/NAME.elf: the same bytes with symbols and source lines for a debugger. It is assembled
# a second time, because only an object file can carry them, and linked to where the image is seen below 1 MiB.
find_program(NASM nasm REQUIRED)
find_program(RINGSIDE_LD ld REQUIRED)

add_library(roms STATIC)
target_include_directories(roms PUBLIC ${CMAKE_SOURCE_DIR})
add_custom_target(rom-images ALL)
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/roms ${CMAKE_BINARY_DIR}/generated/roms)

# Every image has 64 KiB.
function(rom name)
  set(low 0xf0000)
  file(GLOB parts CONFIGURE_DEPENDS roms/*/*.asm roms/*/*.inc)
  set(image ${CMAKE_BINARY_DIR}/roms/${name}.bin)
  add_custom_command(
    OUTPUT ${image}
    COMMAND ${NASM} -Werror -f bin -I ${CMAKE_SOURCE_DIR}/roms/ -o ${image} ${CMAKE_SOURCE_DIR}/roms/${name}/${name}.asm
    DEPENDS ${parts}
    COMMENT "Assembling roms/${name}")
  set(symbols ${CMAKE_BINARY_DIR}/roms/${name}.elf)
  add_custom_command(
    OUTPUT ${symbols}
    COMMAND ${NASM} -Werror -f elf64 -g -F dwarf -I ${CMAKE_SOURCE_DIR}/roms/ -o ${symbols}.o ${CMAKE_SOURCE_DIR}/roms/${name}/${name}.asm
    COMMAND ${RINGSIDE_LD} -m elf_x86_64 -e ${low} -Ttext=${low} -o ${symbols} ${symbols}.o
    DEPENDS ${parts}
    COMMENT "Assembling roms/${name} for a debugger")
  add_custom_target(rom-${name} DEPENDS ${image} ${symbols})
  add_dependencies(rom-images rom-${name})
endfunction()

function(build_in name)
  set(image ${CMAKE_BINARY_DIR}/roms/${name}.bin)
  set(symbols ${CMAKE_BINARY_DIR}/roms/${name}.elf)
  set(code ${CMAKE_BINARY_DIR}/generated/roms/${name}.cpp)
  add_custom_command(
    OUTPUT ${code}
    COMMAND ${CMAKE_COMMAND} -DIMAGE=${image} -DSYMBOLS=${symbols} -DNAME=${name} -DOUTPUT=${code} -P ${CMAKE_SOURCE_DIR}/roms/embed.cmake
    DEPENDS ${image} ${symbols} rom-${name} roms/embed.cmake
    COMMENT "Building in roms/${name}")
  target_sources(roms PRIVATE ${code})
endfunction()

# A hypervisor in C for -kernel, with its symbols in it: roms/NAME/NAME.c and start.asm become build/roms/NAME.elf. The build's
# own compiler makes it, so that there is none where that is not one for x86-64.
function(c_guest name)
  if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    return()
  endif()
  set(image ${CMAKE_BINARY_DIR}/roms/${name}.elf)
  set(source ${CMAKE_SOURCE_DIR}/roms/${name})
  add_custom_command(
    OUTPUT ${image}
    COMMAND ${NASM} -Werror -f elf64 -g -F dwarf -o ${image}.start.o ${source}/start.asm
    COMMAND ${CMAKE_CXX_COMPILER} -x c -std=c11 -O1 -g -m64 -ffreestanding -fno-pic -fno-pie -mno-red-zone -mgeneral-regs-only
            -fno-stack-protector -fcf-protection=none -Wall -Wextra -Werror -c -o ${image}.c.o ${source}/${name}.c
    COMMAND ${RINGSIDE_LD} -m elf_x86_64 -z max-page-size=4096 -z noexecstack --no-warn-rwx-segments -N -e start -Ttext=0x100000
            -o ${image} ${image}.start.o ${image}.c.o
    DEPENDS ${source}/${name}.c ${source}/start.asm
    COMMENT "Building roms/${name}" VERBATIM)
  add_custom_target(rom-${name} DEPENDS ${image})
  add_dependencies(rom-images rom-${name})
endfunction()

# A UEFI program: roms/NAME/NAME.cpp, the PE header in header.asm and the script image.ld become build/roms/NAME.elf, which has
# the symbols, and build/roms/NAME.efi, the same bytes without them.
function(efi_guest name)
  if(NOT CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    return()
  endif()
  set(image ${CMAKE_BINARY_DIR}/roms/${name})
  set(source ${CMAKE_SOURCE_DIR}/roms/${name})
  file(GLOB parts CONFIGURE_DEPENDS ${source}/*)
  add_custom_command(
    OUTPUT ${image}.efi ${image}.elf
    COMMAND ${NASM} -Werror -f elf64 -o ${image}.header.o ${source}/header.asm
    COMMAND ${CMAKE_CXX_COMPILER} -std=c++20 -O1 -g -m64 -ffreestanding -fpic -fvisibility=hidden -fno-exceptions -fno-rtti
            -fno-jump-tables -mno-red-zone -mgeneral-regs-only -fno-stack-protector -fno-asynchronous-unwind-tables
            -fcf-protection=none -Wall -Wextra -Werror -I ${CMAKE_SOURCE_DIR} -c -o ${image}.efi.o ${source}/${name}.cpp
    COMMAND ${RINGSIDE_LD} -m elf_x86_64 -z noexecstack -T ${source}/image.ld -o ${image}.elf ${image}.header.o ${image}.efi.o
    COMMAND ${CMAKE_OBJCOPY} -O binary ${image}.elf ${image}.efi
    DEPENDS ${parts}
    COMMENT "Building roms/${name}" VERBATIM)
  add_custom_target(rom-${name} DEPENDS ${image}.efi ${image}.elf)
  add_dependencies(rom-images rom-${name})
endfunction()

configure_file(${CMAKE_SOURCE_DIR}/roms/suite.toml ${CMAKE_BINARY_DIR}/roms/suite.toml COPYONLY)
include(roms/kit/kit.cmake)
rom(hello)
rom(visor)
rom(refusals)
build_in(visor)
c_guest(mistakes)
kit_image(tiny tiny)
kit_suite(tiny)
include(roms/lodge/lodge.cmake)
kit_suite(lodge)
kit_image(loft kit/chips loft)
kit_image(loft-control loft/control)
kit_suite(loft)
efi_guest(efi_vmx)
include(roms/course/course.cmake)

# The program's library is declared after this file is read.
cmake_language(DEFER CALL target_link_libraries program PRIVATE roms)
