#include "workload/rank_map.hpp"

#include <algorithm>
#include <map>
#include <numeric>

#include "workload/schedule.hpp"

namespace xpusim {

namespace {

std::vector<std::string_view> split_order(std::string_view order) {
  std::vector<std::string_view> names;
  while (!order.empty()) {
    const std::size_t dash = order.find('-');
    names.push_back(order.substr(0, dash));
    if (dash == std::string_view::npos) break;
    order.remove_prefix(dash + 1);
  }
  return names;
}

using Sizes = std::map<std::string_view, std::uint32_t>;

Sizes dense_sizes(const ParallelLayout& l) {
  const auto u = [](int v) { return static_cast<std::uint32_t>(v); };
  return {{"tp", u(l.tensor)},
          {"cp", u(l.context)},
          {"ep", 1},
          {"dp", u(l.data)},
          {"pp", u(l.pipeline)}};
}
Sizes expert_sizes(const ParallelLayout& l) {
  const auto u = [](int v) { return static_cast<std::uint32_t>(v); };
  return {{"tp", u(l.expert_tensor)},
          {"cp", 1},
          {"ep", u(l.expert)},
          {"dp", u(l.expert_data)},
          {"pp", u(l.pipeline)}};
}

std::uint32_t stride_of(std::string_view name, const std::vector<std::string_view>& order,
                        const Sizes& sizes) {
  std::uint32_t stride = 1;
  for (const std::string_view dimension : order) {
    if (dimension == name) break;
    stride *= sizes.at(dimension);
  }
  return stride;
}

}  // namespace

bool valid_rank_order(std::string_view order) {
  std::vector<std::string_view> names = split_order(order);
  std::sort(names.begin(), names.end());
  return names == std::vector<std::string_view>{"cp", "dp", "ep", "pp", "tp"};
}

bool pipeline_strides_agree(const ParallelLayout& l, std::string_view order) {
  const auto names = split_order(order);
  return stride_of("pp", names, dense_sizes(l)) == stride_of("pp", names, expert_sizes(l));
}

RankMap::RankMap(const ParallelLayout& l, std::string_view order) : devices_(l.devices) {
  const auto names = split_order(order);
  const Sizes dense = dense_sizes(l), experts = expert_sizes(l);
  const auto dimension = [&](std::string_view name, const Sizes& sizes) {
    return Dimension{sizes.at(name), stride_of(name, names, sizes)};
  };
  pipeline_ = dimension("pp", dense);
  const auto set = [&](GroupKind kind, std::vector<Dimension> dimensions) {
    std::sort(dimensions.begin(), dimensions.end(), [](const Dimension& a, const Dimension& b) {
      return a.stride != b.stride ? a.stride < b.stride : a.size < b.size;
    });
    varying_[static_cast<std::size_t>(kind)] = std::move(dimensions);
  };
  set(GroupKind::tensor, {dimension("tp", dense)});
  set(GroupKind::context, {dimension("cp", dense)});
  set(GroupKind::data, {dimension("cp", dense), dimension("dp", dense)});
  set(GroupKind::expert, {dimension("ep", experts)});
  set(GroupKind::expert_tensor, {dimension("tp", experts)});
  set(GroupKind::expert_data, {dimension("dp", experts)});
  const ChunkOrder order_of_chunks = chunk_order(l.schedule);
  // First and last stage only: a dimension of two with the distance between them as stride. Other
  // orders have both ends of the model on stage 0.
  if (pipeline_.size > 1 && order_of_chunks == ChunkOrder::looped)
    set(GroupKind::embedding, {{2, pipeline_.stride * (pipeline_.size - 1)}});
  mirrored_ = order_of_chunks == ChunkOrder::bidirectional;
  const auto size = [&](GroupKind kind) { return group_size(kind); };
  const auto& data = varying_[static_cast<std::size_t>(GroupKind::data)];
  const auto& experts_data = varying_[static_cast<std::size_t>(GroupKind::expert_data)];
  const auto shard = static_cast<std::uint32_t>(l.shard);
  const std::uint32_t replicas = std::max(1u, size(GroupKind::data) / shard);
  split(GroupKind::shard, GroupKind::replica, data, shard);
  const auto& expert = varying_[static_cast<std::size_t>(GroupKind::expert)];
  split(GroupKind::expert_node, GroupKind::expert_rail, expert,
        static_cast<std::uint32_t>(l.expert_domain));
  split(GroupKind::expert_shard, GroupKind::expert_replica, experts_data,
        std::max(1u, size(GroupKind::expert_data) / replicas));
}

void RankMap::split(GroupKind inner, GroupKind outer, const std::vector<Dimension>& dimensions,
                    std::uint32_t size) {
  auto& near = varying_[static_cast<std::size_t>(inner)];
  auto& far = varying_[static_cast<std::size_t>(outer)];
  for (const Dimension& d : dimensions) {
    const std::uint32_t part = std::gcd(d.size, size);  // divides: resolve_layout() checks
    size /= part;
    if (part > 1) near.push_back({part, d.stride});
    if (part < d.size) far.push_back({d.size / part, d.stride * part});
  }
}

DeviceId RankMap::peer(DeviceId device, std::uint32_t stage) const {
  return device +
         (stage - stage_of(device)) * pipeline_.stride;  // modulo 2^32: also for a lower stage
}

std::vector<DeviceId> RankMap::devices_of_stage(std::uint32_t stage) const {
  std::vector<DeviceId> devices;
  devices.reserve(devices_ / pipeline_.size);
  for (DeviceId d = 0; d < devices_; ++d)
    if (stage_of(d) == stage) devices.push_back(d);
  return devices;
}

DeviceId RankMap::group_base(GroupKind kind, DeviceId device) const {
  DeviceId base = device;
  if (kind == GroupKind::embedding) return peer(device, 0);
  if (kind == GroupKind::mirror) {
    const std::uint32_t stage = stage_of(device);
    return mirrored_ ? peer(device, std::min(stage, pipeline_.size - 1 - stage)) : device;
  }
  for (const Dimension& d : varying_[static_cast<std::size_t>(kind)])
    base -= device / d.stride % d.size * d.stride;
  return base;
}

std::vector<DeviceId> RankMap::group(GroupKind kind, DeviceId base) const {
  std::vector<DeviceId> members{base};
  if (kind == GroupKind::mirror && mirrored_)
    members.push_back(peer(base, pipeline_.size - 1 - stage_of(base)));
  for (const Dimension& d : varying_[static_cast<std::size_t>(kind)]) {
    const std::size_t inner = members.size();
    for (std::uint32_t i = 1; i < d.size; ++i)
      for (std::size_t j = 0; j < inner; ++j) members.push_back(members[j] + i * d.stride);
  }
  return members;
}

std::uint32_t RankMap::group_size(GroupKind kind) const {
  if (kind == GroupKind::mirror) return mirrored_ ? 2 : 1;
  std::uint32_t size = 1;
  for (const Dimension& d : varying_[static_cast<std::size_t>(kind)]) size *= d.size;
  return size;
}

}  // namespace xpusim
