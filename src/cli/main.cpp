#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "cli/app.hpp"
#include "cli/heap.hpp"

int main(int argc, char** argv) {
  xpusim::cli::prepare_heap();
  const int code = xpusim::cli::run_app(argc, argv);
  std::cout.flush();
  std::fflush(nullptr);
  std::quick_exit(code);  // the destructors of SimGrid's and ns-3's libraries take 8 ms
}
