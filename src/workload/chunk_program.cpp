#include "workload/chunk_program.hpp"

#include "workload/architecture.hpp"

namespace xpusim {

namespace {

/// A is replicated or split like the matrix beside it.
double adapter_parameters(const ModelSpec& model, const ParallelLayout& l) {
  const AttentionShape a = attention_shape(model);
  const double qkv = a.heads * a.key_dim + 2.0 * a.kv_heads * a.key_dim;
  return kAdapterRank *
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
    out_.split = split_backward(out_.backward);
    return std::move(out_);
  }

 private:
  /// The head runs once more for every MTP module. Modules of an earlier chunk leave theirs to the
  /// chunk that holds the head.
  [[nodiscard]] int heads_of_earlier_modules(const ChunkContent& content) const {
    const bool here = !content.layers.empty() && content.layers.back() >= model_.layers;
    return content.head && !here ? model_.mtp_layers : 0;
  }

  void forward(const ChunkContent& content) {
    Program& p = out_.forward;
    if (content.embedding) {
      reads(p, {{}, true, false});
      emit_.embedding_forward(p);
    }
    for (const int layer : content.layers) {
      if (layer >= model_.layers) continue;
      reads(p, {{layer}, false, false});
      emit_.layer_forward(p, layer_shape(model_, layer));
    }
    if (content.head) {
      reads(p, {{}, false, true});
      for (int i = 0; i <= heads_of_earlier_modules(content); ++i) emit_.head_forward(p);
    }
    for (const int layer : content.layers) {
      if (layer < model_.layers) continue;  // MTP module: projection, layer, the head again
      reads(p, {{layer}, false, false});
      emit_.mtp_forward(p);
      emit_.layer_forward(p, layer_shape(model_, layer));
      if (content.head) emit_.head_forward(p);
    }
  }

  void backward(const ChunkContent& content) {
    Program& p = out_.backward;
    if (content.head) reads(p, {{}, false, true});  // MTP modules run it first
    for (auto layer = content.layers.rbegin();
         layer != content.layers.rend() && *layer >= model_.layers; ++layer) {
      reads(p, {{*layer}, false, false});
      if (content.head) emit_.head_backward(p);
      emit_.layer_backward(p, layer_shape(model_, *layer), repeats(content, *layer));
      emit_.mtp_backward(p);
      complete({{*layer}, false, false});
    }
    if (content.head) {
      for (int i = 0; i <= heads_of_earlier_modules(content); ++i) emit_.head_backward(p);
      complete({{}, false, true});
    }
    for (auto layer = content.layers.rbegin(); layer != content.layers.rend(); ++layer) {
      if (*layer >= model_.layers) continue;
      reads(p, {{*layer}, false, false});
      emit_.layer_backward(p, layer_shape(model_, *layer), repeats(content, *layer));
      complete({{*layer}, false, false});
    }
    if (content.embedding) {
      reads(p, {{}, true, false});  // FSDP gathers a module before its backward pass, read or not
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

  /// What follows reads the parameters of this part.
  void reads(Program& p, const ChunkContent& part) {
    if (training_.optimizer_sharding < 3) return;
    const ShardedParameters unit = sharded_parameters(model_, layout_, part);
    if (unit.total() <= 0) return;
    p.steps.push_back({StepKind::layer, static_cast<std::uint32_t>(out_.units.size()), 0});
    out_.units.push_back(unit);
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
