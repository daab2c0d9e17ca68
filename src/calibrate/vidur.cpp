// Vidur's profiles (microsoft/vidur, data/profiling): medians in ms of the projections of one
// layer, and of all-reduces. Normalisation and activation kernels are left out: they are not the
// plain streams that the memory curve holds.
#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "calibrate/formats.hpp"

namespace xpusim::calibration {

namespace {

struct Column {
  std::string_view name;
  std::size_t at = 0;
};

/// Places of all named columns; false and a finding when one is missing.
template <std::size_t N>
bool place(const Csv& csv, std::array<Column, N>& columns, Findings& findings) {
  bool all = true;
  for (Column& column : columns) {
    if (const auto at = csv.find(column.name)) {
      column.at = *at;
    } else {
      findings.add("missing-column", fmt::format("there is no column '{}'", column.name),
                   csv.columns.span, "Vidur's profiles name their columns in the first line");
      all = false;
    }
  }
  return all;
}

void read_mlp(Reading& reading, const Csv& csv) {
  std::array<Column, 11> c{{{"num_tokens"},
                            {"n_head"},
                            {"n_kv_head"},
                            {"n_embd"},
                            {"n_expanded_embd"},
                            {"num_tensor_parallel_workers"},
                            {"use_gated_mlp"},
                            {"time_stats.attn_pre_proj.median"},
                            {"time_stats.attn_post_proj.median"},
                            {"time_stats.mlp_up_proj.median"},
                            {"time_stats.mlp_down_proj.median"}}};
  if (!place(csv, c, reading.findings)) return;
  for (const Line& row : csv.rows) {
    if (reading.findings.enough()) return;
    std::array<std::optional<double>, 6> key;
    bool good = true;
    for (std::size_t i = 0; i < key.size(); ++i) {
      key[i] = count(row.cells[c[i].at], c[i].name, reading.findings);
      good = good && key[i].has_value();
    }
    if (!good) continue;
    const double tokens = *key[0], heads = *key[1], kv_heads = *key[2], hidden = *key[3],
                 ffn = *key[4], tp = *key[5];
    const double dim = hidden / heads;
    const double gates = row.cells[c[6].at].text == "True" ? 2 : 1;
    const std::array<std::array<double, 2>, 4> nk{{
        {(heads + 2 * std::max(kv_heads, tp)) * dim / tp, hidden},
        {hidden, hidden / tp},
        {gates * ffn / tp, hidden},
        {hidden, ffn / tp},
    }};
    for (std::size_t i = 0; i < nk.size(); ++i) {
      std::optional<double> time =
          positive(row.cells[c[7 + i].at], c[7 + i].name, reading.findings);
      if (time) *time *= 1e-3;
      const double n = std::round(nk[i][0]), k = std::round(nk[i][1]);
      if (n >= 1 && k >= 1)
        reading.add("gemm", reading.options->compute_format, {tokens, n, k}, time, row.span);
    }
  }
  reading.file.ignored.emplace_back(
      "columns of embedding, normalisation, rotary embedding, activation and addition");
}

void read_network(Reading& reading, const Csv& csv) {
  std::array<Column, 5> c{{{"num_workers"},
                           {"size"},
                           {"devices_per_node"},
                           {"collective"},
                           {"time_stats.all_reduce.median"}}};
  if (csv.find("time_stats.send_recv.median")) c[4].name = "time_stats.send_recv.median";
  if (!place(csv, c, reading.findings)) return;
  std::size_t between_nodes = 0;
  for (const Line& row : csv.rows) {
    if (reading.findings.enough()) return;
    const auto ranks = count(row.cells[c[0].at], c[0].name, reading.findings);
    const auto bytes = count(row.cells[c[1].at], c[1].name, reading.findings);
    const auto per_node = count(row.cells[c[2].at], c[2].name, reading.findings);
    auto time = positive(row.cells[c[4].at], c[4].name, reading.findings);
    if (!ranks || !per_node) continue;
    if (*ranks > *per_node) {
      ++between_nodes;
      continue;
    }
    const Cell& name = row.cells[c[3].at];
    const MeasuredOperation* operation = find_measured_operation(name.text);
    if (operation == nullptr || !operation->collective) {
      reading.findings.add("unknown-collective", fmt::format("no collective '{}'", name.text),
                           name.span, "all_reduce or send_recv");
      continue;
    }
    if (time) *time *= 1e-3;
    reading.add(operation->name, "", {ranks, bytes}, time, row.span);
  }
  ignore_rows(reading, between_nodes, "ranks on several nodes");
}

}  // namespace

bool is_vidur(std::string_view text) {
  return first_row(text).find("time_stats.") != std::string_view::npos;
}

void read_vidur(Reading& reading) {
  const Csv csv = parse_csv(reading.source, reading.findings);
  reading.file.document += " (Vidur profile)";
  if (csv.find("num_tokens"))
    read_mlp(reading, csv);
  else
    read_network(reading, csv);
}

}  // namespace xpusim::calibration
