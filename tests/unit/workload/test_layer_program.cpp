// Kernels of one layer, forward and backward, by name.
#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#include "unit/workload/models.hpp"
#include "workload/layer_program.hpp"

using namespace xpusim;
using namespace test_models;
using Catch::Matchers::WithinRel;

namespace {

using Kernels = std::vector<ComputeOp>;

struct LayerCase {
  ModelSpec model = small_dense();
  LayerShape layer;
  ParallelismSpec parallelism;
  TrainingSpec training = small_training();
  SoftwareSpec software;

  [[nodiscard]] Kernels kernels(bool backward) const {
    const ParallelLayout layout = resolve_layout(model, parallelism, training, 8);
    OpTable ops;
    CommunicationTable communications;
    LayerEmitter emitter(model, layout, training, software, ops, communications);
    Program p;
    if (backward)
      emitter.layer_backward(p, layer, false);
    else
      emitter.layer_forward(p, layer);
    const std::vector<ComputeOp> table = ops.take();
    Kernels result;
    for (const Step& step : p.steps)
      if (step.kind == StepKind::run) result.push_back(table[step.index]);
    return result;
  }
  /// Kernels whose name contains `name`, in order.
  [[nodiscard]] Kernels named(const std::string& name, bool backward) const {
    Kernels found;
    for (const ComputeOp& op : kernels(backward))
      if (op.label.find(name) != std::string::npos) found.push_back(op);
    return found;
  }
  /// The one kernel of that very name.
  [[nodiscard]] ComputeOp one(const std::string& name, bool backward) const {
    Kernels found = named(name, backward);
    std::erase_if(found, [&](const ComputeOp& op) { return op.label != name; });
    INFO(name);
    REQUIRE(found.size() == 1);
    return found.front();
  }
  [[nodiscard]] bool has(const std::string& name, bool backward) const {
    const Kernels all = kernels(backward);
    return std::any_of(all.begin(), all.end(),
                       [&](const ComputeOp& op) { return op.label == name; });
  }
};

/// An MoE layer of GPT-OSS class: biases and a clamp. Two expert ranks of 4 experts each; 128
/// tokens, top 2: 256 rows, 64 per expert.
LayerCase clamped_experts() {
  LayerCase c;
  c.model = small_moe();
  c.model.bias = true;
  c.model.activation_limit = 7;
  c.layer.moe = true;
  c.parallelism.expert = 2;
  return c;
}

struct Expected {
  const char* label;
  std::int64_t m, n, k;
  double bytes;  ///< of a streaming kernel; 0 = a matrix
};

void check_kernels(const Kernels& kernels, const std::vector<Expected>& expected) {
  REQUIRE(kernels.size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const Expected& e = expected[i];
    INFO(i << " " << e.label);
    CHECK(kernels[i].label == e.label);
    CHECK(kernels[i].kind == (e.bytes > 0 ? OpKind::memory : OpKind::gemm));
    CHECK(std::array{kernels[i].m, kernels[i].n, kernels[i].k} == std::array{e.m, e.n, e.k});
    CHECK(kernels[i].memory_bytes == e.bytes);
  }
}

LayerCase frozen_layer() {
  LayerCase c;
  c.model.kv_heads = 2;
  c.parallelism.tensor = 2;
  c.training.frozen_base = 1;
  return c;
}

/// Elements of 128 tokens at 2 bytes, and one FP32 state per chunk: 4 heads of 16 with 32 states,
/// one group.
LayerCase mamba_layer() {
  LayerCase c;
  c.model.mamba = MambaSpec{4, 16, 32, 1, 4};
  c.layer = {Mixer::mamba, false, false, 1};
  return c;
}

}  // namespace

TEST_CASE("the forward pass of an adapter is a dropout, two thin matrices and a sum",
          "[workload][closed-form]") {
  // TP2: the projection of queries, keys and values is 256 -> (4 + 2 * 1) * 32, that of outputs 128
  // -> 256; rank 16. Sequence parallelism leaves 64 rows of the first's input and the second's
  // output to a rank. Dropout reads and writes 2 bytes and writes a mask of one, the sum moves 3
  // times 2.
  check_kernels(frozen_layer().named("adapter", false),
                {{"adapter dropout", 0, 0, 0, 64 * 256 * 5},
                 {"adapter", 64, 16, 256, 0},
                 {"adapter", 128, 192, 16, 0},
                 {"adapter sum", 0, 0, 0, 128 * 192 * 6},
                 {"adapter dropout", 0, 0, 0, 128 * 128 * 5},
                 {"adapter", 128, 16, 128, 0},
                 {"adapter", 64, 256, 16, 0},
                 {"adapter sum", 0, 0, 0, 64 * 256 * 6}});
}

TEST_CASE("the backward pass of an adapter has both gradients of both thin matrices",
          "[workload][closed-form]") {
  // The output projection first; sums are those of input gradients.
  check_kernels(frozen_layer().named("adapter", true),
                {{"adapter dgrad", 64, 16, 256, 0},
                 {"adapter wgrad", 16, 256, 64, 0},
                 {"adapter dgrad", 128, 128, 16, 0},
                 {"adapter wgrad", 128, 16, 128, 0},
                 {"adapter dropout backward", 0, 0, 0, 128 * 128 * 5},
                 {"adapter sum backward", 0, 0, 0, 128 * 128 * 6},
                 {"adapter dgrad", 128, 16, 192, 0},
                 {"adapter wgrad", 16, 192, 128, 0},
                 {"adapter dgrad", 64, 256, 16, 0},
                 {"adapter wgrad", 256, 16, 64, 0},
                 {"adapter dropout backward", 0, 0, 0, 64 * 256 * 5},
                 {"adapter sum backward", 0, 0, 0, 64 * 256 * 6}});
}

TEST_CASE("a base that trains has no adapters, a frozen one no other weight gradients",
          "[workload]") {
  LayerCase c = frozen_layer();
  for (const ComputeOp& op : c.named("wgrad", true)) CHECK(op.label == "adapter wgrad");
  c.training.frozen_base = 0;
  CHECK(c.named("adapter", false).empty());
  CHECK(c.named("adapter", true).empty());
  CHECK(c.named("wgrad", true).size() == 4);
}

TEST_CASE("the cast of a frozen base writes one copy, otherwise two", "[workload][closed-form]") {
  LayerCase c;
  const double elements = 128 * 256;
  const auto cast = [&](const char* format, int frozen) {
    c.training.formats.compute = format;
    c.training.frozen_base = frozen;
    return c.one("qkv projection cast", false);
  };
  // One scale for the tensor: read twice in 16 bits; block scales: once, and one byte for 32.
  CHECK(cast("fp8", 0).memory_bytes == elements * (2 * 2 + 2));
  CHECK(cast("fp8", 1).memory_bytes == elements * (2 * 2 + 1));
  CHECK(cast("fp8", 1).kernels == 2);
  CHECK(cast("mxfp8", 0).memory_bytes == elements * (2 + 2 * (1 + 1 / 32.0)));
  CHECK(cast("mxfp8", 1).memory_bytes == elements * (2 + 1 + 1 / 32.0));
  CHECK(cast("mxfp8", 1).kernels == 1);
}

TEST_CASE("clamps and biases of unfused experts are kernels of their own",
          "[workload][closed-form]") {
  const LayerCase c = clamped_experts();
  // 256 rows of 128 gate and up values of 2 bytes: split, two clamps, joined; backward mask,
  // gradient, written gradient of both.
  CHECK(c.one("experts clamp", false).memory_bytes == 256 * 128 * 2 * 8);
  CHECK(c.one("experts clamp", false).kernels == 3);
  CHECK(c.one("experts clamp backward", true).memory_bytes == 256 * 128 * 2 * 6);
  CHECK(c.one("experts clamp backward", true).kernels == 2);
  // 256 rows of 256, 4 experts one by one, and a join.
  CHECK(c.one("experts bias", false).memory_bytes == 256 * 256 * 2 * 6);
  CHECK(c.one("experts bias", false).kernels == 2 * 4 + 1);
  CHECK(c.one("experts bias backward", true).memory_bytes == 256 * 256 * 2 * 6);
  CHECK(c.one("experts bias backward", true).kernels == 4 * 4 + 1);
  LayerCase plain = clamped_experts();
  plain.model.bias = false;
  plain.model.activation_limit = 0;
  for (const bool backward : {false, true}) {
    CHECK(plain.named("experts clamp", backward).empty());
    CHECK(plain.named("experts bias", backward).empty());
  }
}

TEST_CASE("the clamp is repeated where the experts' activation is recomputed", "[workload]") {
  LayerCase c = clamped_experts();
  CHECK_FALSE(c.has("experts clamp", true));
  c.training.recompute = Recompute::selective;
  c.training.recompute_modules = {"moe_act"};
  CHECK(c.has("experts clamp", true));
  c.software.fused_experts = true;
  CHECK_FALSE(c.has("experts clamp", true));
}

TEST_CASE("fused experts have neither clamp nor bias nor activation of their own",
          "[workload][closed-form]") {
  LayerCase c = clamped_experts();
  CHECK(c.named("activation", false).size() == 2);  // the shared expert's and the experts'
  CHECK(c.named("activation", true).size() == 2);
  c.software.fused_experts = true;
  for (const bool backward : {false, true}) {
    CHECK(c.named("experts clamp", backward).empty());
    CHECK(c.named("experts bias", backward).empty());
    // The shared expert: 128 tokens of 128 values of 2 bytes; gate, up, product, backward 5.
    const Kernels left = c.named("activation", backward);
    REQUIRE(left.size() == 1);
    CHECK(left[0].memory_bytes == 128 * 128 * 2 * (backward ? 5 : 3));
  }
}

TEST_CASE("fused experts quantise what comes out of the activation in the matrix before",
          "[workload][closed-form]") {
  LayerCase c = clamped_experts();
  c.training.formats.compute = "fp8";
  // 4 experts of 64 rows: first matrix 256 -> 2 * 128, last 128 -> 256; 2 * 2 + 2 bytes each.
  const double rows = 4 * 64, each = 2 * 2 + 2;
  CHECK(c.one("experts first matrix cast", false).memory_bytes == rows * 256 * each);
  CHECK(c.one("experts last matrix cast", false).memory_bytes == rows * 128 * each);
  CHECK(c.one("experts last matrix cast", true).memory_bytes == rows * 256 * each);
  CHECK(c.one("experts first matrix cast", true).memory_bytes == rows * 2 * 128 * each);
  c.software.fused_experts = true;
  CHECK(c.one("experts first matrix cast", false).memory_bytes == rows * 256 * each);
  CHECK_FALSE(c.has("experts last matrix cast", false));
  CHECK(c.one("experts last matrix cast", true).memory_bytes == rows * 256 * each);
  CHECK_FALSE(c.has("experts first matrix cast", true));
  for (const char* matrix : {"experts first matrix", "experts last matrix"}) {
    CHECK(c.one(matrix, false).count == 4);
    CHECK(c.one(std::string(matrix) + " dgrad", true).count == 4);
    CHECK(c.one(std::string(matrix) + " wgrad", true).count == 4);
  }
}

TEST_CASE("a Mamba scan passes its states 4 times forward and 10 times backward",
          "[workload][closed-form]") {
  LayerCase c = mamba_layer();
  const double values = 4 * 16, channels = values + 2 * 32, states = values * 32;
  // 2 bytes; one FP32 state per chunk of 128 tokens.
  const auto bytes = [&](double value_passes, double state_passes, double tokens) {
    return tokens * 2 * (channels + value_passes * values) +
           tokens / 128 * 4 * state_passes * states;
  };
  CHECK_THAT(c.one("mamba scan", false).memory_bytes, WithinRel(bytes(2, 4, 128), 1e-12));
  CHECK_THAT(c.one("mamba scan backward", true).memory_bytes, WithinRel(bytes(9, 10, 128), 1e-12));
  CHECK(c.one("mamba scan", false).kernels == 5);
  CHECK(c.one("mamba scan backward", true).kernels == 8);
  c.training.sequence = 1024;
  CHECK_THAT(c.one("mamba scan", false).memory_bytes, WithinRel(bytes(2, 4, 1024), 1e-12));
  c.parallelism.tensor = 2;  // heads and groups are split
  CHECK_THAT(c.one("mamba scan", false).memory_bytes, WithinRel(bytes(2, 4, 1024) / 2, 1e-12));
}

TEST_CASE("a linear attention scan passes its states twice forward and 5 times backward",
          "[workload][closed-form]") {
  LayerCase c;
  c.model.linear_attention = LinearAttentionSpec{2, 4, 16, 32, 4, 0};
  c.layer = {Mixer::linear, false, false, 1};
  const double values = 4 * 32, channels = 2 * 2 * 16 + values, states = values * 16;
  const double tokens = 128, chunks = tokens / 64;  // of the gated delta rule
  CHECK_THAT(c.one("linear attention scan", false).memory_bytes,
             WithinRel(tokens * 2 * (channels + values) + chunks * 4 * 2 * states, 1e-12));
  CHECK_THAT(c.one("linear attention scan backward", true).memory_bytes,
             WithinRel(tokens * 2 * (channels + 4 * values) + chunks * 4 * 5 * states, 1e-12));
}

TEST_CASE("windowed attention runs at the share of whole tiles that its window fills",
          "[workload][closed-form]") {
  LayerCase c;
  c.model.window = 64;
  c.layer.mixer = Mixer::windowed;
  const auto efficiency = [&](int sequence, bool backward) {
    c.training.sequence = sequence;
    return c.one(backward ? "attention backward windowed" : "attention windowed", backward)
        .efficiency;
  };
  for (const bool backward : {false, true}) {
    CHECK_THAT(efficiency(1024, backward), WithinRel(64 / (64 + 128.0), 1e-12));
    CHECK_THAT(efficiency(128, backward), WithinRel(64 / 128.0, 1e-12));  // no more keys than that
  }
  // A window over all of the sequence, and full attention, are plain causal kernels.
  c.model.window = 128;
  CHECK(c.one("attention", false).efficiency == 1);
  c.layer.mixer = Mixer::attention;
  CHECK(c.one("attention", false).efficiency == 1);
}

TEST_CASE("scans and permutations carry the efficiency of the software's kernels", "[workload]") {
  const std::map<std::string, double> shares{
      {"scan", 0.6}, {"scan_backward", 0.3}, {"permute", 0.5}};
  LayerCase moe = clamped_experts(), mamba = mamba_layer();
  CHECK(moe.one("permute", false).efficiency == 1);
  CHECK(mamba.one("mamba scan", false).efficiency == 1);
  moe.software.kernel_efficiency = mamba.software.kernel_efficiency = shares;
  for (const bool backward : {false, true})
    for (const ComputeOp& op : moe.kernels(backward)) {
      INFO(op.label);
      CHECK(op.efficiency == (op.label.find("permute") != std::string::npos ? 0.5 : 1.0));
    }
  CHECK(moe.named("permute", false).size() == 2);
  CHECK(moe.named("permute", true).size() == 2);
  for (const bool backward : {false, true})
    for (const ComputeOp& op : mamba.kernels(backward)) {
      INFO(op.label);
      const bool scan = op.label.find("scan") != std::string::npos;
      CHECK(op.efficiency == (scan ? (backward ? 0.3 : 0.6) : 1.0));
    }
}

namespace {

/// What a token dispatch is made of: `experts` over `ranks`, `domain` of them in a scale-up domain.
struct Dispatch {
  int experts, groups, top_groups, top_k;
  int ranks, domain;
};
const std::vector<Dispatch> kDispatches = {
    {64, 1, 1, 6, 16, 8},   {64, 1, 1, 6, 64, 8},  {128, 1, 1, 8, 32, 4},
    {256, 8, 4, 8, 64, 8},  // DeepSeek-V3 on 8 nodes: a node holds one group
    {256, 8, 4, 8, 16, 8},  // on 2 nodes: four groups
    {256, 8, 4, 8, 128, 8}, {160, 8, 3, 6, 32, 8},  // on 16 nodes: half of one, DeepSeek-V2
};

LayerCase dispatched(const Dispatch& d, ExpertDispatch how) {
  LayerCase c;
  c.model = small_moe();
  c.model.moe = MoeSpec{d.experts, d.top_k, 1, 128, 1};
  c.model.moe->groups = d.groups;
  c.model.moe->top_groups = d.top_groups;
  c.layer.moe = true;
  c.parallelism.expert = d.ranks;
  c.parallelism.expert_dispatch = how;
  c.training.global_batch = d.ranks;
  return c;
}

/// The program of a layer, and what it communicates.
struct Emitted {
  Program program;
  CommunicationTable communications;
  std::vector<ComputeOp> ops;

  Emitted(const LayerCase& c, int ranks, int domain, bool backward) {
    ParallelLayout layout =
        resolve_layout(c.model, c.parallelism, c.training, static_cast<std::uint32_t>(ranks));
    layout.expert_domain = domain;
    OpTable table;
    LayerEmitter emitter(c.model, layout, c.training, c.software, table, communications);
    if (backward)
      emitter.layer_backward(program, c.layer, false);
    else
      emitter.layer_forward(program, c.layer);
    ops = table.take();
  }
  /// Bytes of every communication of a kind of group, in order.
  [[nodiscard]] std::vector<double> bytes(GroupKind kind) const {
    std::vector<double> found;
    for (const Step& step : program.steps)
      if (step.kind == StepKind::start && communications.at(step.index).group == kind) {
        CHECK(communications.at(step.index).type == CollectiveType::ALL_TO_ALL);
        found.push_back(communications.at(step.index).bytes);
      }
    return found;
  }
};

/// C(n, k)
double choose(double n, int k) {
  double ways = 1;
  for (int i = 0; i < k; ++i) ways *= std::max(0.0, n - i) / (i + 1);
  return ways;
}

/// Probability that a token reaches `part` experts: part of one group, or whole groups, any of
/// which gets a token that chose it.
double reach(const Dispatch& d, int part) {
  const int group = d.experts / d.groups;
  if (d.groups > 1 && part >= group)
    return 1 - choose(d.groups - part / group, d.top_groups) / choose(d.groups, d.top_groups);
  const double candidates = group * d.top_groups;
  return double(d.top_groups) / d.groups *
         (1 - choose(candidates - part, d.top_k) / choose(candidates, d.top_k));
}

/// How `tokens` tokens choose: groups at random, or (DeepSeek-V3, arXiv 2412.19437, section 2.1.2)
/// those whose two best experts score most, and of them the best experts. The share of parts of
/// `part` experts that a token reaches.
double drawn(const Dispatch& d, int part, bool by_score, int tokens) {
  std::mt19937 random(17);
  std::uniform_real_distribution<double> uniform(0, 1);
  const int group = d.experts / d.groups;
  double reached = 0;
  std::vector<double> score(static_cast<std::size_t>(d.experts));
  std::vector<int> groups(static_cast<std::size_t>(d.groups));
  for (int token = 0; token < tokens; ++token) {
    for (double& s : score) s = uniform(random);
    std::vector<double> rank;
    for (int g = 0; g < d.groups; ++g) {
      double best = 0, second = 0;
      for (int e = g * group; e < (g + 1) * group; ++e) {
        const double s = score[std::size_t(e)];
        second = std::max(second, std::min(best, s));
        best = std::max(best, s);
      }
      rank.push_back(by_score ? best + second : uniform(random));
    }
    std::iota(groups.begin(), groups.end(), 0);
    std::sort(groups.begin(), groups.end(),
              [&](int a, int b) { return rank[std::size_t(a)] > rank[std::size_t(b)]; });
    std::vector<int> candidates;
    for (int i = 0; i < d.top_groups; ++i)
      for (int e = 0; e < group; ++e) candidates.push_back(groups[std::size_t(i)] * group + e);
    std::partial_sort(candidates.begin(), candidates.begin() + d.top_k, candidates.end(),
                      [&](int a, int b) { return score[std::size_t(a)] > score[std::size_t(b)]; });
    std::vector<bool> hit(std::size_t(d.experts / part));
    for (int i = 0; i < d.top_k; ++i) hit[std::size_t(candidates[std::size_t(i)] / part)] = true;
    reached += double(std::count(hit.begin(), hit.end(), true));
  }
  return reached / tokens / (d.experts / part);
}

}  // namespace

TEST_CASE("dispatch once per rank sends one row per node and one per rank that a token reaches",
          "[workload][closed-form]") {
  for (const Dispatch& d : kDispatches)
    for (const char* format : {"", "fp8"})
      for (const bool backward : {false, true}) {
        INFO(d.experts << " experts on " << d.ranks << " ranks, " << format << " " << backward);
        LayerCase c = dispatched(d, ExpertDispatch::once_per_rank);
        c.training.formats.dispatch = format;
        const Emitted e(c, d.ranks, d.domain, backward);
        const int nodes = d.ranks / d.domain;
        // 128 tokens of 256 values; dispatch forward in its format, all else in 2 bytes.
        const double first = 128 * 256 * (*format && !backward ? 1 : 2), rest = 128 * 256 * 2;
        const double rail = nodes * reach(d, d.experts / nodes);
        const double node = d.ranks * reach(d, d.experts / d.ranks);
        const std::vector<double> over = e.bytes(GroupKind::expert_rail);
        const std::vector<double> within = e.bytes(GroupKind::expert_node);
        REQUIRE(over.size() == 2);
        REQUIRE(within.size() == 2);
        CHECK_THAT(over[0], WithinRel(first * rail, 1e-9));
        CHECK_THAT(over[1], WithinRel(rest * rail, 1e-9));
        CHECK_THAT(within[0], WithinRel(first * node, 1e-9));
        CHECK_THAT(within[1], WithinRel(rest * node, 1e-9));
        CHECK(e.bytes(GroupKind::expert).empty());
        // Never more than every copy on its own.
        const std::vector<double> copies =
            Emitted(dispatched(d, ExpertDispatch::every_copy), d.ranks, d.domain, backward)
                .bytes(GroupKind::expert);
        REQUIRE(copies.size() == 2);
        CHECK_THAT(copies[1], WithinRel(rest * d.top_k, 1e-9));
        CHECK(over[1] <= copies[1]);
        CHECK(within[1] <= copies[1]);
        CHECK(over[1] <= within[1] * (1 + 1e-9));
      }
}

TEST_CASE("the parts that a token reaches are those of tokens drawn at random", "[workload]") {
  const int tokens = 20000;
  for (const Dispatch& d : kDispatches) {
    INFO(d.experts << " experts on " << d.ranks << " ranks");
    const Emitted e(dispatched(d, ExpertDispatch::once_per_rank), d.ranks, d.domain, false);
    const int nodes = d.ranks / d.domain;
    const auto check = [&](double bytes, int parts) {
      const int part = d.experts / parts;
      // Groups that are chosen for their best experts get tokens; those drawn at random may not.
      const bool whole_groups = d.groups > 1 && part >= d.experts / d.groups;
      INFO(part << " experts each");
      CHECK_THAT(bytes / (128 * 256 * 2) / parts,
                 WithinRel(drawn(d, part, whole_groups, tokens), 0.02));
    };
    check(e.bytes(GroupKind::expert_rail).at(0), nodes);
    check(e.bytes(GroupKind::expert_node).at(0), d.ranks);
  }
}

TEST_CASE("dispatch in one domain, or between ranks that have none, is one exchange",
          "[workload][closed-form]") {
  const Dispatch d{64, 1, 1, 6, 8, 8};
  const LayerCase c = dispatched(d, ExpertDispatch::once_per_rank);
  const double bytes = 128 * 256 * 2 * 8 * (1 - choose(64 - 8, 6) / choose(64, 6));
  for (const bool backward : {false, true}) {
    const Emitted one(c, 8, 8, backward), none(c, 8, 1, backward);
    CHECK(one.bytes(GroupKind::expert_rail).empty());
    CHECK(none.bytes(GroupKind::expert_node).empty());
    const std::vector<double> within = one.bytes(GroupKind::expert_node);
    const std::vector<double> between = none.bytes(GroupKind::expert_rail);
    REQUIRE(within.size() == 2);
    REQUIRE(between.size() == 2);
    for (const double b : {within[0], within[1], between[0], between[1]})
      CHECK_THAT(b, WithinRel(bytes, 1e-12));
  }
}

TEST_CASE("shared experts run under the dispatch, or wait for it", "[workload]") {
  for (const ExpertDispatch how : {ExpertDispatch::every_copy, ExpertDispatch::once_per_rank})
    for (const bool backward : {false, true})
      for (const bool overlap : {true, false}) {
        INFO(int(how) << " " << backward << " " << overlap);
        LayerCase c = dispatched({64, 1, 1, 6, 16, 8}, how);
        c.parallelism.shared_expert_overlap = overlap;
        const Emitted e(c, 16, 8, backward);
        const auto expert = [&](const Step& s) {
          return s.kind == StepKind::start &&
                 purpose_of(e.communications.at(s.index).group) == Purpose::ep;
        };
        const std::vector<Step>& steps = e.program.steps;
        auto at = std::find_if(steps.begin(), steps.end(), expert);
        std::vector<std::uint32_t> slots;
        for (; at != steps.end() && expert(*at); ++at) slots.push_back(at->slot);
        REQUIRE(slots.size() == (how == ExpertDispatch::every_copy ? 1 : 2));
        // Kernels between the start of the dispatch and the last wait for it.
        std::size_t under = 0, waits = 0;
        for (; waits < slots.size(); ++at) {
          REQUIRE(at != steps.end());
          if (at->kind == StepKind::run) ++under;
          if (at->kind == StepKind::wait && std::count(slots.begin(), slots.end(), at->slot) > 0)
            ++waits;
        }
        // Forward: two matrices and the activation; backward the gradients of both, too.
        CHECK(under == (!overlap ? 0 : backward ? 5 : 3));
        // The grouped kernels come after in any case.
        while (at != steps.end() && at->kind != StepKind::run) ++at;
        REQUIRE(at != steps.end());
        CHECK((e.ops[at->index].label.find("experts") != std::string::npos) == overlap);
      }
}

TEST_CASE("FP16 optimizers move 60 bytes per parameter where gradients are FP16",
          "[workload][closed-form]") {
  const auto bytes = [](const char* compute, const char* gradients) {
    LayerCase c;
    c.training.formats = {};
    c.training.formats.compute = compute;
    c.training.formats.weights = compute;
    c.training.formats.gradients = gradients;
    const ParallelLayout layout = resolve_layout(c.model, c.parallelism, c.training, 8);
    OpTable table;
    CommunicationTable communications;
    LayerEmitter emitter(c.model, layout, c.training, c.software, table, communications);
    const std::uint32_t clip = emitter.clip_op(1e6), step = emitter.optimizer_op(1e6);
    const std::vector<ComputeOp> ops = table.take();
    return std::pair(ops[clip].memory_bytes / 1e6, ops[step].memory_bytes / 1e6);
  };
  // Copied to FP32: 2 + 4; unscaled, read for the norm and clipped: 5 * 4. Adam: the gradient 4,
  // two moments and the master weights twice 12, the weights 2, copied from the master weights 4.
  CHECK(bytes("fp16", "fp16") == std::pair(26.0, 34.0));
  // FP32 gradients need no copy: 5 * 4, and 4 + 24 + 2.
  CHECK(bytes("fp16", "fp32") == std::pair(20.0, 30.0));
  // BF16 has no loss scale, and no copies.
  CHECK(bytes("bf16", "fp32") == std::pair(12.0, 30.0));
  CHECK(bytes("bf16", "bf16") == std::pair(6.0, 28.0));
}
