#include <catch2/catch.hpp>

#include <algorithm>
#include <numeric>

#include "unit/workload/models.hpp"
#include "unit/workload/refusal.hpp"
#include "workload/rank_map.hpp"
#include "xpusim/workload.hpp"

using namespace xpusim;
using namespace test_models;

namespace {
ParallelLayout layout_of(const ModelSpec& m, ParallelismSpec p, int batch, std::uint32_t devices) {
  TrainingSpec t = small_training();
  t.global_batch = batch;
  return resolve_layout(m, p, t, devices);
}
std::string refused(const ModelSpec& m, ParallelismSpec p, int batch, std::uint32_t devices) {
  return refusal([&] { (void)layout_of(m, p, batch, devices); });
}
}  // namespace

TEST_CASE("126 layers on 16 stages of 8 chunks leave embedding and head chunks of their own",
          "[workload]") {
  ParallelismSpec p;
  p.tensor = 8;
  p.pipeline = 16;
  p.virtual_stages = 8;
  const ParallelLayout l = layout_of(model("Llama-3.1-405B"), p, 2048, 16384);
  CHECK(l.to_string() == "TP8 PP16 DP128 VP8");
  CHECK(l.micro_batches == 16);
  CHECK(l.layers[0][0].empty());
  CHECK(l.layers[15][7].empty());
  CHECK(l.layers[1][0] == std::vector{0});
  CHECK(l.layers[0][1] == std::vector{15});
  CHECK(l.layers[14][7] == std::vector{125});
}

TEST_CASE("uneven layers lighten the ends and every layer is placed once, in order",
          "[workload][property]") {
  for (const int layers : {7, 16, 61, 96, 105, 126})
    for (const int pipeline : {1, 2, 4, 5, 8})
      for (const int chunks : {1, 2}) {
        if (chunks > 1 && pipeline == 1) continue;
        if (layers + 2 < pipeline * chunks) continue;
        ModelSpec m = small_dense();
        m.layers = layers;
        ParallelismSpec p;
        p.pipeline = pipeline;
        p.virtual_stages = chunks;
        const ParallelLayout l = layout_of(m, p, 40, static_cast<std::uint32_t>(pipeline));
        std::vector<int> seen;
        std::size_t least = 1000, most = 0;
        for (int c = 0; c < chunks; ++c)
          for (int s = 0; s < pipeline; ++s) {
            const auto& list = l.layers[std::size_t(s)][std::size_t(c)];
            seen.insert(seen.end(), list.begin(), list.end());
            least = std::min(least, list.size());
            most = std::max(most, list.size());
          }
        std::vector<int> all(static_cast<std::size_t>(layers));
        std::iota(all.begin(), all.end(), 0);
        CHECK(seen == all);
        CHECK(most - least <= 1);
      }
}

TEST_CASE("ranks lie innermost first: TP, then CP, then DP, then PP", "[workload]") {
  ParallelismSpec p;
  p.tensor = 2;
  p.context = 2;
  p.pipeline = 2;
  const ParallelLayout l = layout_of(small_dense(), p, 8, 32);
  const RankMap map(l, p.order);
  CHECK(map.group(GroupKind::tensor, 0) == std::vector<DeviceId>{0, 1});
  CHECK(map.group(GroupKind::context, 1) == std::vector<DeviceId>{1, 3});
  CHECK(map.group(GroupKind::data, 0) == std::vector<DeviceId>{0, 2, 4, 6, 8, 10, 12, 14});
  CHECK(map.stage_of(15) == 0);
  CHECK(map.stage_of(16) == 1);
  CHECK(map.peer(20, 0) == 4);
  CHECK(map.peer(4, 1) == 20);
  CHECK(map.group_base(GroupKind::data, 23) == 17);
}

TEST_CASE("another order moves the groups", "[workload]") {
  ParallelismSpec p;
  p.tensor = 2;
  p.pipeline = 4;
  p.order = "tp-pp-cp-ep-dp";
  const RankMap map(layout_of(small_dense(), p, 8, 16), p.order);
  CHECK(map.stage_of(5) == 2);
  CHECK(map.group(GroupKind::data, 5) == std::vector<DeviceId>{5, 13});
}

TEST_CASE("experts split the ranks of a stage on their own terms", "[workload]") {
  ParallelismSpec p;
  p.tensor = 2;
  p.pipeline = 2;
  p.expert = 8;
  p.expert_tensor = 1;
  const ParallelLayout l =
      layout_of(small_moe(), p, 16, 32);  // 16 ranks per stage: EP8 x expert DP2
  CHECK(l.expert_data == 2);
  const RankMap map(l, p.order);
  CHECK(map.group(GroupKind::expert, 0) == std::vector<DeviceId>{0, 1, 2, 3, 4, 5, 6, 7});
  CHECK(map.group(GroupKind::expert_data, 3) == std::vector<DeviceId>{3, 11});
  p.expert_tensor = 2;
  p.expert = 4;
  const RankMap wide(layout_of(small_moe(), p, 16, 32), p.order);
  CHECK(wide.group(GroupKind::expert, 1) == std::vector<DeviceId>{1, 3, 5, 7});
  CHECK(wide.group(GroupKind::expert_tensor, 2) == std::vector<DeviceId>{2, 3});
}

TEST_CASE("groups of one kind partition the devices", "[workload][property]") {
  ParallelismSpec p;
  p.tensor = 2;
  p.context = 2;
  p.pipeline = 2;
  p.expert = 4;
  const RankMap map(layout_of(small_moe(), p, 16, 32), p.order);
  for (const GroupKind kind :
       {GroupKind::tensor, GroupKind::context, GroupKind::data, GroupKind::expert,
        GroupKind::expert_tensor, GroupKind::expert_data}) {
    std::vector<DeviceId> seen;
    for (DeviceId d = 0; d < 32; ++d)
      if (map.group_base(kind, d) == d)
        for (const DeviceId member : map.group(kind, d)) {
          CHECK(map.group_base(kind, member) == d);
          CHECK(map.stage_of(member) == map.stage_of(d));
          seen.push_back(member);
        }
    std::sort(seen.begin(), seen.end());
    std::vector<DeviceId> all(32);
    std::iota(all.begin(), all.end(), 0u);
    CHECK(seen == all);
  }
}

TEST_CASE("layouts that do not resolve are refused with a way out", "[workload][refusal]") {
  ParallelismSpec p;
  p.tensor = 3;
  CHECK(refused(small_dense(), p, 64, 9) ==
        "8 attention heads do not divide by TP3 / choose a tensor degree that divides the heads\n"
        "4 KV heads neither divide by TP3 nor the other way round / choose a tensor degree that "
        "divides the KV heads or "
        "is a multiple of them\n"
        "a global batch of 64 sequences does not divide by DP3 x micro-batch 1 / use a multiple of "
        "3");
  p = {};
  p.tensor = 8;
  CHECK(refused(small_dense(), p, 64, 12) ==
        "12 devices do not divide into TP8 x CP1 x PP1 = 8 ranks / use a multiple of that many "
        "devices, or set "
        "parallelism.data");
  p.data = 4;
  CHECK(refused(small_dense(), p, 64, 12) ==
        "TP8 x CP1 x PP1 x DP4 needs 32 devices, the system has 12 / lower a degree or use more "
        "chips");
  p = {};
  p.pipeline = 4;
  p.virtual_stages = 1;
  p.expert = 2;
  CHECK(refused(small_dense(), p, 64, 4) ==
        "small has no experts for EP2 / set parallelism.expert to 1");
  p = {};
  p.pipeline = 2;
  p.virtual_stages = 4;
  CHECK(refused(small_dense(), p, 8, 2) ==
        "4 layers do not fill PP2 x VP4 = 8 chunks / lower parallelism.pipeline or "
        "parallelism.virtual_stages");
  p = {};
  p.order = "tp-dp-pp";
  CHECK(refused(small_dense(), p, 8, 2) ==
        "the rank order 'tp-dp-pp' does not name tp, cp, ep, dp and pp once each / write it "
        "innermost first, for example "
        "\"tp-cp-ep-dp-pp\"");
  p = {};
  p.tensor = 2;
  p.sequence = false;
  CHECK(refused(small_moe(), p, 8, 2) ==
        "experts with TP2 need sequence parallelism: every rank would route all tokens / set "
        "parallelism.sequence to "
        "true");
  p = {};
  p.expert = 3;
  CHECK(refused(small_moe(), p, 8, 8) ==
        "8 experts do not divide by EP3 / choose an expert degree that divides the experts\n"
        "EP3 x expert TP1 does not divide the 8 ranks of a stage / choose degrees whose product "
        "divides tensor x context "
        "x data");
  p = {};
  p.pipeline = 0;
  CHECK(refused(small_dense(), p, 8, 8) == "parallelism.pipeline is 0 / write 1 or more");
}
