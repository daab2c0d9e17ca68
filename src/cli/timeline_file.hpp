// The file of --timeline: written by the child that simulates, under a temporary name, and given
// its own by the parent when the run was good.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "xpusim/timeline.hpp"

namespace xpusim::cli {

class TimelineFile {
 public:
  /// Makes the folder and the empty temporary file: what cannot be written is refused before the
  /// work. Throws InputError.
  explicit TimelineFile(std::filesystem::path);
  ~TimelineFile();  ///< removes the temporary file unless published
  TimelineFile(TimelineFile&&) noexcept;
  TimelineFile& operator=(TimelineFile&&) = delete;
  TimelineFile(const TimelineFile&) = delete;
  TimelineFile& operator=(const TimelineFile&) = delete;

  /// In the child. Returns one line for publish. Throws InputError when the disk is full.
  [[nodiscard]] std::string write(const TimelineInput&, std::uint64_t max_events) const;
  /// In the parent: renames, and says on stderr what was written and what left out.
  void publish(const std::string& line) const;

 private:
  std::filesystem::path path_, temporary_;
};

/// One file per system; FILE.json becomes FILE.SYSTEM.json when there are several.
[[nodiscard]] std::vector<TimelineFile> timeline_files(const std::filesystem::path& file,
                                                       const std::vector<std::string>& systems);

/// Removes what is temporary, from a signal handler.
void remove_temporary_files() noexcept;

}  // namespace xpusim::cli
