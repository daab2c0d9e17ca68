// Planned collectives against published measurements of NCCL. The shipped catalogue is what is
// judged: link rates, library profile and tuner. Two rows gave a constant
// (configs/software/nvidia-2025.json, /sources): they are marked `calibration` and score nothing.
// Prints its table.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <set>

#include "xpusim/collective.hpp"
#include "xpusim/config.hpp"

using namespace xpusim;
using enum CollectiveType;

namespace {

enum class Bar { none, ten_percent, factor_one_and_a_half, fifteen_percent, calibration };

struct Row {
  const char* source;  ///< section of the measurement collection, with the setting
  const char* system;
  int ranks;
  CollectiveType type;
  double bytes;
  double busbw;           ///< GB/s, measured
  const char* algorithm;  ///< "" = the tuner's choice
  Bar bar;
};

constexpr double KiB = 1024, MiB = 1024 * KiB, GiB = 1024 * MiB;

/// Ring with in-switch reduction off: stas00/ml-engineering (H200, B200), 8 GiB; NVL72 680 GB/s.
std::vector<Row> ring_rows() {
  std::vector<Row> rows;
  const double h200[] = {363.3, 364.4, 365.1, 365.7, 365.6};
  const double b200[] = {673.8, 677.8, 677.8, 680.5, 682.2};
  for (int n = 4; n <= 8; ++n) {
    const Bar bar = n == 8 ? Bar::ten_percent : Bar::none;
    rows.push_back(
        {"M21 NVLS off, 8 GiB", "hgx-h200", n, ALL_REDUCE, 8 * GiB, h200[n - 4], "ring", bar});
    rows.push_back(
        {"M21 NVLS off, 8 GiB", "hgx-b200", n, ALL_REDUCE, 8 * GiB, b200[n - 4], "ring", bar});
  }
  rows.push_back({"H100 ring", "dgx-h100", 8, ALL_REDUCE, 8 * GiB, 366, "ring", Bar::ten_percent});
  rows.push_back(
      {"NVL72 ring", "gb200-nvl72", 72, ALL_REDUCE, 8 * GiB, 680, "ring", Bar::ten_percent});
  return rows;
}

/// The tuner's choice, stas00/ml-engineering, 8 GiB.
std::vector<Row> by_count_rows() {
  std::vector<Row> rows;
  const double h200[] = {363.3, 414.2, 435.6, 460.0, 473.1};
  const double b200[] = {673.2, 677.8, 778.2, 811.2, 838.0};
  for (int n = 4; n <= 8; ++n) {
    const Bar bar = n == 8 ? Bar::ten_percent : Bar::none;
    rows.push_back({"M21 tuned, 8 GiB", "hgx-h200", n, ALL_REDUCE, 8 * GiB, h200[n - 4], "", bar});
    rows.push_back({"M21 tuned, 8 GiB", "hgx-b200", n, ALL_REDUCE, 8 * GiB, b200[n - 4], "", bar});
  }
  return rows;
}

/// Rows that gave a constant of the catalogue.
bool gave_a_constant(std::string_view system, CollectiveType type, double bytes) {
  if (system != "hgx-b200") return false;
  return (type == ALL_REDUCE && bytes == 256 * MiB) || (type == ALL_GATHER && bytes == 512);
}

Bar by_size(double bytes) { return bytes >= 16e6 ? Bar::ten_percent : Bar::factor_one_and_a_half; }

/// Microseconds of ai-dynamo/aiconfigurator nccl_perf (nccl-tests, half type), 8 GPUs; sizes 512 B
/// * 4^i, 512 MiB.
std::vector<Row> aiconfigurator_rows() {
  struct Column {
    const char* system;
    CollectiveType type;
    std::vector<double> us;
    bool barred;
  };
  const std::vector<double> sizes{512,     4096,     16 * KiB, 64 * KiB,  256 * KiB, 1 * MiB,
                                  4 * MiB, 16 * MiB, 64 * MiB, 256 * MiB, 512 * MiB};
  const std::vector<Column> columns{
      {"dgx-h100",
       ALL_REDUCE,
       {15.59, 16.02, 18.98, 18.68, 19.15, 25.4, 50.49, 121.9, 324.5, 1092, 2111},
       true},
      {"hgx-h200",
       ALL_REDUCE,
       {16.01, 16.04, 18.3, 19.89, 20.8, 26.14, 51.37, 121.7, 319.6, 1053, 2040},
       true},
      {"hgx-b200",
       ALL_REDUCE,
       {25.09, 25.98, 26.55, 29.02, 28.32, 30.14, 53.37, 99.07, 278.3, 715.4, 1335},
       true},
      {"dgx-a100",
       ALL_REDUCE,
       {22.57, 21.43, 22.55, 28.06, 27.5, 38.85, 77.31, 216.5, 595.3, 2182, 4226},
       false},
      {"dgx-h100",
       ALL_GATHER,
       {10.14, 10.58, 11.16, 13.14, 13.6, 17.13, 33.41, 68.86, 208.1, 728.8, 1402},
       false},
      {"hgx-b200",
       ALL_GATHER,
       {16.06, 18.6, 19.51, 19.5, 18.86, 18.66, 29.23, 103.9, 137.5, 393.1, 761.4},
       false},
      {"dgx-h100",
       REDUCE_SCATTER,
       {10.24, 10.58, 10.93, 11.71, 12.17, 14.64, 29.88, 69.67, 200.8, 721.7, 1399},
       false},
      {"hgx-b200",
       REDUCE_SCATTER,
       {16.13, 16.44, 17.09, 19.94, 18.34, 20.37, 27.21, 96.99, 136.2, 396, 766.5},
       false},
      {"dgx-h100",
       ALL_TO_ALL,
       {7.44, 7.52, 15.85, 8.71, 12.93, 15.61, 26.2, 75.66, 221.3, 763.9, 1490},
       false},
      {"hgx-b200",
       ALL_TO_ALL,
       {10.65, 13.28, 12.66, 13.36, 17.46, 18.77, 26.48, 50.09, 138.8, 437.7, 834.2},
       false},
  };
  std::vector<Row> rows;
  for (const Column& c : columns) {
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      const double busbw = busbw_factor(c.type, 8) * sizes[i] / (c.us[i] * 1e-6) / 1e9;
      const Bar bar = gave_a_constant(c.system, c.type, sizes[i]) ? Bar::calibration
                      : c.barred                                  ? by_size(sizes[i])
                                                                  : Bar::none;
      rows.push_back({"M5", c.system, 8, c.type, sizes[i], busbw, "", bar});
    }
  }
  return rows;
}

/// Azure guides, 8 GPUs, NCCL 2.18 (A100, H100) and 2.20 (H200).
std::vector<Row> azure_rows() {
  const std::vector<double> sizes{1 * KiB,   16 * KiB,  64 * KiB, 256 * KiB, 1 * MiB,  2 * MiB,
                                  4 * MiB,   8 * MiB,   16 * MiB, 32 * MiB,  64 * MiB, 128 * MiB,
                                  256 * MiB, 512 * MiB, 1 * GiB,  2 * GiB,   4 * GiB,  8 * GiB};
  const std::vector<double> h100{0.07,   0.95,   2.72,   10.86,  43.70,  81.93,
                                 128.73, 172.13, 234.45, 295.53, 361.78, 400.61,
                                 423.38, 438.46, 466.35, 472.36, 475.54, 478.87};
  const std::vector<double> h200{0.06,   0.93,   3.72,   14.75,  52.96,  88.78,
                                 138.44, 181.94, 240.41, 300.91, 368.11, 412.45,
                                 432.24, 442.72, 467.58, 472.57, 477.41, 479.98};
  const std::vector<double> a100{0.04,   0.67,   2.70,   10.11,  36.22,  53.54,
                                 71.43,  89.99,  109.22, 132.77, 166.63, 174.18,
                                 213.87, 221.58, 228.10, 230.22, 230.48, 231.58};
  std::vector<Row> rows;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    rows.push_back({"M17", "dgx-h100", 8, ALL_REDUCE, sizes[i], h100[i], "", by_size(sizes[i])});
    rows.push_back({"M17", "hgx-h200", 8, ALL_REDUCE, sizes[i], h200[i], "", by_size(sizes[i])});
    rows.push_back({"M17", "dgx-a100", 8, ALL_REDUCE, sizes[i], a100[i], "", Bar::none});
  }
  return rows;
}

/// CoreWeave, GB200 NVL72, NCCL 2.26.2, one rack.
std::vector<Row> rack_rows() {
  return {{"M20", "gb200-nvl72", 72, ALL_REDUCE, 512 * MiB, 586.06, "", Bar::fifteen_percent},
          {"M20", "gb200-nvl72", 72, ALL_REDUCE, 1 * GiB, 681.17, "", Bar::none},
          {"M20", "gb200-nvl72", 72, ALL_REDUCE, 2 * GiB, 757.78, "", Bar::none},
          {"M20", "gb200-nvl72", 72, ALL_REDUCE, 4 * GiB, 839.16, "", Bar::none},
          {"M20", "gb200-nvl72", 72, ALL_REDUCE, 8 * GiB, 834.57, "", Bar::fifteen_percent}};
}

class Shop {
 public:
  Shop() : catalogue_(CatalogueOptions{{XPUSIM_SOURCE_DIR "/configs"}, {}}) {
    for (const CatalogueEntry& e : catalogue_.list(PartKind::link)) {
      links_[e.name] = catalogue_.load<LinkSpec>(e.name);
    }
  }
  CollectivePlan plan(const Row& row) {
    const SystemSpec& system = catalogue_.load<SystemSpec>(row.system);
    const ChipSpec& chip = catalogue_.load<ChipSpec>(system.chip);
    const auto [at, fresh] = fabrics_.try_emplace(row.system);
    if (fresh) at->second = build_fabric(system, chip, links_);
    const SoftwareSpec& software = catalogue_.load<SoftwareSpec>(chip.software);
    std::vector<DeviceId> members(static_cast<std::size_t>(row.ranks));
    std::iota(members.begin(), members.end(), 0U);
    const CollectiveContext context{&at->second, &software.collectives};
    return plan_collective(context, row.type, Bytes(row.bytes), members,
                           {.algorithm = row.algorithm, .protocol = {}, .plane = {}});
  }

 private:
  Catalogue catalogue_;
  LinkParts links_;
  std::map<std::string, Fabric> fabrics_;
};

/// Simulated over measured busbw, less one.
double error_of(const Row& row, const CollectivePlan& plan) {
  const double busbw = busbw_factor(row.type, row.ranks) * row.bytes / plan.idle_time.value();
  return busbw / (row.busbw * 1e9) - 1;
}

bool within(Bar bar, double error) {
  switch (bar) {
    case Bar::none:
    case Bar::calibration:
      return true;
    case Bar::ten_percent:
      return std::abs(error) <= 0.10;
    case Bar::fifteen_percent:
      return std::abs(error) <= 0.15;
    case Bar::factor_one_and_a_half:
      return error <= 0.5 && error >= 1 / 1.5 - 1;
  }
  return false;
}

std::string_view name_of(Bar bar) {
  switch (bar) {
    case Bar::none:
      return "-";
    case Bar::calibration:
      return "calibration";
    case Bar::ten_percent:
      return "10 %";
    case Bar::fifteen_percent:
      return "15 %";
    case Bar::factor_one_and_a_half:
      return "x 1.5";
  }
  return "";
}

/// Prints rows; returns those that miss their bar as "system ranks type bytes".
std::set<std::string> judge(Shop& shop, const std::vector<Row>& rows) {
  std::set<std::string> missed;
  for (const Row& row : rows) {
    const CollectivePlan plan = shop.plan(row);
    const double error = error_of(row, plan);
    const bool good = within(row.bar, error);
    fmt::print(
        "| {:<20} | {:<12} | {:>3} | {:<14} | {:>11.0f} | {:>9.4g} | {:>9.4g} | {:>+6.1f} % | "
        "{:<5} | {:<4} | {} {} |\n",
        row.source, row.system, row.ranks, to_string(row.type), row.bytes, row.busbw,
        row.busbw * (1 + error), 100 * error, name_of(row.bar),
        row.bar == Bar::none || row.bar == Bar::calibration ? "" : (good ? "ok" : "MISS"),
        plan.algorithm, plan.protocol);
    if (!good)
      missed.insert(fmt::format("{} {} {} {:.0f}", row.source, row.system, row.ranks, row.bytes));
  }
  return missed;
}

void print_head() {
  fmt::print(
      "| source | system | ranks | collective | bytes | measured GB/s | planned GB/s | error | bar "
      "| | chosen |\n"
      "|---|---|---|---|---|---|---|---|---|---|---|\n");
}

}  // namespace

TEST_CASE("ring all-reduce without in-switch reduction meets the published bus bandwidths",
          "[validation]") {
  Shop shop;
  print_head();
  CHECK(judge(shop, ring_rows()).empty());
}

/// Rows that the plan misses, as found: the list is held in both directions, so that it neither
/// grows nor hides a repair. Why they miss is in docs/model.md.
const std::set<std::string>& known_misses() {
  static const std::set<std::string> rows{
      // Azure's rows say 26 to 42 us up to 256 KiB; M5 has 15.6 to 20 us on the same chips, which
      // the plan meets.
      "M17 dgx-h100 8 1024",   "M17 dgx-h100 8 16384", "M17 dgx-h100 8 65536",
      "M17 dgx-h100 8 262144", "M17 hgx-h200 8 1024",  "M17 hgx-h200 8 16384",
      "M17 hgx-h200 8 65536",  "M17 hgx-h200 8 262144"};
  return rows;
}

std::set<std::string> known_misses_of(const std::vector<Row>& rows) {
  std::set<std::string> known;
  for (const Row& row : rows) {
    std::string name = fmt::format("{} {} {} {:.0f}", row.source, row.system, row.ranks, row.bytes);
    if (row.bar != Bar::none && known_misses().count(name) > 0) known.insert(std::move(name));
  }
  return known;
}

TEST_CASE(
    "tuned all-reduce on eight GPUs meets the published bus bandwidths but for the known misses",
    "[validation]") {
  Shop shop;
  print_head();
  for (const std::vector<Row>& rows : {by_count_rows(), azure_rows(), aiconfigurator_rows()}) {
    CHECK(judge(shop, rows) == known_misses_of(rows));
  }
}

TEST_CASE("in-switch all-reduce on 72 GPUs meets the published bus bandwidths at 512 MiB and 8 GiB",
          "[validation]") {
  Shop shop;
  print_head();
  CHECK(judge(shop, rack_rows()) == known_misses_of(rack_rows()));
}
