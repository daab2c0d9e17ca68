// The kernels and communications of one transformer layer, the embedding, the head and the
// optimizer.
#pragma once

#include "workload/program.hpp"

namespace xpusim {

/// Rank of the adapters beside the attention projections of a frozen base, as in MLPerf Training's
/// Llama-2-70B LoRA benchmark (mlcommons/training, llama2_70b_lora).
inline constexpr double kAdapterRank = 16;

/// Appends forward and backward passes to programs. Sharding follows Megatron-LM: column- then
/// row-parallel matrices (Shoeybi et al. 2019), sequence parallelism (Korthikanti et al. 2022),
/// all-gathered K and V for context parallelism (Llama 3, arXiv 2407.21783, section 3.3.2), token
/// dispatch for expert parallelism (GShard, arXiv 2006.16668).
class LayerEmitter {
 public:
  LayerEmitter(const ModelSpec&, const ParallelLayout&, const TrainingSpec&, const SoftwareSpec&,
               OpTable&, CommunicationTable&);
  void layer_forward(Program&, const LayerShape&);
  /// `repeat` runs the forward pass again first (full recomputation).
  void layer_backward(Program&, const LayerShape&, bool repeat);
  void embedding_forward(Program&);
  void embedding_backward(Program&);
  void head_forward(Program&);  ///< last norm, head, loss
  void head_backward(Program&);
  void mtp_forward(Program&);  ///< the 2h -> h projection of an MTP module
  void mtp_backward(Program&);
  /// Adam on so many parameters of this device.
  [[nodiscard]] std::uint32_t optimizer_op(double parameters);
  /// Gradient norm, clipping (and for FP16 the loss scale) of so many parameters of this device.
  [[nodiscard]] std::uint32_t clip_op(double parameters);
  /// Clearing the gradients of so many parameters for the next step.
  [[nodiscard]] std::uint32_t zero_op(double parameters);
  /// Bytes that one token batch carries to the next stage.
  [[nodiscard]] double boundary_bytes() const;

 private:
  struct Gemm {
    std::string name;
    double rows = 0, out = 0, in = 0;
    std::string format;
    bool bias = false;
  };
  void run(Program&, const ComputeOp&);
  /// `family`: kernels that reach less than the chip's sustained rates (kernel_efficiency).
  void stream(Program&, const std::string& name, double bytes, int kernels = 1,
              const std::string& family = {});
  [[nodiscard]] double kernel_efficiency(const std::string& family) const;
  std::uint32_t start(Program&, GroupKind, CollectiveType, double bytes);
  void communicate(Program&, GroupKind, CollectiveType, double bytes);
  static void wait(Program&, std::uint32_t slot);

  void gemm_forward(Program&, const Gemm&);
  void gemm_dgrad(Program&, const Gemm&);
  void gemm_wgrad(Program&, const Gemm&);
  void cast(Program&, const Gemm&, double elements);
  void gather_and_multiply(Program&, double width, const std::vector<Gemm>&, bool dgrad);
  void multiply_and_scatter(Program&, const Gemm&, bool dgrad);
  void grouped(Program&, const Gemm&, const char* pass);
  void norm(Program&, bool backward);
  void add_residual(Program&, bool backward);
  void activation(Program&, double rows, double width, bool backward);
  void rope(Program&, bool backward);
  void head_norm(Program&, bool backward);
  [[nodiscard]] ComputeOp fused_attention(OpKind, bool windowed) const;
  void ring_attention(Program&, OpKind, bool windowed);
  void exchange_heads(Program&, bool outputs);
  void core_attention(Program&, bool windowed);
  void core_attention_backward(Program&, bool windowed);
  void unfused_scores(Program&);
  void unfused_backward(Program&);
  void gather_input(Program&, double width);
  void scatter_output(Program&, double width);
  void column_backward(Program&, double width, const std::vector<Gemm>&);

  void attention_forward(Program&, bool windowed);
  void attention_backward(Program&, bool windowed);
  [[nodiscard]] std::vector<Gemm> scan_inputs(Mixer) const;
  [[nodiscard]] Gemm scan_output(Mixer) const;
  void scan(Program&, Mixer, bool backward);
  void scan_forward(Program&, Mixer);
  void scan_backward(Program&, Mixer);
  void mixer_forward(Program&, Mixer);
  void mixer_backward(Program&, Mixer);
  void dense_ffn_forward(Program&, double width);
  void dense_ffn_backward(Program&, double width);
  void adapter(Program&, const Gemm&, bool column_parallel, bool backward);
  std::vector<std::uint32_t> exchange_tokens(Program&, double width, double element_bytes);
  void wait_all(Program&, const std::vector<std::uint32_t>& slots);
  void experts_forward(Program&);
  void expert_activation(Program&, double rows, bool backward);
  void expert_biases(Program&, double rows, bool backward);
  void experts_backward(Program&);
  void ffn_forward(Program&, bool moe);
  void ffn_backward(Program&, bool moe);

  [[nodiscard]] std::vector<Gemm> query_key_value() const;
  [[nodiscard]] std::vector<Gemm> latent_projections() const;
  [[nodiscard]] Gemm output_projection() const;
  [[nodiscard]] std::vector<Gemm> router_matrices() const;
  [[nodiscard]] Gemm expert_matrix(bool first, double rows) const;
  [[nodiscard]] Gemm latent_output() const;
  [[nodiscard]] Gemm first_matrix(double width) const;
  [[nodiscard]] Gemm last_matrix(double width) const;
  [[nodiscard]] double attention_input_width() const;
  [[nodiscard]] double key_value_bytes() const;
  [[nodiscard]] double wide(double width) const { return tokens_ * width * activation_bytes_; }

  const ModelSpec& model_;
  const ParallelLayout& layout_;
  const TrainingSpec& training_;
  const SoftwareSpec& software_;
  OpTable& ops_;
  CommunicationTable& communications_;
  double tokens_ = 0;        ///< rows of the matrices: micro-batch tokens of this context rank
  double local_tokens_ = 0;  ///< rows outside of them: divided by TP under sequence parallelism
  double activation_bytes_ = 2, gradient_bytes_ = 4;
  bool dropout_ = false;
};

}  // namespace xpusim
