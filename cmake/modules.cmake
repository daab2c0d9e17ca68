# The headers that most sources of modules with fmt include, compiled once (others differ in macros). The sources name all they use: the preset tidy builds without.
function(xpusim_precompile target)
  if(NOT TARGET xpusim_precompiled)
    add_library(xpusim_precompiled OBJECT ${PROJECT_SOURCE_DIR}/cmake/empty.cpp)
    target_compile_features(xpusim_precompiled PRIVATE cxx_std_20)
    target_link_libraries(xpusim_precompiled PRIVATE fmt::fmt xpusim_warnings)
    target_precompile_headers(xpusim_precompiled PRIVATE <algorithm> <array> <cmath> <cstdint> <functional> <map> <memory>
      <optional> <set> <span> <sstream> <string> <string_view> <tuple> <utility> <variant> <vector> <fmt/format.h>)
  endif()
  target_precompile_headers(${target} REUSE_FROM xpusim_precompiled)
endfunction()

# Code that runs once: a third less time to compile it than to optimise it.
function(xpusim_quick_compile target)
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
endfunction()

# Several sources as one translation unit. SEPARATE names those that share names inside their anonymous namespaces.
function(xpusim_bundle target separate)
  if(XPUSIM_BUNDLE AND NOT separate STREQUAL "ALL")
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 5)
    set_source_files_properties(${separate} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  endif()
endfunction()

# xpusim_module(NAME SOURCES ... USES ... PRIVATE_USES ... SEPARATE ...|ALL): one folder of src/ is one static library xpusim::NAME.
# Without SOURCES it is an interface library (headers only).
function(xpusim_module name)
  cmake_parse_arguments(ARG "" "" "SOURCES;USES;PRIVATE_USES;SEPARATE" ${ARGN})
  if(ARG_SOURCES)
    add_library(xpusim_${name} STATIC ${ARG_SOURCES})
    target_compile_features(xpusim_${name} PUBLIC cxx_std_20)
    target_include_directories(xpusim_${name} PUBLIC
      $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
      PRIVATE ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(xpusim_${name} PUBLIC ${ARG_USES} PRIVATE ${ARG_PRIVATE_USES}
      $<BUILD_INTERFACE:xpusim_warnings>)
    xpusim_bundle(xpusim_${name} "${ARG_SEPARATE}")
    if("fmt::fmt" IN_LIST ARG_PRIVATE_USES OR "fmt::fmt" IN_LIST ARG_USES)
      xpusim_precompile(xpusim_${name})
    endif()
  else()
    add_library(xpusim_${name} INTERFACE)
    target_compile_features(xpusim_${name} INTERFACE cxx_std_20)
    target_include_directories(xpusim_${name} INTERFACE
      $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
    target_link_libraries(xpusim_${name} INTERFACE ${ARG_USES})
  endif()
  add_library(xpusim::${name} ALIAS xpusim_${name})
  set_target_properties(xpusim_${name} PROPERTIES EXPORT_NAME ${name})
  set_property(GLOBAL APPEND PROPERTY XPUSIM_MODULE_TARGETS xpusim_${name})
endfunction()

# xpusim_test(NAME SOURCES ... USES ... SEPARATE ...|ALL [LABEL fast|slow|validation]): one Catch2 executable; every test case is
# a ctest test of its own process (one simulation per process).
function(xpusim_test name)
  cmake_parse_arguments(ARG "" "LABEL" "SOURCES;USES;SEPARATE" ${ARGN})
  if(NOT ARG_LABEL)
    set(ARG_LABEL fast)
  endif()
  add_executable(test_${name} ${ARG_SOURCES})
  target_include_directories(test_${name} PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/tests)
  target_compile_definitions(test_${name} PRIVATE XPUSIM_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_link_libraries(test_${name} PRIVATE ${ARG_USES} xpusim_test_main xpusim_warnings)
  target_precompile_headers(test_${name} REUSE_FROM xpusim_test_main)
  xpusim_bundle(test_${name} "${ARG_SEPARATE}")
  xpusim_quick_compile(test_${name})
  catch_discover_tests(test_${name} TEST_PREFIX "${name}: " PROPERTIES LABELS ${ARG_LABEL} TIMEOUT 300)
endfunction()
