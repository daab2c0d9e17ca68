// What nccl-tests prints (rccl-tests, hccl_test and mccl-tests print the same columns): the
// out-of-place times. Sizes count as in collective.hpp (NVIDIA/nccl-tests doc/PERFORMANCE.md).
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <fmt/format.h>

#include "calibrate/formats.hpp"

namespace xpusim::calibration {

namespace {

struct Name {
  std::string_view test, operation;
};
constexpr std::array kNames{
    Name{"all_reduce", "all_reduce"},
    Name{"all_gather", "all_gather"},
    Name{"reduce_scatter", "reduce_scatter"},
    Name{"alltoall", "all_to_all"},
    Name{"all_to_all", "all_to_all"},
    Name{"broadcast", "broadcast"},
    Name{"sendrecv", "send_recv"},
    Name{"send_recv", "send_recv"},
    Name{"reduce", "reduce"},
};

std::string_view operation_in(std::string_view text) {
  for (const Name& name : kNames)
    if (text.find(name.test) != std::string_view::npos) return name.operation;
  return {};
}

std::string collective_of(const Reading& reading, const std::vector<Line>& lines) {
  if (!reading.options->collective.empty()) {
    const MeasuredOperation* named = find_measured_operation(reading.options->collective);
    if (named == nullptr || !named->collective)
      refuse("unknown-collective", fmt::format("no collective '{}'", reading.options->collective),
             {},
             "all_reduce, all_gather, reduce_scatter, all_to_all, broadcast, reduce or send_recv");
    return reading.options->collective;
  }
  for (const Line& line : lines) {  // "# Collective test starting: all_reduce_perf"
    const std::string_view text =
        std::string_view(reading.source->text).substr(line.span.offset, line.span.length);
    if (text.starts_with("#") && text.find("_perf") != std::string_view::npos)
      if (const std::string_view found = operation_in(text); !found.empty())
        return std::string(found);
  }
  const std::string file = short_path(reading.source->name, 1);
  if (const std::string_view found = operation_in(file); !found.empty()) return std::string(found);
  refuse("unknown-collective",
         fmt::format("'{}' does not say which collective it measured", reading.source->name), {},
         "name it: --collective all_reduce");
}

/// "#  Rank  0 Group  0 Pid  1234 on host device  0 [0x07] NVIDIA H100 80GB HBM3"
std::size_t count_ranks(const std::vector<Line>& lines, std::string& device) {
  std::size_t ranks = 0;
  for (const Line& line : lines) {
    const std::vector<Cell>& cells = line.cells;
    const bool is_rank = cells.size() > 3 && cells[0].text == "#" && cells[1].text == "Rank";
    if (!is_rank) continue;
    ++ranks;
    const std::string_view text =
        std::string_view(line.span.source->text).substr(line.span.offset, line.span.length);
    const std::size_t bracket = text.rfind("] ");
    if (bracket != std::string_view::npos) device = text.substr(bracket + 2);
  }
  return ranks;
}

/// Columns of the line that names them; places count without its leading '#'.
struct Columns {
  std::size_t size = 0, time = 0, algbw = 0, busbw = 0, all = 0;
};
std::optional<Columns> columns_of(const Line& line) {
  if (line.cells.empty() || !line.cells.front().text.starts_with("#")) return std::nullopt;
  Columns c;
  const bool apart = line.cells.front().text == "#";
  const auto place = [&](std::string_view name) -> std::size_t {
    for (std::size_t i = 0; i < line.cells.size(); ++i)
      if (line.cells[i].text == name || (i == 0 && line.cells[i].text.substr(1) == name))
        return i + 1 - (apart ? 1 : 0);
    return 0;
  };
  c.size = place("size");
  c.time = place("time");
  c.algbw = place("algbw");
  c.busbw = place("busbw");
  c.all = line.cells.size() - (apart ? 1 : 0);
  if (c.size == 0 || c.time == 0 || c.algbw == 0 || c.busbw == 0) return std::nullopt;
  --c.size;
  --c.time;
  --c.algbw;
  --c.busbw;
  return c;
}

}  // namespace

bool is_nccl_tests(std::string_view text) {
  const std::size_t algbw = text.find("algbw");
  return algbw != std::string_view::npos && text.find("busbw", algbw) != std::string_view::npos &&
         text.find('#') < algbw;
}

void read_nccl_tests(Reading& reading) {
  const std::vector<Line> lines = split_lines(reading.source);
  std::string device;
  const std::size_t listed = count_ranks(lines, device);
  const auto asked = static_cast<std::size_t>(std::max(0, reading.options->ranks));
  const double ranks = static_cast<double>(asked > 0 ? asked : listed);
  if (ranks < 2)
    refuse("missing-ranks",
           fmt::format("'{}' does not list the ranks of the test", reading.source->name), {},
           "say how many took part: --ranks 8");
  const std::string operation = collective_of(reading, lines);
  reading.file.document +=
      fmt::format(" (nccl-tests, {}{} ranks)", device.empty() ? "" : device + ", ", ranks);
  std::optional<Columns> columns;
  std::size_t unmeasured = 0;
  for (const Line& line : lines) {
    if (reading.findings.enough()) return;
    if (line.cells.empty()) continue;
    if (line.cells.front().text.starts_with("#")) {
      if (const auto found = columns_of(line)) columns = found;
      continue;
    }
    const char first = line.cells.front().text.front();
    if (!columns || first < '0' || first > '9') continue;  // what the job's launcher printed
    if (line.cells.size() <= std::max({columns->size, columns->time, columns->algbw})) {
      reading.findings.add(
          "row-length",
          fmt::format("the row has {} columns, the header {}", line.cells.size(), columns->all),
          line.span, "is the line cut?");
      continue;
    }
    const Cell& size = line.cells[columns->size];
    if (size.text == "0" || line.cells[columns->time].text == "0") {
      ++unmeasured;
      continue;
    }
    const auto bytes = count(size, "size", reading.findings);
    auto seconds = positive(line.cells[columns->time], "time", reading.findings);
    if (!bytes || !seconds) continue;
    *seconds *= 1e-6;
    const double algbw = *bytes / *seconds / 1e9;
    double printed = -1;
    const std::string_view text = line.cells[columns->algbw].text;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), printed);
    // Both are printed with two to four digits.
    if (read.ec != std::errc() || std::abs(printed - algbw) > 0.02 * algbw + 0.011) {
      reading.findings.add(
          "columns-differ",
          fmt::format("algbw is '{}' where size / time is {:.2f} GB/s", text, algbw),
          line.cells[columns->algbw].span,
          "the columns do not line up: time is in us, algbw in GB/s");
      continue;
    }
    reading.add(operation, "", {ranks, bytes}, seconds, line.span);
  }
  ignore_rows(reading, unmeasured, "size or time 0");
  if (!columns)
    reading.findings.add("missing-column", "no line names the columns size, time, algbw and busbw",
                         {reading.source, 0, 0}, "keep the comment lines of nccl-tests");
}

}  // namespace xpusim::calibration
