#include <catch2/catch.hpp>

#include <algorithm>

#include "unit/workload/models.hpp"
#include "unit/workload/refusal.hpp"
#include "unit/workload/run_graph.hpp"
#include "xpusim/workload.hpp"

using namespace xpusim;
using namespace test_models;
using Catch::Matchers::WithinRel;

namespace {

struct Job {
  ModelSpec model;
  ParallelismSpec parallelism;
  [[nodiscard]] TaskGraph graph(bool fold) const {
    return build_training_step(model, parallelism, small_training(), small_fabric(4, 8), {},
                               {.fold = fold});
  }
};

std::vector<Job> jobs() {
  std::vector<Job> list;
  const auto add = [&](ModelSpec m, int tp, int cp, int pp, int vp, int ep, int etp) {
    ParallelismSpec p;
    p.tensor = tp;
    p.context = cp;
    p.pipeline = pp;
    p.virtual_stages = vp;
    p.expert = ep;
    p.expert_tensor = etp;
    m.tied_embedding = vp == 1;
    list.push_back({m, p});
  };
  add(small_dense(), 8, 1, 1, 1, 1, 0);
  add(small_dense(), 4, 2, 2, 2, 1, 0);
  add(small_dense(), 2, 1, 4, 1, 1, 0);
  add(small_moe(), 2, 1, 2, 1, 8, 1);
  add(small_moe(), 2, 2, 2, 2, 4, 2);
  return list;
}

}  // namespace

TEST_CASE("a folded graph stands for the same FLOPs and bytes as the unfolded one",
          "[workload][property]") {
  for (const Job& job : jobs()) {
    const auto folded = test_graphs::totals(job.graph(true)),
               unfolded = test_graphs::totals(job.graph(false));
    CHECK_THAT(folded.flops, WithinRel(unfolded.flops, 1e-12));
    CHECK_THAT(folded.memory_bytes, WithinRel(unfolded.memory_bytes, 1e-12));
    REQUIRE(folded.bytes_by_purpose.size() == unfolded.bytes_by_purpose.size());
    for (const auto& [key, bytes] : unfolded.bytes_by_purpose)
      CHECK_THAT(folded.bytes_by_purpose.at(key), WithinRel(bytes, 1e-12));
  }
}

TEST_CASE("the classes of a folded graph are the groups and pairs of the unfolded one",
          "[workload][property]") {
  for (const Job& job : jobs()) {
    const auto groups_of = [](const TaskGraph& graph) {
      std::vector<std::vector<DeviceId>> all;
      for (const CommunicatorGroup& group : graph.groups)
        all.insert(all.end(), group.classes.begin(), group.classes.end());
      std::sort(all.begin(), all.end());
      return all;
    };
    const auto pairs_of = [](const TaskGraph& graph) {
      std::vector<std::pair<DeviceId, DeviceId>> all;
      for (const PairClass& pairs : graph.pair_classes)
        for (const DevicePair& pair : pairs.pairs) all.emplace_back(pair.from, pair.to);
      std::sort(all.begin(), all.end());
      return all;
    };
    const TaskGraph folded = job.graph(true), unfolded = job.graph(false);
    CHECK(groups_of(folded) == groups_of(unfolded));
    CHECK(pairs_of(folded) == pairs_of(unfolded));
    CHECK(folded.ranks.size() == static_cast<std::size_t>(job.parallelism.pipeline));
    for (const CommunicatorGroup& group : folded.groups)
      CHECK(std::find(group.classes[0].begin(), group.classes[0].end(),
                      folded.ranks[group.members[0]].device) != group.classes[0].end());
    for (const PairClass& pairs : folded.pair_classes)
      CHECK(std::any_of(folded.ranks.begin(), folded.ranks.end(),
                        [&](const SimulatedRank& r) { return r.device == pairs.pairs[0].from; }));
  }
}

TEST_CASE("with free communication folded and unfolded steps take the same time",
          "[workload][property]") {
  for (const Job& job : jobs()) {
    const auto time = [](const TaskGraph& graph) {
      return test_graphs::run_graph(graph,
                                    [&](const Task& task) {
                                      double seconds = 0;
                                      for (const OpRun& run : graph.op_sequences[task.op])
                                        seconds += run.repeat *
                                                   op_bytes(graph.compute_ops[run.op]).value();
                                      return seconds;
                                    })
          .makespan;
    };
    CHECK_THAT(time(job.graph(true)), WithinRel(time(job.graph(false)), 1e-12));
  }
}

TEST_CASE("groups that lie differently on the nodes do not fold", "[workload][refusal]") {
  ModelSpec m = small_dense();
  m.heads = m.kv_heads = 12;
  ParallelismSpec p;
  p.tensor = 3;  // groups {0 1 2}, {3 4 5} inside node 0, {6 7 8} across two nodes of 8
  TrainingSpec t = small_training();
  const Fabric fabric = small_fabric(3, 8);
  CHECK(folding_obstacle(resolve_layout(m, p, t, 24), p, fabric) ==
        "the tensor-parallel groups of stage 0 lie differently on nodes and planes");
  CHECK(refusal([&] { (void)build_training_step(m, p, t, fabric, {}); }) ==
        "folding is not possible: the tensor-parallel groups of stage 0 lie differently on nodes "
        "and planes / set folding "
        "to \"off\" or \"automatic\"");
  CHECK(refusal([&] { (void)build_training_step(m, p, t, fabric, {}, {.fold = false}); }).empty());
}
