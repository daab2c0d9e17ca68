#include "workload/chunk_program.hpp"

#include "workload/architecture.hpp"

namespace xpusim {

namespace {

/// Adapters of rank 16 beside the attention projections, as in MLPerf Training's Llama-2-70B LoRA
/// benchmark (mlcommons/training llama2_70b_lora): A is replicated or split like the matrix beside
/// it.
double adapter_parameters(const ModelSpec& model, const ParallelLayout& l) {
  constexpr double kRank = 16;
  const AttentionShape a = attention_shape(model);
  const double qkv = a.heads * a.key_dim + 2.0 * a.kv_heads * a.key_dim;
  return kRank *
         (2.0 * model.hidden + (qkv + static_cast<double>(a.heads) * a.value_dim) / l.tensor);
}

ShardedParameters trained_parameters(const ModelSpec& model, const ParallelLayout& l,
                                     const TrainingSpec& t, const ChunkContent& content) {
  if (t.frozen_base == 0) return sharded_parameters(model, l, content);
  return {adapter_parameters(model, l) * static_cast<double>(content.layers.size()), 0};
}

class ChunkWriter {
 public:
  ChunkWriter(LayerEmitter& emit, const ModelSpec& model, const ParallelLayout& layout,
              const TrainingSpec& training)
      : emit_(emit), model_(model), layout_(layout), training_(training) {}

  ChunkProgram write(const ChunkContent& content) {
    forward(content);
    backward(content);
    return std::move(out_);
  }

 private:
  void forward(const ChunkContent& content) {
    if (content.embedding) emit_.embedding_forward(out_.forward);
    for (const int layer : content.layers)
      if (layer < model_.layers) emit_.layer_forward(out_.forward, layer_shape(model_, layer));
    if (content.head) emit_.head_forward(out_.forward);
    for (const int layer : content.layers) {
      if (layer < model_.layers) continue;  // MTP module: projection, layer, the head again
      emit_.mtp_forward(out_.forward);
      emit_.layer_forward(out_.forward, layer_shape(model_, layer));
      emit_.head_forward(out_.forward);
    }
  }

  void backward(const ChunkContent& content) {
    Program& p = out_.backward;
    for (auto layer = content.layers.rbegin();
         layer != content.layers.rend() && *layer >= model_.layers; ++layer) {
      emit_.head_backward(p);
      emit_.layer_backward(p, layer_shape(model_, *layer), repeats(content, *layer));
      emit_.mtp_backward(p);
      complete({{*layer}, false, false});
    }
    if (content.head) {
      emit_.head_backward(p);
      complete({{}, false, true});
    }
    for (auto layer = content.layers.rbegin(); layer != content.layers.rend(); ++layer) {
      if (*layer >= model_.layers) continue;
      emit_.layer_backward(p, layer_shape(model_, *layer), repeats(content, *layer));
      complete({{*layer}, false, false});
    }
    if (content.embedding) {
      emit_.embedding_backward(p);
      complete({{}, true, false});
    }
  }

  /// Full recomputation of the first layers of the chunk (Megatron-LM, recompute method block).
  [[nodiscard]] bool repeats(const ChunkContent& content, int layer) const {
    if (training_.recompute != Recompute::full) return false;
    return training_.recompute_layers == 0 ||
           layer - content.layers.front() < training_.recompute_layers;
  }

  /// The gradients of this part are final.
  void complete(const ChunkContent& part) {
    const ShardedParameters p = trained_parameters(model_, layout_, training_, part);
    if (p.total() <= 0) return;
    out_.backward.steps.push_back(
        {StepKind::gradients, static_cast<std::uint32_t>(out_.gradients.size()), 0});
    out_.gradients.push_back(p);
    out_.parameters += p;
  }

  LayerEmitter& emit_;
  const ModelSpec& model_;
  const ParallelLayout& layout_;
  const TrainingSpec& training_;
  ChunkProgram out_;
};

}  // namespace

ChunkProgram build_chunk_program(LayerEmitter& emit, const ModelSpec& model,
                                 const ParallelLayout& layout, const TrainingSpec& training,
                                 const ChunkContent& content) {
  return ChunkWriter(emit, model, layout, training).write(content);
}

}  // namespace xpusim
