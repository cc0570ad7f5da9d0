# Owns the guests that are built with Ringside and built into it: roms/NAME/NAME.asm becomes roms::NAME().
find_program(NASM nasm REQUIRED)

add_library(roms STATIC)
target_include_directories(roms PUBLIC ${CMAKE_SOURCE_DIR})

function(rom name)
  file(GLOB parts CONFIGURE_DEPENDS roms/${name}/*.asm roms/${name}/*.inc)
  set(image ${CMAKE_BINARY_DIR}/roms/${name}.bin)
  set(code ${CMAKE_BINARY_DIR}/generated/roms/${name}.cpp)
  add_custom_command(
    OUTPUT ${image} ${code}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/roms
    COMMAND ${NASM} -Werror -f bin -I ${CMAKE_SOURCE_DIR}/roms/${name}/ -o ${image}
            ${CMAKE_SOURCE_DIR}/roms/${name}/${name}.asm
    COMMAND ${CMAKE_COMMAND} -DIMAGE=${image} -DNAME=${name} -DOUTPUT=${code} -P ${CMAKE_SOURCE_DIR}/roms/embed.cmake
    DEPENDS ${parts} roms/embed.cmake
    COMMENT "Assembling roms/${name}")
  target_sources(roms PRIVATE ${code})
endfunction()

rom(hello)

# The program is declared after this file is read.
cmake_language(DEFER CALL target_link_libraries ringside PRIVATE roms)
