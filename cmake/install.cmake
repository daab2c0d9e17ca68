# Program, headers, libraries and the parts catalogue; find_package(xpusim) afterwards gives xpusim::simulation and so on.
include(CMakePackageConfigHelpers)
get_property(module_targets GLOBAL PROPERTY XPUSIM_MODULE_TARGETS)
install(TARGETS ${module_targets} xpusim_warnings EXPORT xpusimTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS xpusim RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY include/xpusim DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY configs scenarios DESTINATION ${CMAKE_INSTALL_DATADIR}/xpusim)
install(EXPORT xpusimTargets NAMESPACE xpusim:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/xpusim)
configure_package_config_file(cmake/xpusimConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/xpusimConfig.cmake
                              INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/xpusim)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/xpusimConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/xpusimConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/xpusimConfigVersion.cmake
              cmake/FindSimGrid.cmake
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/xpusim)
