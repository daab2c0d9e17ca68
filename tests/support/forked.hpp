// One simulation per process: tests that compare runs give each its own child.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>

namespace xpusim::test {

/// Runs `job` in a child and returns its text. Throws std::runtime_error with the child's message
/// when it fails.
inline std::string forked(const std::function<std::string()>& job) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) throw std::runtime_error("pipe");
  const pid_t pid = fork();
  if (pid == 0) {
    close(ends[0]);
    std::string text;
    int code = 0;
    try {
      text = job();
    } catch (const std::exception& e) {
      text = e.what();
      code = 1;
    }
    for (std::size_t done = 0; done < text.size();) {
      const ssize_t n = write(ends[1], text.data() + done, text.size() - done);
      if (n <= 0) break;
      done += static_cast<std::size_t>(n);
    }
    _exit(code);
  }
  close(ends[1]);
  std::string text;
  std::array<char, 4096> buffer{};
  for (ssize_t n = 0; (n = read(ends[0], buffer.data(), buffer.size())) > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
  close(ends[0]);
  int status = 0;
  waitpid(pid, &status, 0);
  if (!WIFEXITED(status)) throw std::runtime_error("child ended by a signal");
  if (WEXITSTATUS(status) != 0) throw std::runtime_error(text);
  return text;
}

}  // namespace xpusim::test
