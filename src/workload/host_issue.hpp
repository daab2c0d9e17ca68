// The CPU's part in a step: it issues what the chip runs.
#pragma once

#include "xpusim/spec.hpp"
#include "xpusim/task_graph.hpp"

namespace xpusim {

/// Puts a host task before every kernel sequence and communication of a rank: eager frameworks
/// issue them one after another in program order, and run ahead of the chip where they are faster.
/// A chip whose kernels are shorter than the CPU needs to issue them waits.
/// SoftwareSpec::host_launch per kernel, host_communication per communication; with
/// host_waits_for_routing the CPU goes on behind the router of a layer of experts only when the
/// chip has routed (dropless dispatch reads the counts). Of captured layers one launch per sequence
/// is left, and the kernels of the experts, whose shapes routing decides; of a captured step
/// nothing. Unchanged where the software states no cost.
[[nodiscard]] TaskGraph with_host_tasks(TaskGraph, const SoftwareSpec&, GraphCapture);

}  // namespace xpusim
