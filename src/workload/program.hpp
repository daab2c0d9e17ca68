// A straight-line program of one rank: kernels, and communications that start and are waited for.
// Programs are built once per model chunk and played for every rank and micro-batch.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "workload/rank_map.hpp"
#include "xpusim/workload.hpp"

namespace xpusim {

enum class StepKind : std::uint8_t {
  run,        ///< kernel `index`
  start,      ///< communication `index`, remembered in `slot`
  wait,       ///< what follows waits for `slot`
  gradients,  ///< gradients of layer parameters are final: entry `index` of gradient_bytes
  layer,      ///< what follows reads the parameters of unit `index`
  finish      ///< of merged programs: the program of lane `lane` has ended
};
struct Step {
  StepKind kind = StepKind::run;
  std::uint32_t index = 0;
  std::uint32_t slot = 0;
  bool weight_gradient = false;  ///< a kernel that nobody waits for but the optimizer
  std::uint8_t lane = 0;         ///< of merged programs: which of the two it comes from
};

struct Communication {
  GroupKind group = GroupKind::tensor;
  CollectiveType type = CollectiveType::ALL_REDUCE;
  double bytes = 0;
  friend auto operator<=>(const Communication&, const Communication&) = default;
};
[[nodiscard]] Purpose purpose_of(GroupKind);
[[nodiscard]] Stream stream_of(GroupKind);

struct Program {
  std::vector<Step> steps;
  std::uint32_t slots = 0;
};

class CommunicationTable;
/// The backward program in two: input gradients, and weight gradients with the communications that
/// only they wait for and the `gradients` steps (Qi et al., arXiv 2401.10241, section 2).
struct SplitProgram {
  Program input, weight;
};
[[nodiscard]] SplitProgram split_backward(const Program& backward);
/// Two independent programs in one: where one would wait for an expert communication, the other
/// runs up to its own such wait. `finish` steps tell where each ends.
[[nodiscard]] Program merge_programs(const Program& first, const Program& second,
                                     const CommunicationTable&);

/// Unique operations and communications of a graph.
class OpTable {
 public:
  [[nodiscard]] std::uint32_t id(const ComputeOp&);
  [[nodiscard]] std::vector<ComputeOp> take() { return std::move(ops_); }

 private:
  std::map<std::string, std::uint32_t> ids_;
  std::vector<ComputeOp> ops_;
};
class CommunicationTable {
 public:
  [[nodiscard]] std::uint32_t id(const Communication&);
  [[nodiscard]] const Communication& at(std::uint32_t id) const { return items_[id]; }
  [[nodiscard]] std::size_t size() const { return items_.size(); }

 private:
  std::map<Communication, std::uint32_t> ids_;
  std::vector<Communication> items_;
};

}  // namespace xpusim
