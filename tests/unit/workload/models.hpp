// Published architectures and small systems to test with.
#pragma once

#include <string>
#include <vector>

#include "xpusim/workload.hpp"

namespace test_models {

/// Dimensions from public configuration files, with their parameter counts in billions.
struct Published {
  const char* name;
  int layers, hidden, heads, kv_heads, head_dim, ffn;
  int experts, top_k, shared, moe_ffn, dense_layers;
  int q_rank, kv_rank, nope, rope, v_dim;
  int vocabulary;
  double kv_bytes;       // per token, bf16
  double total, active;  // B; active 0 = dense
  char family;  // 'l' Llama class, 'g' GPT-3 class (biases, LayerNorm, tied, positions), 's'
                // sandwich norms, 't' tied Llama class, 'n' LayerNorm and two ungated matrices
};
[[nodiscard]] const std::vector<Published>& published();
[[nodiscard]] xpusim::ModelSpec model(const Published&);
[[nodiscard]] xpusim::ModelSpec model(const std::string& name);

/// 4 layers, hidden 256, 8 heads of 32, 4 KV heads, FFN 512, vocabulary 1024.
[[nodiscard]] xpusim::ModelSpec small_dense();
/// The same with 8 experts of 128, top 2, one shared, first layer dense.
[[nodiscard]] xpusim::ModelSpec small_moe();
/// 64 sequences of 128 tokens, micro-batch 1.
[[nodiscard]] xpusim::TrainingSpec small_training();
/// `nodes` x 8 devices behind one switch plane per node and one over all.
[[nodiscard]] xpusim::Fabric small_fabric(int nodes, int per_node = 8);

}  // namespace test_models
