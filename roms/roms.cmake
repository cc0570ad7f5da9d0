# Owns the guests that are built with Ringside: roms/NAME/NAME.asm becomes the image build/roms/NAME.bin, a flash chip for
# -bios, and, if it is built in, roms::NAME(). A guest may include files of other folders: "common/start.inc".
find_program(NASM nasm REQUIRED)

add_library(roms STATIC)
target_include_directories(roms PUBLIC ${CMAKE_SOURCE_DIR})
add_custom_target(rom-images ALL)

function(rom name)
  file(GLOB parts CONFIGURE_DEPENDS roms/*/*.asm roms/*/*.inc)
  set(image ${CMAKE_BINARY_DIR}/roms/${name}.bin)
  add_custom_command(
    OUTPUT ${image}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/roms
    COMMAND ${NASM} -Werror -f bin -I ${CMAKE_SOURCE_DIR}/roms/ -o ${image} ${CMAKE_SOURCE_DIR}/roms/${name}/${name}.asm
    DEPENDS ${parts}
    COMMENT "Assembling roms/${name}")
  add_custom_target(rom-${name} DEPENDS ${image})
  add_dependencies(rom-images rom-${name})
endfunction()

function(build_in name)
  set(image ${CMAKE_BINARY_DIR}/roms/${name}.bin)
  set(code ${CMAKE_BINARY_DIR}/generated/roms/${name}.cpp)
  add_custom_command(
    OUTPUT ${code}
    COMMAND ${CMAKE_COMMAND} -DIMAGE=${image} -DNAME=${name} -DOUTPUT=${code} -P ${CMAKE_SOURCE_DIR}/roms/embed.cmake
    DEPENDS ${image} rom-${name} roms/embed.cmake
    COMMENT "Building in roms/${name}")
  target_sources(roms PRIVATE ${code})
endfunction()

rom(hello)
rom(visor)
rom(refusals)
build_in(visor)

# The program is declared after this file is read.
cmake_language(DEFER CALL target_link_libraries ringside PRIVATE roms)
