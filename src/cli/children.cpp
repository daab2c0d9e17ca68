#include "cli/children.hpp"

#include <fmt/core.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>

namespace xpusim::cli {
namespace {

struct Child {
  std::size_t job = 0;
  pid_t pid = -1;
  int pipe = -1;
};

constexpr char kResult = 'R';  // first byte of a child's message: a result or an error follows
constexpr char kError = 'E';

void write_all(int fd, const std::string& text) {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = ::write(fd, text.data() + done, text.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return;  // the parent is gone: nobody is left to tell
    done += static_cast<std::size_t>(n);
  }
}

[[noreturn]] void run_child(const std::function<std::string()>& job, int fd) {
  std::string message;
  try {
    message = kResult + job();
  } catch (const std::exception& e) {
    message = std::string(1, kError) + e.what();
  }
  write_all(fd, message);
  ::_exit(0);  // the parent owns buffers and exit handlers
}

bool start(Child& child, const std::function<std::string()>& job) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) return false;
  std::fflush(nullptr);
  child.pid = ::fork();
  if (child.pid == 0) {
    ::close(ends[0]);
    run_child(job, ends[1]);
  }
  ::close(ends[1]);
  child.pipe = ends[0];
  if (child.pid < 0) ::close(ends[0]);
  return child.pid > 0;
}

void finish(const Child& child, ChildOutcome& outcome) {
  ::close(child.pipe);
  int status = 0;
  while (::waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) {
    outcome.interrupted = WTERMSIG(status) == SIGINT;
    outcome.error = fmt::format("the simulation process was ended by signal {} ({})",
                                WTERMSIG(status), ::strsignal(WTERMSIG(status)));
    outcome.text.clear();
  } else if (outcome.text.empty()) {
    outcome.error = "the simulation process sent nothing";
  } else if (outcome.text.front() == kError) {
    outcome.error = outcome.text.substr(1);
    outcome.text.clear();
  } else {
    outcome.text.erase(0, 1);
  }
}

}  // namespace

std::vector<ChildOutcome> run_in_children(const std::vector<std::function<std::string()>>& jobs,
                                          unsigned parallel,
                                          const std::function<void(std::size_t)>& on_done) {
  std::vector<ChildOutcome> outcomes(jobs.size());
  std::vector<Child> running;
  std::size_t next = 0;
  while (next < jobs.size() || !running.empty()) {
    while (next < jobs.size() && running.size() < std::max(1u, parallel)) {
      Child child{next, -1, -1};
      if (start(child, jobs[next])) {
        running.push_back(child);
      } else {
        outcomes[next].error =
            fmt::format("cannot start a simulation process: {}", std::strerror(errno));
      }
      ++next;
    }
    std::vector<pollfd> waits;
    for (const Child& child : running) waits.push_back({child.pipe, POLLIN, 0});
    if (::poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) break;
    for (std::size_t i = running.size(); i-- > 0;) {
      if (waits[i].revents == 0) continue;
      std::array<char, 65536> buffer{};
      const ssize_t n = ::read(running[i].pipe, buffer.data(), buffer.size());
      if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      ChildOutcome& outcome = outcomes[running[i].job];
      if (n > 0) {
        outcome.text.append(buffer.data(), static_cast<std::size_t>(n));
        continue;
      }
      finish(running[i], outcome);
      if (on_done) on_done(running[i].job);
      running.erase(running.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
  return outcomes;
}

}  // namespace xpusim::cli
