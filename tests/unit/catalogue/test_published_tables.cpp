// The tables that SemiAnalysis published on GB200 and Ascend 910C, cell by cell: Stanford CS336
// lecture slides (later version), winbuzzer.com 2025-04-20 and techpowerup.com (first version's
// power rows).
#include <catch2/catch.hpp>
#include <sstream>

#include "parts.hpp"

using namespace xpusim;

namespace {

using Cells = std::vector<std::vector<std::string>>;

/// Cells of a CSV without line breaks in cells, the heading row left out.
Cells csv_cells(const std::string& table) {
  Catalogue catalogue = parts::shipped();
  std::ostringstream out;
  write_comparison_table(out, build_comparison_table(catalogue, table), ComparisonFormat::csv);
  std::istringstream lines(out.str());
  Cells cells;
  for (std::string line; std::getline(lines, line);) {
    std::vector<std::string> row(1);
    bool quoted = false;
    for (const char c : line) {
      if (c == '"') {
        quoted = !quoted;
      } else if (c == ',' && !quoted) {
        row.emplace_back();
      } else {
        row.back() += c;
      }
    }
    cells.push_back(std::move(row));
  }
  cells.erase(cells.begin());
  return cells;
}

}  // namespace

TEST_CASE("semianalysis-chips equals the published chip table in every cell",
          "[catalogue][published]") {
  const Cells expected{
      {"BF16 dense (TFLOP/s)", "2,500", "780", "0.3x"},
      {"HBM capacity (GB)", "192", "128", "0.7x"},
      {"HBM bandwidth (TB/s)", "8.0", "3.2", "0.4x"},
      {"Scale-up bandwidth, one direction (Gbit/s)", "7,200", "2,800", "0.4x"},
      {"Scale-out bandwidth, one direction (Gbit/s)", "400", "400", "1.0x"},
  };
  CHECK(csv_cells("semianalysis-chips") == expected);
}

TEST_CASE("semianalysis-systems equals both published system tables in every cell",
          "[catalogue][published]") {
  // GB200 NVL72, CloudMatrix 384, ratio; first version, its ratio (the first version's other rows
  // are the same)
  const Cells expected{
      {"BF16 dense (PFLOP/s)", "180", "300", "1.7x", "300", "1.7x"},
      {"HBM capacity (TB)", "13.8", "49.2", "3.6x", "49.2", "3.6x"},
      {"HBM bandwidth (TB/s)", "576", "1,229", "2.1x", "1,229", "2.1x"},
      {"Scale-up bandwidth, one direction (Gbit/s)", "518,400", "1,075,200", "2.1x", "1,075,200",
       "2.1x"},
      {"Scale-up domain (chips)", "72", "384", "5.3x", "384", "5.3x"},
      {"Scale-out bandwidth, one direction (Gbit/s)", "28,800", "153,600", "5.3x", "153,600",
       "5.3x"},
      {"All-in power (W)", "145,000", "599,821", "4.1x", "559,378", "3.9x"},
      {"Power per BF16 compute (W/(TFLOP/s))", "0.81", "2.00", "2.5x", "1.87", "2.3x"},
      {"Power per HBM bandwidth (W/(TB/s))", "251.7", "488.1", "1.9x", "455.2", "1.8x"},
      {"Power per HBM capacity (kW/TB)", "10.5", "12.2", "1.2x", "11.4", "1.1x"},
  };
  CHECK(csv_cells("semianalysis-systems") == expected);
}

TEST_CASE("only the all-in power of the published tables is quoted", "[catalogue][published]") {
  Catalogue catalogue = parts::shipped();
  for (const std::string name : {"semianalysis-chips", "semianalysis-systems"}) {
    for (const ComparisonRow& row : build_comparison_table(catalogue, name).rows) {
      for (std::size_t i = 0; i < row.cells.size(); ++i) {
        INFO(name << ", " << row.title << ", column " << i);
        CHECK(row.cells[i].quoted ==
              (row.title == "All-in power" && row.cells[i].text.find('x') == std::string::npos));
      }
    }
  }
}

TEST_CASE("every shipped table resolves", "[catalogue][published]") {
  Catalogue catalogue = parts::shipped();
  for (const CatalogueEntry& entry : catalogue.list(PartKind::table)) {
    INFO(entry.name);
    CHECK_NOTHROW(build_comparison_table(catalogue, entry.name));
  }
}
