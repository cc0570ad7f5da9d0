# Owns the build of Python's module, where Python's headers and pybind11 are: build/python is a folder for PYTHONPATH, and the
# target wheel makes a wheel of it.
# The system's, which its packages of headers, pybind11 and pytest belong to, unless -DPython_EXECUTABLE names another.
if(NOT Python_EXECUTABLE AND EXISTS /usr/bin/python3)
  set(Python_EXECUTABLE /usr/bin/python3)
endif()
find_package(Python COMPONENTS Interpreter Development.Module)
find_package(pybind11 2.10 CONFIG QUIET)
set(HAS_PYTHON_MODULE OFF)
if(RINGSIDE_SANITIZE)
  # A Python without the sanitizers cannot load it.
elseif(NOT Python_FOUND OR NOT pybind11_FOUND)
  message(STATUS "No pybind11 or no headers of Python: no module for Python; pybind11-dev and python3-dev bring it")
else()
  set(HAS_PYTHON_MODULE ON)
  set(python_package ${CMAKE_BINARY_DIR}/python/ringside)
  pybind11_add_module(python_native MODULE NO_EXTRAS frontend/python/native.cpp)
  target_link_libraries(python_native PRIVATE library)
  target_link_options(python_native PRIVATE -Wl,--as-needed)
  set_target_properties(python_native PROPERTIES OUTPUT_NAME _native LIBRARY_OUTPUT_DIRECTORY ${python_package})
  file(GLOB python_sources CONFIGURE_DEPENDS frontend/python/ringside/*.py frontend/python/ringside/*.pyi
       frontend/python/ringside/py.typed)
  set(python_copies)
  foreach(source ${python_sources})
    get_filename_component(name ${source} NAME)
    add_custom_command(
      OUTPUT ${python_package}/${name}
      COMMAND ${CMAKE_COMMAND} -E copy ${source} ${python_package}/${name}
      DEPENDS ${source}
      COMMENT "Copying ${name}" VERBATIM)
    list(APPEND python_copies ${python_package}/${name})
  endforeach()
  add_custom_target(python ALL DEPENDS ${python_copies})
  add_dependencies(python python_native)
  add_custom_target(wheel
    COMMAND ${CMAKE_COMMAND} -E rm -rf ${python_package}/__pycache__
    COMMAND ${Python_EXECUTABLE} ${CMAKE_SOURCE_DIR}/frontend/python/wheel.py ${python_package} $<TARGET_FILE:ringside>
            ${PROJECT_VERSION} ${CMAKE_BINARY_DIR}
    DEPENDS ${CMAKE_SOURCE_DIR}/frontend/python/wheel.py
    COMMENT "Writing the wheel" VERBATIM)
  add_dependencies(wheel python ringside)
endif()
