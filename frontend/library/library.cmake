# Owns the build and the installation of libringside: the shared library, its headers, and what pkg-config and CMake know of it.
room(library frontend/library program)
set(library_exports ${CMAKE_SOURCE_DIR}/frontend/library/exports.map)
add_library(libringside SHARED ${library_exports})
set_target_properties(libringside PROPERTIES OUTPUT_NAME ringside VERSION 1.0 SOVERSION 1 LINKER_LANGUAGE CXX
                                             LINK_DEPENDS ${library_exports})
target_link_libraries(libringside PRIVATE $<LINK_LIBRARY:WHOLE_ARCHIVE,library>)
# What of the rooms nobody needs, the window's libraries among it, is left out.
target_link_options(libringside PRIVATE -Wl,--version-script=${library_exports} -Wl,--as-needed)
target_include_directories(libringside INTERFACE $<INSTALL_INTERFACE:include>)

install(TARGETS libringside EXPORT ringside LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(FILES frontend/library/ringside.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES frontend/library/instance.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/ringside)
# frontend/program/discovery/ringside-config.cmake takes it in.
install(EXPORT ringside NAMESPACE ringside:: FILE ringside-library.cmake DESTINATION share/cmake/ringside)
# The folders are named as seen from the file, wherever all of it is installed.
file(RELATIVE_PATH to_headers ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_FULL_INCLUDEDIR})
configure_file(frontend/library/ringside.pc.in ${CMAKE_BINARY_DIR}/generated/ringside.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/generated/ringside.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
