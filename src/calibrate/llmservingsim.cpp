// LLMServingSim's profiles (casys-kaist/LLMServingSim, profiler/perf): <GPU>/<model>/<format>/tpN/
// {dense,per_sequence,attention}.csv, times in us of one rank's share of a layer.
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "calibrate/formats.hpp"

namespace xpusim::calibration {

namespace {

std::vector<std::string> folders(const std::string& path) {
  std::vector<std::string> parts;
  for (std::size_t from = 0; from < path.size();) {
    const std::size_t to = std::min(path.find('/', from), path.size());
    parts.push_back(path.substr(from, to - from));
    from = to + 1;
  }
  return parts;
}

std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

int tensor_degree(const Reading& reading) {
  if (reading.options->tensor > 0) return reading.options->tensor;
  for (const std::string& part : folders(reading.source->name)) {
    int degree = 0;
    if (!part.starts_with("tp")) continue;
    const char* end = part.data() + part.size();
    const auto read = std::from_chars(part.data() + 2, end, degree);
    if (read.ec == std::errc() && read.ptr == end && degree > 0) return degree;
  }
  return 1;
}

const ModelSpec& model_of(const Reading& reading) {
  const auto& find = reading.options->find_model;
  if (!reading.options->model.empty()) {
    const ModelSpec* named = find ? find(reading.options->model) : nullptr;
    if (named == nullptr)
      refuse("unknown-model", fmt::format("no model spec '{}'", reading.options->model), {},
             "see xpusim list models");
    return *named;
  }
  for (const std::string& part : folders(reading.source->name)) {
    if (const ModelSpec* named = find ? find(lower(part)) : nullptr) return *named;
  }
  refuse("unknown-model",
         fmt::format("no folder of '{}' is named as a model spec", reading.source->name), {},
         "name the model that was profiled: --model qwen3-32b");
}

/// n and k of a layer of one rank; nothing for layers that are no GEMM.
std::optional<std::array<double, 2>> gemm_of(std::string_view layer, const ModelSpec& model,
                                             int tp) {
  const auto d = [](int v) { return static_cast<double>(v); };
  const double dim = d(model.head_dim), hidden = d(model.hidden);
  if (layer == "qkv_proj")
    return {{(d(model.heads) + 2 * d(std::max(model.kv_heads, tp))) * dim / tp, hidden}};
  if (layer == "o_proj") return {{hidden, d(model.heads) * dim / tp}};
  if (layer == "gate_up_proj") return {{(model.gated ? 2 : 1) * d(model.ffn) / tp, hidden}};
  if (layer == "down_proj") return {{hidden, d(model.ffn) / tp}};
  if (layer == "lm_head") return {{d(model.vocabulary) / tp, hidden}};
  return std::nullopt;
}

struct Column {
  std::string_view name;
  std::size_t at = 0;
};

void read_layers(Reading& reading, const Csv& csv, std::string_view tokens, std::size_t tokens_at) {
  const ModelSpec& model = model_of(reading);
  const int tp = tensor_degree(reading);
  const auto layer = csv.find("layer"), time_at = csv.find("time_us");
  std::size_t others = 0;
  for (const Line& row : csv.rows) {
    if (reading.findings.enough()) return;
    const auto nk = gemm_of(row.cells[*layer].text, model, tp);
    if (!nk || !((*nk)[0] >= 1 && (*nk)[1] >= 1)) {
      ++others;
      continue;
    }
    auto time = positive(row.cells[*time_at], "time_us", reading.findings);
    if (time) *time *= 1e-6;
    reading.add("gemm", reading.options->compute_format,
                {count(row.cells[tokens_at], tokens, reading.findings), (*nk)[0], (*nk)[1]}, time,
                row.span);
  }
  ignore_rows(reading, others, "layers that are no GEMM");
}

void read_attention(Reading& reading, const Csv& csv) {
  const ModelSpec& model = model_of(reading);
  const int tp = tensor_degree(reading);
  std::array<Column, 5> c{
      {{"prefill_chunk"}, {"kv_prefill"}, {"n_decode"}, {"kv_decode"}, {"time_us"}}};
  for (Column& column : c) {
    const auto at = csv.find(column.name);
    if (!at) {
      reading.findings.add("missing-column", fmt::format("there is no column '{}'", column.name),
                           csv.columns.span, "take the profile as LLMServingSim wrote it");
      return;
    }
    column.at = *at;
  }
  const double heads = std::max(1, model.heads / tp), kv_heads = std::max(1, model.kv_heads / tp),
               dim = model.head_dim;
  const auto zero = [&](const Line& row, std::size_t i) { return row.cells[c[i].at].text == "0"; };
  std::size_t mixed = 0;
  for (const Line& row : csv.rows) {
    if (reading.findings.enough()) return;
    const bool prefill = zero(row, 2) && zero(row, 3) && zero(row, 1);
    const bool decode = zero(row, 0) && zero(row, 1) && !zero(row, 3);
    if (prefill == decode) {
      ++mixed;
      continue;
    }
    auto time = positive(row.cells[c[4].at], c[4].name, reading.findings);
    if (time) *time *= 1e-6;
    const auto number = [&](std::size_t i) {
      return count(row.cells[c[i].at], c[i].name, reading.findings);
    };
    if (prefill)
      reading.add("attention_prefill", reading.options->compute_format,
                  {1.0, number(0), heads, kv_heads, dim}, time, row.span);
    else
      reading.add("attention_decode", reading.options->compute_format,
                  {number(2), number(3), heads, kv_heads, dim}, time, row.span);
  }
  ignore_rows(reading, mixed, "mixed or chunked batches");
}

}  // namespace

bool is_llmservingsim(std::string_view text) {
  const std::string_view row = first_row(text);
  return row.find("time_us") != std::string_view::npos &&
         (row.find("layer") != std::string_view::npos ||
          row.find("prefill_chunk") != std::string_view::npos ||
          row.find("activated_experts") != std::string_view::npos);
}

void read_llmservingsim(Reading& reading) {
  const Csv csv = parse_csv(reading.source, reading.findings);
  if (csv.find("activated_experts"))
    refuse("no-measurements",
           fmt::format("'{}' times whole layers of experts, which no curve holds",
                       reading.source->name),
           csv.columns.span, "leave the file out: GEMM curves serve grouped GEMMs too");
  reading.file.document += " (LLMServingSim profile)";
  if (csv.find("prefill_chunk")) return read_attention(reading, csv);
  for (const std::string_view tokens : {"tokens", "sequences"}) {
    const auto at = csv.find(tokens);
    if (at && csv.find("layer") && csv.find("time_us"))
      return read_layers(reading, csv, tokens, *at);
  }
  reading.findings.add("missing-column", "the profile has no columns layer, tokens and time_us",
                       csv.columns.span, "take the profile as LLMServingSim wrote it");
}

}  // namespace xpusim::calibration
