#include "unit/workload/models.hpp"

#include <stdexcept>

using namespace xpusim;

namespace test_models {

const std::vector<Published>& published() {
  // Totals counted from the dimensions of public configuration files; they agree with the published
  // totals.
  static const std::vector<Published> rows = {
      {"Llama-2-7B", 32,     4096, 32, 32, 128, 11008, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
       32000,        524288, 6.74, 0,  'l'},
      {"Llama-2-13B", 40,     5120,  40, 40, 128, 13824, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
       32000,         819200, 13.02, 0,  'l'},
      {"Llama-2-70B", 80,     8192,  64, 8,  128, 28672, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
       32000,         327680, 68.98, 0,  'l'},
      {"Llama-3.1-8B", 32,     4096, 32, 8,  128, 14336, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
       128256,         131072, 8.03, 0,  'l'},
      {"Llama-3.1-70B", 80,     8192,  64, 8,  128, 28672, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
       128256,          327680, 70.55, 0,  'l'},
      {"Llama-3.1-405B", 126,    16384,  128, 8,  128, 53248, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
       128256,           516096, 405.85, 0,   'l'},
      {"GPT-3 175B", 96,      12288, 96, 96, 128, 49152, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
       50257,        4718592, 174.6, 0,  'g'},
      {"Megatron 22B", 48,      6144, 64, 64, 96, 24576, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
       51200,          1179648, 22.1, 0,  'g'},
      {"MT-NLG 530B", 105,     20480, 128, 128, 160, 81920, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
       51200,         8601600, 529.6, 0,   'g'},
      {"Megatron 1T", 128,      25600,  160, 160, 160, 102400, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
       51200,         13107200, 1008.0, 0,   'g'},
      {"Mixtral-8x7B", 32,     4096, 32,   8,  128, 0, 8, 2, 0, 14336, 0, 0, 0, 0, 0, 0,
       32000,          131072, 46.7, 12.9, 'l'},
      {"Mixtral-8x22B", 56,     6144,  48,   8,  128, 0, 8, 2, 0, 16384, 0, 0, 0, 0, 0, 0,
       32000,           229376, 140.6, 39.2, 'l'},
      {"Qwen3-32B", 64, 5120, 64, 8, 128, 25600,  0,      0,    0, 0,
       0,           0,  0,    0,  0, 0,   151936, 262144, 32.8, 0, 'l'},
      {"Qwen3-30B-A3B", 48,    2048, 32,   4,  128, 0, 128, 8, 0, 768, 0, 0, 0, 0, 0, 0,
       151936,          98304, 30.5, 3.35, 'l'},
      {"Qwen3-235B-A22B",
       94,
       4096,
       64,
       4,
       128,
       0,
       128,
       8,
       0,
       1536,
       0,
       0,
       0,
       0,
       0,
       0,
       151936,
       192512,
       235.1,
       22.2,
       'l'},
      {"DeepSeek-V2-Lite",
       27,
       2048,
       16,
       16,
       192,
       10944,
       64,
       6,
       2,
       1408,
       1,
       0,
       512,
       128,
       64,
       128,
       102400,
       31104,
       15.7,
       2.66,
       'l'},
      {"DeepSeek-V2", 60,  5120, 128, 128, 192,    12288, 160,   6,    2,  1536, 1,
       1536,          512, 128,  64,  128, 102400, 69120, 235.7, 21.4, 'l'},
      {"DeepSeek-V3", 61,  7168, 128, 128, 192,    18432, 256,   8,    1,  2048, 3,
       1536,          512, 128,  64,  128, 129280, 70272, 671.0, 37.6, 'l'},
      {"Kimi K2", 61,   7168, 64,  64, 192, 18432,  384,   8,      1,    2048,
       1,         1536, 512,  128, 64, 128, 163840, 70272, 1026.4, 32.9, 'l'},
      {"Hunyuan-A13B", 32,     4096, 32,   8,  128, 0, 64, 8, 1, 3072, 0, 0, 0, 0, 0, 0,
       128167,         131072, 80.4, 12.7, 't'},
      {"Pangu Ultra 135B",
       94,
       12288,
       96,
       8,
       128,
       28672,
       0,
       0,
       0,
       0,
       0,
       0,
       0,
       0,
       0,
       0,
       153376,
       385024,
       133.9,
       0,
       's'},
      {"Pangu Ultra MoE",
       61,
       7680,
       128,
       128,
       192,
       18432,
       256,
       8,
       1,
       2048,
       3,
       1536,
       512,
       128,
       64,
       128,
       153600,
       70272,
       719.1,
       40.4,
       's'},
      {"Pangu Pro MoE", 48,     5120, 40,   8,  128, 0, 64, 8, 4, 1344, 0, 0, 0, 0, 0, 0,
       153376,          196608, 72.0, 16.5, 'l'},
      {"GLM-4.5", 92, 5120, 96, 8, 128, 12288,  160,    8,     1,    1536,
       3,         0,  0,    0,  0, 0,   151552, 376832, 352.8, 33.6, 'l'},
      {"ERNIE-4.5-300B", 54,     8192,  64,   8,  128, 28672, 64, 8, 0, 3584, 3, 0, 0, 0, 0, 0,
       103424,           221184, 299.5, 47.9, 'l'},
      {"InternLM2-20B", 48,     6144,  48, 8,  128, 16384, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
       92544,           196608, 19.86, 0,  'l'},
      {"Nemotron-4 340B",
       96,
       18432,
       96,
       8,
       192,
       73728,
       0,
       0,
       0,
       0,
       0,
       0,
       0,
       0,
       0,
       0,
       256000,
       589824,
       341.0,
       0,
       'n'},
      {"Ling-1T", 80, 8192, 64, 8, 128, 18432,  256,    8,     1,    2048,
       4,         0,  0,    0,  0, 0,   157184, 327680, 999.7, 51.1, 'l'},
  };
  return rows;
}

ModelSpec model(const Published& row) {
  ModelSpec m;
  m.info.name = row.name;
  m.layers = row.layers;
  m.hidden = row.hidden;
  m.heads = row.heads;
  m.kv_heads = row.kv_heads;
  m.head_dim = row.head_dim;
  m.ffn = row.ffn;
  m.vocabulary = row.vocabulary;
  if (row.kv_rank > 0) m.mla = MlaSpec{row.q_rank, row.kv_rank, row.nope, row.rope, row.v_dim};
  if (row.experts > 0)
    m.moe = MoeSpec{row.experts, row.top_k, row.shared, row.moe_ffn, row.dense_layers};
  m.norms_per_layer = row.family == 's' ? 4 : 2;
  m.tied_embedding = row.family == 'g' || row.family == 't';
  if (row.family == 'g' || row.family == 'n') {
    m.gated = false;
    m.layer_norm = true;
  }
  if (row.family == 'g') {
    m.bias = true;
    m.learned_positions = 2048;
  }
  return m;
}

ModelSpec model(const std::string& name) {
  for (const Published& row : published())
    if (name == row.name) return model(row);
  throw std::out_of_range(name);
}

ModelSpec small_dense() {
  ModelSpec m;
  m.info.name = "small";
  m.layers = 4;
  m.hidden = 256;
  m.heads = 8;
  m.kv_heads = 4;
  m.head_dim = 32;
  m.ffn = 512;
  m.vocabulary = 1024;
  return m;
}

ModelSpec small_moe() {
  ModelSpec m = small_dense();
  m.info.name = "small-moe";
  m.moe = MoeSpec{8, 2, 1, 128, 1};
  return m;
}

TrainingSpec small_training() {
  TrainingSpec t;
  t.global_batch = 64;
  t.sequence = 128;
  return t;
}

Fabric small_fabric(int nodes, int per_node) {
  ChipSpec chip;
  chip.info.name = "chip";
  LinkParts links;
  LinkSpec link;
  link.info.name = "wire";
  link.bandwidth = BytesPerSecond(1e10);
  link.latency = Seconds(1e-6);
  links.emplace("wire", link);
  chip.ports["scale_up"] = {"wire", 4};
  chip.ports["scale_out"] = {"wire", 1};
  SystemSpec system;
  system.info.name = "small";
  system.chip = "chip";
  system.nodes = nodes;
  system.chips_per_node = per_node;
  system.supernode_chips = per_node;
  PlaneSpec up, out;
  up.name = "up";
  up.domain = per_node;
  up.link = "wire";
  up.links_per_device = 4;
  out.name = "out";
  out.role = PlaneRole::scale_out;
  out.link = "wire";
  out.links_per_device = 1;
  system.planes = {up, out};
  return build_fabric(system, chip, links);
}

}  // namespace test_models
