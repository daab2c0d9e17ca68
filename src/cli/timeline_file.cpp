#include "cli/timeline_file.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>

#include "report/numbers.hpp"
#include "xpusim/diagnostic.hpp"

namespace xpusim::cli {
namespace {

namespace fs = std::filesystem;

/// Names that an interrupt must remove; fixed storage, for a signal handler reads it.
constexpr std::size_t kRemembered = 64, kNameBytes = 4096;
std::array<std::array<char, kNameBytes>, kRemembered> remembered;

void remember(const std::string& name) {
  if (name.size() >= kNameBytes) return;
  for (auto& slot : remembered) {
    if (slot[0] != '\0') continue;
    std::copy(name.begin() + 1, name.end(), slot.begin() + 1);
    slot[0] = name[0];
    return;
  }
}

void forget(const std::string& name) {
  for (auto& slot : remembered) {
    if (name == slot.data()) slot.fill('\0');
  }
}

[[noreturn]] void refuse(const fs::path& path, const char* why) {
  throw InputError("cannot-write", fmt::format("cannot write '{}'{}", path.string(), why),
                   "choose another file with --timeline");
}

/// A name that is free, or a regular file's: a device or folder must not be replaced.
void require_file(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!path.has_filename() || (fs::exists(status) && !fs::is_regular_file(status)))
    refuse(path, ": it is no regular file");
}

}  // namespace

void remove_temporary_files() noexcept {
  for (const auto& slot : remembered) {
    if (slot[0] != '\0') ::unlink(slot.data());
  }
}

TimelineFile::TimelineFile(fs::path path) : path_(std::move(path)) {
  require_file(path_);
  std::error_code error;
  if (path_.has_parent_path()) fs::create_directories(path_.parent_path(), error);
  temporary_ = path_;
  temporary_ += fmt::format(".{}.tmp", ::getpid());
  if (!std::ofstream(temporary_, std::ios::binary)) refuse(path_, "");
  remember(temporary_.string());
}

TimelineFile::TimelineFile(TimelineFile&& other) noexcept
    : path_(std::move(other.path_)), temporary_(std::move(other.temporary_)) {
  other.temporary_.clear();
}

TimelineFile::~TimelineFile() {
  if (temporary_.empty()) return;
  std::error_code error;
  fs::remove(temporary_, error);
  forget(temporary_.string());
}

std::string TimelineFile::write(const TimelineInput& input, std::uint64_t max_events) const {
  std::ofstream out(temporary_, std::ios::binary);
  const TimelineSummary summary = write_timeline(out, input, {max_events});
  out.close();
  if (!out) refuse(path_, "");
  return fmt::format("{} {} {} {} {}", summary.events, summary.left_out, summary.ranks,
                     summary.ranks_written, summary.ranks_cut);
}

void TimelineFile::publish(const std::string& line) const {
  std::error_code error;
  fs::rename(temporary_, path_, error);
  if (error) refuse(path_, "");
  std::istringstream in(line);
  TimelineSummary s;
  in >> s.events >> s.left_out >> s.ranks >> s.ranks_written >> s.ranks_cut;
  spdlog::info("wrote {} ({} events)", path_.string(), report::count_text(s.events));
  if (s.left_out == 0) return;
  spdlog::warn("{}: {} of {} ranks{}; {} slices left out (--timeline-events raises the limit)",
               path_.string(), report::count_text(s.ranks_written), report::count_text(s.ranks),
               s.ranks_cut > 0 ? ", cut short" : "", report::count_text(s.left_out));
}

std::vector<TimelineFile> timeline_files(const fs::path& file,
                                         const std::vector<std::string>& systems) {
  require_file(file);
  std::vector<TimelineFile> files;
  std::vector<fs::path> taken;
  for (const std::string& system : systems) {
    fs::path path = file;
    if (systems.size() > 1) {
      path.replace_filename(
          fmt::format("{}.{}{}", file.stem().string(), system, file.extension().string()));
    }
    for (int again = 2; std::find(taken.begin(), taken.end(), path) != taken.end(); ++again) {
      path.replace_filename(fmt::format("{}.{}-{}{}", file.stem().string(), system, again,
                                        file.extension().string()));
    }
    taken.push_back(path);
    files.emplace_back(path);
  }
  return files;
}

}  // namespace xpusim::cli
