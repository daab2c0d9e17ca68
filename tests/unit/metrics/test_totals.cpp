#include <catch2/catch.hpp>

#include "xpusim/metrics.hpp"

using namespace xpusim;

TEST_CASE("totals count every rank that a simulated one stands for", "[metrics][totals]") {
  OpCost cost;
  cost.flops = Flops(100);
  cost.memory_bytes = Bytes(10);
  cost.energy = Joules(2);
  ActivityEvent event;
  event.start = Seconds(1);
  event.end = Seconds(3);
  event.multiplicity = 4;
  event.cost = &cost;
  TotalsListener listener;
  listener.on_activity(event);
  event.multiplicity = 1;
  listener.on_activity(event);
  CHECK(listener.result().flops == Flops(500));
  CHECK(listener.result().memory_bytes == Bytes(50));
  CHECK(listener.result().energy == Joules(10));
  CHECK(listener.result().kernel_time == Seconds(10));
  CHECK(listener.result().kernels == 5);
}

TEST_CASE("communication and host work are no kernels", "[metrics][totals]") {
  TotalsListener listener;
  ActivityEvent event;
  event.end = Seconds(3);
  event.kind = TaskKind::collective;
  listener.on_activity(event);
  event.kind = TaskKind::compute;
  event.stream = Stream::host;
  listener.on_activity(event);
  CHECK(listener.result().kernels == 0);
  CHECK(listener.result().kernel_time == Seconds(0));
}
