# Warning flags of every target of ours; each has its reason.
add_library(xpusim_warnings INTERFACE)
target_compile_options(xpusim_warnings INTERFACE
  -Wall -Wextra           # the common ground
  -Wpedantic              # ISO C++ only: clang and g++ both build this
  -Wshadow                # a hidden variable is a misread formula
  -Wnon-virtual-dtor      # deleting through a base must be safe
  -Woverloaded-virtual    # an override that hides is a lost event
  # GCC 12 sees overlaps and overruns in "text" + std::string (GCC PR 105651, 105329); the sanitizers look in its place
  $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict> $<$<CXX_COMPILER_ID:GNU>:-Wno-array-bounds>
  $<$<CXX_COMPILER_ID:GNU>:-Wno-stringop-overflow>
  $<$<BOOL:${XPUSIM_WERROR}>:-Werror>)
if(XPUSIM_SANITIZE)
  target_compile_options(xpusim_warnings INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)  # GCC sees ghosts between its own checks
  target_compile_options(xpusim_warnings INTERFACE -fsanitize=${XPUSIM_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(xpusim_warnings INTERFACE -fsanitize=${XPUSIM_SANITIZE})
endif()
