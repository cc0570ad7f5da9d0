# Owns what `cmake --install` puts into place, and the Debian package (`cpack -G DEB`): the program, the guests that are not built
# in, the man page and bash's completion, which the program makes of its own tables.
include(GNUInstallDirs)
# A package needs the program, not the tests.
set(CMAKE_SKIP_INSTALL_ALL_DEPENDENCY ON)
set(manual_files)
# made_by_program(FILE WORD): what `ringside help WORD` says.
function(made_by_program file word)
  set(made ${CMAKE_BINARY_DIR}/generated/${file})
  add_custom_command(
    OUTPUT ${made}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/generated
    COMMAND ringside help ${word} > ${made}
    DEPENDS ringside ${program_modules}
    COMMENT "Writing ${file}" VERBATIM)
  set(manual_files ${manual_files} ${made} PARENT_SCOPE)
endfunction()
made_by_program(ringside.1 man)
made_by_program(ringside.bash bash)
add_custom_target(manual ALL DEPENDS ${manual_files})

install(TARGETS ringside)
# The program looks for a firmware image there (frontend/program/embedded.cpp).
install(DIRECTORY ${CMAKE_BINARY_DIR}/roms/ DESTINATION share/ringside/roms FILES_MATCHING PATTERN "*.parts" EXCLUDE
        PATTERN "*.bin" PATTERN "*.elf" PATTERN "suite.toml"
        PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ)
install(FILES ${CMAKE_BINARY_DIR}/generated/ringside.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES ${CMAKE_BINARY_DIR}/generated/ringside.bash DESTINATION share/bash-completion/completions RENAME ringside)
# The lessons, and what is built with an exercise (frontend/course/lessons.cpp).
install(DIRECTORY ${CMAKE_BINARY_DIR}/course/ DESTINATION share/ringside/course)
# For find_package(ringside) of other projects: the folder is the same whatever the system calls its libraries' folder.
include(CMakePackageConfigHelpers)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/generated/ringside-config-version.cmake COMPATIBILITY SameMajorVersion
                                 ARCH_INDEPENDENT)
install(FILES frontend/program/discovery/ringside-config.cmake frontend/program/discovery/ringside-discover.cmake
              ${CMAKE_BINARY_DIR}/generated/ringside-config-version.cmake DESTINATION share/cmake/ringside)
install(FILES README.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "The Ringside authors")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "x86-64 emulator with VMX that explains itself")
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_PACKAGE_SECTION otherosfs)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
# With these `ringside course` builds exercises; nothing else needs them.
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "g++, nasm, binutils")
include(CPack)
