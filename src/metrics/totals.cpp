#include "xpusim/metrics.hpp"

namespace xpusim {

void TotalsListener::on_activity(const ActivityEvent& event) {
  if (event.kind != TaskKind::compute || event.stream == Stream::host) return;
  const double ranks = event.multiplicity;
  totals_.kernels += ranks;
  totals_.kernel_time += (event.end - event.start) * ranks;
  if (event.cost == nullptr) return;
  totals_.flops += event.cost->flops * ranks;
  totals_.memory_bytes += event.cost->memory_bytes * ranks;
  totals_.energy += event.cost->energy * ranks;
}

}  // namespace xpusim
