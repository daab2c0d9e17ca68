#include <optional>
#include <span>
#include <vector>

#include <fmt/format.h>

#include "workload/host_issue.hpp"
#include "workload/rank_map.hpp"
#include "workload/step_builder.hpp"
#include "xpusim/diagnostic.hpp"
#include "xpusim/workload.hpp"

namespace xpusim {

namespace {

/// How many neighbours of an expert group sit in one instance of the fastest plane that joins some
/// of them: the group's size where one plane joins all, 1 where the group lies otherwise.
int expert_domain(const Fabric& fabric, const ParallelLayout& layout,
                  const ParallelismSpec& parallelism) {
  const RankMap map(layout, parallelism.order);
  const std::vector<DeviceId> members = map.group(GroupKind::expert, 0);
  for (std::size_t size = members.size(); size > 1; --size) {
    if (members.size() % size != 0) continue;
    bool alike = true;
    std::optional<PlaneId> plane;
    for (std::size_t first = 0; first < members.size() && alike; first += size) {
      const auto here = fabric.plane_for(std::span(members).subspan(first, size));
      alike = here.has_value() && (!plane || *plane == *here);
      plane = here;
    }
    if (!alike) continue;
    // A smaller part may have a faster plane of its own.
    const auto pair = fabric.plane_for(std::span(members).first(2));
    if (pair == plane) return static_cast<int>(size);
  }
  return 1;
}

}  // namespace

TaskGraph build_training_step(const ModelSpec& model, const ParallelismSpec& parallelism,
                              const TrainingSpec& training, const Fabric& fabric,
                              const SoftwareSpec& software, TrainingStepOptions options) {
  ParallelLayout layout = resolve_layout(model, parallelism, training,
                                         options.devices > 0 ? options.devices : fabric.devices());
  if (layout.expert > 1 && layout.expert_dispatch == ExpertDispatch::once_per_rank)
    layout.expert_domain = expert_domain(fabric, layout, parallelism);
  if (options.fold)
    if (const std::string reason =
            folding_obstacle(layout, parallelism, fabric, PlacementDetail::domains);
        !reason.empty())
      throw InputError("cannot-fold", "folding is not possible: " + reason,
                       "set folding to \"off\" or \"automatic\"");
  return with_host_tasks(
      StepBuilder(model, layout, parallelism, training, software, options.fold).build(), software,
      training.graph_capture);
}

}  // namespace xpusim
