#include <fmt/format.h>

#include "workload/host_issue.hpp"
#include "workload/step_builder.hpp"
#include "xpusim/diagnostic.hpp"
#include "xpusim/workload.hpp"

namespace xpusim {

TaskGraph build_training_step(const ModelSpec& model, const ParallelismSpec& parallelism,
                              const TrainingSpec& training, const Fabric& fabric,
                              const SoftwareSpec& software, TrainingStepOptions options) {
  const ParallelLayout layout = resolve_layout(
      model, parallelism, training, options.devices > 0 ? options.devices : fabric.devices());
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
