#include "workload/step_builder.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "xpusim/diagnostic.hpp"

namespace xpusim {

namespace {

constexpr std::uint32_t kUnknown = 0xffffffffu;
enum FixedLabel : std::uint32_t {
  label_gradients = 1,
  label_parameters,
  label_optimizer,
  label_overhead,
  first_pass
};

/// In the order of PassKind.
constexpr const char* kPassNames[] = {"forward", "backward", "input gradient", "weight gradient"};

bool splits_backward(const std::vector<std::vector<Pass>>& schedules) {
  for (const auto& order : schedules)
    for (const Pass& pass : order)
      if (pass.kind == PassKind::backward_weight) return true;
  return false;
}

const char* group_name(GroupKind kind) {
  switch (kind) {
    case GroupKind::tensor:
      return "tp";
    case GroupKind::context:
      return "cp";
    case GroupKind::data:
      return "dp";
    case GroupKind::expert:
      return "ep";
    case GroupKind::expert_tensor:
      return "expert-tp";
    case GroupKind::expert_data:
      return "expert-dp";
    case GroupKind::embedding:
      return "embedding";
    case GroupKind::shard:
      return "shard";
    case GroupKind::replica:
      return "replica";
    case GroupKind::expert_shard:
      return "expert-shard";
    case GroupKind::expert_replica:
      return "expert-replica";
    case GroupKind::expert_node:
      return "ep-node";
    case GroupKind::expert_rail:
      return "ep-rail";
    case GroupKind::mirror:
      return "mirror";
  }
  throw InternalError("unknown group kind");
}

}  // namespace

std::size_t StepBuilder::SequenceHash::operator()(const OpSequence& sequence) const {
  std::size_t hash = 1469598103934665603u;  // FNV-1a
  for (const OpRun& run : sequence)
    hash = ((hash ^ run.op) * 1099511628211u ^ run.repeat) * 1099511628211u;
  return hash;
}

bool StepBuilder::SequenceEqual::operator()(const OpSequence& a, const OpSequence& b) const {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const OpRun& x, const OpRun& y) {
    return x.op == y.op && x.repeat == y.repeat;
  });
}

StepBuilder::StepBuilder(const ModelSpec& model, const ParallelLayout& layout,
                         const ParallelismSpec& parallelism, const TrainingSpec& training,
                         const SoftwareSpec& software, bool fold)
    : model_(model),
      layout_(layout),
      training_(training),
      software_(software),
      fold_(fold),
      hybrid_(layout.shard < layout.data * layout.context),
      map_(layout, parallelism.order),
      emit_(model, layout, training, software, ops_, communications_) {}

TaskGraph StepBuilder::build() {
  write_programs();
  write_ranks();
  write_labels();
  write_notes();
  sent_.assign(sent_index(static_cast<RankId>(graph_.ranks.size()), true, 0, 0), kUnknown);
  for (RankId rank = 0; rank < graph_.ranks.size(); ++rank) write_rank(rank);
  graph_.compute_ops = ops_.take();
  resolve_arrivals();
  return std::move(graph_);
}

// ---------------------------------------------------------------- preparation

void StepBuilder::write_programs() {
  schedules_ = pipeline_schedules(layout_);
  for (int stage = 0; stage < layout_.pipeline; ++stage)
    for (int c = 0; c < layout_.virtual_stages; ++c)
      programs_.push_back(build_chunk_program(emit_, model_, layout_, training_,
                                              chunk_content(model_, layout_, stage, c)));
}

void StepBuilder::write_ranks() {
  graph_.folded = fold_;
  if (fold_) {
    for (std::uint32_t stage = 0; stage < static_cast<std::uint32_t>(layout_.pipeline); ++stage)
      graph_.ranks.push_back({map_.first_of_stage(stage), layout_.stage_devices(), stage});
    return;
  }
  for (DeviceId device = 0; device < layout_.devices; ++device)
    graph_.ranks.push_back({device, 1, map_.stage_of(device)});
}

void StepBuilder::write_labels() {
  graph_.labels = {"", "gradient reduction", "parameter gather", "optimizer", "step overhead"};
  const std::size_t kinds = splits_backward(schedules_) ? 4 : 2;
  for (std::size_t kind = 0; kind < kinds; ++kind)
    for (int c = 0; c < layout_.virtual_stages; ++c)
      for (int m = 0; m < layout_.micro_batches; ++m)
        graph_.labels.push_back(
            layout_.virtual_stages == 1
                ? fmt::format("{} micro-batch {}", kPassNames[kind], m)
                : fmt::format("{} micro-batch {} chunk {}", kPassNames[kind], m, c));
}

void StepBuilder::write_notes() {
  if (fold_ && layout_.stage_devices() > 1)
    graph_.notes.push_back(
        fmt::format("folded: one simulated rank stands for the {} ranks of its pipeline stage",
                    layout_.stage_devices()));
  if (model_.moe) graph_.notes.emplace_back("experts are taken as evenly loaded");
  if (model_.moe && model_.moe->shared > 0 && layout_.expert > 1)
    graph_.notes.emplace_back("shared experts run under the token dispatch");
  if (layout_.schedule == PipelineSchedule::dualpipe)
    graph_.notes.emplace_back("DualPipe: every rank holds the parameters of two stages");
  if (training_.frozen_base != 0)
    graph_.notes.emplace_back(
        "frozen base: no weight gradients; adapters of rank 16 beside the attention projections");
}

// ---------------------------------------------------------------- one rank

void StepBuilder::write_rank(RankId rank) {
  rank_ = rank;
  device_ = graph_.ranks[rank].device;
  stage_ = graph_.ranks[rank].stage;
  frontier_.clear();
  arrival_.clear();
  gradient_tasks_.clear();
  bucket_ = {};
  gathered_.assign(2 * static_cast<std::size_t>(layout_.virtual_stages), std::nullopt);
  known_collectives_.assign(communications_.size(), kUnknown);
  find_ends();
  list_turns();
  list_gathers();
  if (training_.overlap_parameters) gather_parameters(true);
  for (const Turn& turn : turns_) write_turn(turn);
  finish_rank();
}

/// First forward pass of each chunk, and the pass that completes its gradients of the step.
void StepBuilder::find_ends() {
  const auto chunks = static_cast<std::size_t>(layout_.virtual_stages);
  first_forward_.assign(chunks, nullptr);
  last_gradients_.assign(chunks, nullptr);
  for (const Pass& pass : schedules_[stage_]) {
    if (pass.kind == PassKind::forward && first_forward_[pass.chunk] == nullptr)
      first_forward_[pass.chunk] = &pass;
    if (completes_gradients(pass)) last_gradients_[pass.chunk] = &pass;
  }
}

void StepBuilder::list_turns() {
  turns_.clear();
  const std::vector<Pass>& order = schedules_[stage_];
  for (std::size_t i = 0; i < order.size(); ++i) {
    const Program& program = program_of(order[i]);
    if (!order[i].merged) {
      turns_.push_back({{&order[i], nullptr}, &program});
      continue;
    }
    const Program& other = program_of(order[i + 1]);
    auto it = merged_.find({&program, &other});
    if (it == merged_.end())
      it =
          merged_
              .emplace(std::pair(&program, &other), merge_programs(program, other, communications_))
              .first;
    turns_.push_back({{&order[i], &order[i + 1]}, &it->second});
    ++i;
  }
}

/// ZeRO-3 gathers the parameters of a layer before each pass through it.
void StepBuilder::list_gathers() {
  gathers_.clear();
  needed_ = started_ = 0;
  if (training_.optimizer_sharding < 3) return;
  for (const Turn& turn : turns_)
    for (const Step& step : turn.program->steps)
      if (step.kind == StepKind::layer)
        gathers_.push_back({&chunk(turn.lanes[step.lane]->chunk).units[step.index], {}});
}

/// The distributed optimizer leaves each rank with its share of the new weights (Rajbhandari et al.
/// 2020, ZeRO-1). Overlapped, the gather of the step before runs under this step's first forward
/// passes.
void StepBuilder::gather_parameters(bool overlapped) {
  if (training_.optimizer_sharding < 1 || training_.optimizer_sharding > 2) return;
  label_ = label_parameters;
  const double weight = gathered_bytes();
  for (std::uint32_t c = 0; c < static_cast<std::uint32_t>(layout_.virtual_stages); ++c) {
    const ShardedParameters& p = chunk(c).parameters;
    gathered_[2 * c] = start({GroupKind::data, CollectiveType::ALL_GATHER, p.dense * weight});
    gathered_[2 * c + 1] =
        start({GroupKind::expert_data, CollectiveType::ALL_GATHER, p.experts * weight});
  }
  if (overlapped) return;
  for (auto& task : gathered_)
    if (task) frontier_.push_back(*task);
}

void StepBuilder::write_turn(const Turn& turn) {
  const Program& program = *turn.program;
  slots_.assign(program.slots, std::nullopt);
  const Pass* pass = turn.lanes[0];
  bool both = false;
  begin(*pass);
  for (const Step& step : program.steps) {
    if (turn.lanes[step.lane] != pass) {
      flush();
      pass = turn.lanes[step.lane];
      label_ = pass_label(*pass);
      if (!both) begin(*pass);
      both = true;
    }
    if (step.kind == StepKind::finish)
      end(*pass);
    else
      run_step(step, *pass);
  }
  if (turn.lanes[1] == nullptr) end(*pass);
}

/// What a pass waits for beside the pass before it on its rank.
void StepBuilder::begin(const Pass& pass) {
  label_ = pass_label(pass);
  if (pass.kind == PassKind::backward_weight) return;
  const bool forward = pass.kind == PassKind::forward;
  const Place here{stage_, pass.chunk};
  const auto from = forward ? chunk_before(layout_, here) : chunk_after(layout_, here);
  if (from && from->stage != stage_)
    arrival_.push_back(sent_index(rank_at(from->stage), forward, from->chunk, pass.micro_batch));
  if (&pass == first_forward_[pass.chunk])
    for (std::size_t i = 2 * pass.chunk; i < 2 * pass.chunk + 2; ++i)
      if (gathered_[i]) frontier_.push_back(*gathered_[i]);
}

void StepBuilder::end(const Pass& pass) {
  if (completes_gradients(pass)) {
    const bool last = is_last_of_chunk(pass);
    const bool every = training_.optimizer_sharding >= 2;
    if (every || (last && training_.overlap_gradients)) reduce_gradients(last);
    // Not overlapped, a reduction in the middle of a step holds up the next pass.
    if (every && !training_.overlap_gradients) {
      flush();
      frontier_.insert(frontier_.end(), gradient_tasks_.begin(), gradient_tasks_.end());
      gradient_tasks_.clear();
    }
  }
  flush();
  if (pass.kind != PassKind::backward_weight) send(pass);
}

void StepBuilder::run_step(const Step& step, const Pass& pass) {
  switch (step.kind) {
    case StepKind::run:
      run_op(step.index);
      break;
    case StepKind::start:
      slots_[step.slot] = start(step.index);
      break;
    case StepKind::wait:
      if (!slots_[step.slot]) break;
      flush();
      frontier_.push_back(*slots_[step.slot]);
      break;
    case StepKind::gradients:
      // ZeRO-2 and ZeRO-3 keep no whole gradients: they are reduced after every micro-batch.
      if (training_.optimizer_sharding >= 2 || is_last_of_chunk(pass))
        collect_gradients(chunk(pass.chunk).gradients[step.index], is_last_of_chunk(pass));
      break;
    case StepKind::layer:
      gather_unit();
      break;
    case StepKind::finish:
      break;
  }
}

/// Starts the gathers up to `prefetch` layers ahead, of the next pass too (the CPU runs ahead of
/// the chip), and waits for the one that is needed now.
void StepBuilder::gather_unit() {
  flush();
  const std::uint32_t pass = std::exchange(label_, label_parameters);
  const std::size_t end =
      std::min(gathers_.size(), needed_ + 1 + static_cast<std::size_t>(training_.prefetch));
  for (; started_ < end; ++started_) {
    Gather& g = gathers_[started_];
    for (const auto& task :
         {start({hybrid_ ? GroupKind::shard : GroupKind::data, CollectiveType::ALL_GATHER,
                 g.unit->dense * gathered_bytes()}),
          start({hybrid_ ? GroupKind::expert_shard : GroupKind::expert_data,
                 CollectiveType::ALL_GATHER, g.unit->experts * gathered_bytes()})})
      if (task) g.tasks.push_back(*task);
  }
  label_ = pass;
  const Gather& now = gathers_[needed_++];
  frontier_.insert(frontier_.end(), now.tasks.begin(), now.tasks.end());
}

void StepBuilder::send(const Pass& pass) {
  const bool forward = pass.kind == PassKind::forward;
  const Place here{stage_, pass.chunk};
  const auto to = forward ? chunk_after(layout_, here) : chunk_before(layout_, here);
  if (!to || to->stage == stage_) return;
  const double bytes = boundary_bytes(chunk_position(layout_, here), chunk_position(layout_, *to));
  const TaskId task = add_task(TaskKind::transfer, Purpose::pp, Stream::comm_pp_send,
                               transfer_id(to->stage, bytes));
  sent_[sent_index(rank_, forward, pass.chunk, pass.micro_batch)] = task;
}

void StepBuilder::collect_gradients(const ShardedParameters& final_gradients, bool last) {
  bucket_ += final_gradients;
  if (!training_.overlap_gradients) return;
  // Megatron-LM's default: buckets of max(40 M, 1 M x DP) parameters, and one bucket per chunk
  // behind the first stage (megatron/core/distributed/distributed_data_parallel.py). FSDP reduces
  // layer by layer.
  const bool first_stage = stage_ == 0 && layout_.virtual_stages == 1;
  const double automatic =
      training_.optimizer_sharding >= 3 ? 0
      : first_stage ? std::max(40e6, 1e6 * layout_.data * layout_.context) * gradient_bytes()
                    : std::numeric_limits<double>::infinity();
  const double limit = training_.bucket.value() > 0 ? training_.bucket.value() : automatic;
  if (bucket_.total() * gradient_bytes() >= limit) reduce_gradients(last);
}

/// `last`: of the step. Replicas of a shard then sum what each of them has (HSDP).
void StepBuilder::reduce_gradients(bool last) {
  if (bucket_.total() <= 0) return;
  flush();
  const std::uint32_t pass = std::exchange(label_, label_gradients);
  const CollectiveType type = training_.optimizer_sharding >= 1 ? CollectiveType::REDUCE_SCATTER
                                                                : CollectiveType::ALL_REDUCE;
  const auto reduce = [&](GroupKind whole, GroupKind shard, GroupKind replica, double bytes) {
    auto task = start({hybrid_ ? shard : whole, type, bytes});
    if (hybrid_ && last) {
      // Behind the reduction on their common stream, and after its result.
      const std::vector<TaskId> before = frontier_;
      if (task) frontier_.push_back(*task);
      const double share = map_.group_size(shard);
      if (const auto sum = start({replica, CollectiveType::ALL_REDUCE, bytes / share})) task = sum;
      frontier_ = before;
    }
    if (task) gradient_tasks_.push_back(*task);
  };
  const double bytes = gradient_bytes();
  reduce(GroupKind::data, GroupKind::shard, GroupKind::replica, bucket_.dense * bytes);
  reduce(GroupKind::expert_data, GroupKind::expert_shard, GroupKind::expert_replica,
         bucket_.experts * bytes);
  bucket_ = {};
  label_ = pass;
}

/// First and last stage hold a tied embedding each, or that of the MTP modules, and sum its
/// gradients (Megatron-LM, embedding group).
void StepBuilder::reduce_tied_embedding() {
  if (chunk_order(layout_.schedule) != ChunkOrder::looped) return;  // stage 0 has both ends
  const bool end = stage_ == 0 || static_cast<int>(stage_) == layout_.pipeline - 1;
  const bool twice = model_.tied_embedding || model_.mtp_layers > 0;
  if (!twice || layout_.pipeline == 1 || !end || training_.frozen_base != 0) return;
  const double table = static_cast<double>(model_.vocabulary) * model_.hidden / layout_.tensor;
  if (const auto task = start({GroupKind::embedding, CollectiveType::ALL_REDUCE,
                               table * format_bytes(training_.formats.gradients)}))
    gradient_tasks_.push_back(*task);
}

/// Stages s and p - 1 - s of DualPipe hold the same layers, and sum what each owns of the
/// gradients.
void StepBuilder::reduce_mirrored_stages() {
  if (chunk_order(layout_.schedule) != ChunkOrder::bidirectional) return;
  ShardedParameters p;
  for (std::uint32_t c = 0; c < static_cast<std::uint32_t>(layout_.virtual_stages); ++c)
    p += chunk(c).parameters;
  const double owned = p.dense / owners(false) + p.experts / owners(true);
  frontier_.insert(frontier_.end(), gradient_tasks_.begin(), gradient_tasks_.end());
  gradient_tasks_.clear();
  if (const auto task =
          start({GroupKind::mirror, CollectiveType::ALL_REDUCE, owned * gradient_bytes()}))
    gradient_tasks_.push_back(*task);
}

/// Ranks that divide the optimizer states of a parameter.
double StepBuilder::owners(bool experts) const {
  if (training_.optimizer_sharding < 1) return 1;
  if (hybrid_) return map_.group_size(experts ? GroupKind::expert_shard : GroupKind::shard);
  return map_.group_size(experts ? GroupKind::expert_data : GroupKind::data);
}

void StepBuilder::finish_rank() {
  label_ = label_gradients;
  reduce_gradients(true);
  reduce_tied_embedding();
  reduce_mirrored_stages();
  frontier_.insert(frontier_.end(), gradient_tasks_.begin(), gradient_tasks_.end());
  label_ = label_optimizer;
  ShardedParameters p;
  for (std::uint32_t c = 0; c < static_cast<std::uint32_t>(layout_.virtual_stages); ++c)
    p += chunk(c).parameters;
  const double share = p.dense / owners(false) + p.experts / owners(true);
  run_op(emit_.clip_op(share));
  run_op(emit_.optimizer_op(share));
  // ZeRO-2 and ZeRO-3 keep only the owned gradients.
  run_op(emit_.zero_op(training_.optimizer_sharding >= 2 ? share : p.total()));
  flush(Purpose::optimizer);
  if (!training_.overlap_parameters) gather_parameters(false);
  if (software_.step_overhead.value() <= 0) return;
  label_ = label_overhead;
  ComputeOp host;
  host.kind = OpKind::fixed;
  host.label = "step overhead";
  host.seconds = software_.step_overhead.value();
  host.kernels = 0;
  run_op(ops_.id(host));
  flush(Purpose::other, Stream::host);
}

// ---------------------------------------------------------------- tasks

TaskId StepBuilder::add_task(TaskKind kind, Purpose purpose, Stream stream, std::uint32_t op) {
  const TaskId id = graph_.add({kind, purpose, stream, rank_, op, label_}, frontier_);
  if (purpose == Purpose::dp) return id;  // gathers and reductions of parameters carry on
  for (const std::size_t sent : arrival_) arrivals_.push_back({id, sent});
  arrival_.clear();
  return id;
}

void StepBuilder::run_op(std::uint32_t op) {
  if (!pending_.empty() && pending_.back().op == op)
    ++pending_.back().repeat;
  else
    pending_.push_back({op, 1});
}

void StepBuilder::flush(Purpose purpose, Stream stream) {
  if (pending_.empty()) return;
  const TaskId task = add_task(TaskKind::compute, purpose, stream, sequence_id(pending_));
  pending_.clear();
  frontier_.assign(1, task);
}

std::optional<TaskId> StepBuilder::start(const Communication& communication) {
  if (communication.bytes <= 0 || map_.group_size(communication.group) <= 1) return std::nullopt;
  return add_task(TaskKind::collective, purpose_of(communication.group),
                  stream_of(communication.group), collective_id(communication));
}

std::optional<TaskId> StepBuilder::start(std::uint32_t communication) {
  const Communication& c = communications_.at(communication);
  if (c.bytes <= 0 || map_.group_size(c.group) <= 1) return std::nullopt;
  flush();
  std::uint32_t& known = known_collectives_[communication];
  if (known == kUnknown) known = collective_id(c);
  // What has arrived must be on the compute stream too, whoever uses it first.
  const bool arrives = !arrival_.empty();
  const TaskId task =
      add_task(TaskKind::collective, purpose_of(c.group), stream_of(c.group), known);
  if (arrives) frontier_.push_back(task);
  return task;
}

std::uint32_t StepBuilder::sequence_id(const OpSequence& sequence) {
  const auto [it, added] =
      sequences_.emplace(sequence, static_cast<std::uint32_t>(graph_.op_sequences.size()));
  if (added) graph_.op_sequences.push_back(sequence);
  return it->second;
}

std::uint32_t StepBuilder::collective_id(const Communication& c) {
  const std::uint32_t group = group_id(c.group);
  const auto [it, added] = collective_ids_.emplace(
      std::tuple(group, c.type, c.bytes), static_cast<std::uint32_t>(graph_.collectives.size()));
  if (added) graph_.collectives.push_back({group, c.type, c.bytes, 0});
  return it->second;
}

std::uint32_t StepBuilder::group_id(GroupKind kind) {
  const DeviceId base = map_.group_base(kind, device_);
  const std::uint32_t base_stage = map_.stage_of(base);
  const DeviceId key = fold_ ? base_stage : base;
  const auto [it, added] = group_ids_.emplace(std::pair(static_cast<std::uint32_t>(kind), key),
                                              static_cast<std::uint32_t>(graph_.groups.size()));
  if (!added) return it->second;
  CommunicatorGroup group;
  group.purpose = purpose_of(kind);
  group.name = fold_ ? fmt::format("{} stage {}", group_name(kind), base_stage)
                     : fmt::format("{} {}", group_name(kind), base);
  if (fold_) {
    for (const DeviceId device : map_.devices_of_stage(base_stage))
      if (map_.group_base(kind, device) == device)
        group.classes.push_back(map_.group(kind, device));
    group.members = {rank_at(base_stage)};
    const std::uint32_t last_stage = static_cast<std::uint32_t>(layout_.pipeline) - 1;
    if (kind == GroupKind::embedding) group.members.push_back(rank_at(last_stage));
    if (kind == GroupKind::mirror) group.members.push_back(rank_at(last_stage - base_stage));
  } else {
    group.classes = {map_.group(kind, base)};
    group.members.assign(group.classes[0].begin(),
                         group.classes[0].end());  // every device is a rank
  }
  graph_.groups.push_back(std::move(group));
  return it->second;
}

std::uint32_t StepBuilder::transfer_id(std::uint32_t to_stage, double bytes) {
  const auto [it, added] = transfer_ids_.emplace(
      std::tuple(device_, to_stage, bytes), static_cast<std::uint32_t>(graph_.transfers.size()));
  if (!added) return it->second;
  PairClass pairs;
  if (fold_)
    for (const DeviceId device : map_.devices_of_stage(stage_))
      pairs.pairs.push_back({device, map_.peer(device, to_stage)});
  else
    pairs.pairs = {{device_, map_.peer(device_, to_stage)}};
  graph_.transfers.push_back({static_cast<std::uint32_t>(graph_.pair_classes.size()), bytes});
  graph_.pair_classes.push_back(std::move(pairs));
  return it->second;
}

/// Inserts the dependencies on other ranks' transfers; arrivals_ ascends by task.
void StepBuilder::resolve_arrivals() {
  std::vector<std::uint32_t> begin{0};
  std::vector<TaskId> ids;
  begin.reserve(graph_.dependency_begin.size());
  ids.reserve(graph_.dependency_ids.size() + arrivals_.size());
  std::size_t next = 0;
  for (TaskId task = 0; task < graph_.tasks.size(); ++task) {
    for (std::uint32_t d = graph_.dependency_begin[task]; d < graph_.dependency_begin[task + 1];
         ++d)
      ids.push_back(graph_.dependency_ids[d]);
    for (; next < arrivals_.size() && arrivals_[next].task == task; ++next) {
      const TaskId sender = sent_[arrivals_[next].sent];
      if (sender == kUnknown) throw InternalError("a rank waits for a transfer that nobody sends");
      ids.push_back(sender);
    }
    begin.push_back(static_cast<std::uint32_t>(ids.size()));
  }
  graph_.dependency_begin = std::move(begin);
  graph_.dependency_ids = std::move(ids);
}

// ---------------------------------------------------------------- places

std::size_t StepBuilder::sent_index(RankId rank, bool forward, std::uint32_t c,
                                    std::uint32_t micro_batch) const {
  const auto chunks = static_cast<std::size_t>(layout_.virtual_stages);
  const auto batches = static_cast<std::size_t>(layout_.micro_batches);
  return ((rank * 2 + (forward ? 0 : 1)) * chunks + c) * batches + micro_batch;
}

RankId StepBuilder::rank_at(std::uint32_t stage) const {
  return fold_ ? stage : map_.peer(device_, stage);
}

std::uint32_t StepBuilder::pass_label(const Pass& pass) const {
  const auto chunks = static_cast<std::uint32_t>(layout_.virtual_stages);
  const auto batches = static_cast<std::uint32_t>(layout_.micro_batches);
  return first_pass + (static_cast<std::uint32_t>(pass.kind) * chunks + pass.chunk) * batches +
         pass.micro_batch;
}

const Program& StepBuilder::program_of(const Pass& pass) const {
  const ChunkProgram& c = chunk(pass.chunk);
  switch (pass.kind) {
    case PassKind::forward:
      return c.forward;
    case PassKind::backward:
      return c.backward;
    case PassKind::backward_input:
      return c.split.input;
    case PassKind::backward_weight:
      return c.split.weight;
  }
  throw InternalError("unknown pass kind");
}

bool StepBuilder::completes_gradients(const Pass& pass) const {
  return pass.kind == PassKind::backward || pass.kind == PassKind::backward_weight;
}

bool StepBuilder::is_last_of_chunk(const Pass& pass) const {
  return &pass == last_gradients_[pass.chunk];
}

/// Per parameter, on the wire.
double StepBuilder::gradient_bytes() const {
  const FormatsSpec& f = training_.formats;
  return format_bytes(f.reduce.empty() ? f.gradients : f.reduce);
}
double StepBuilder::gathered_bytes() const {
  const FormatsSpec& f = training_.formats;
  return format_bytes(f.gather.empty() ? f.weights : f.gather);
}

/// Between neighbouring chunks of the model. MTP modules that do not share the last chunk send
/// their outputs along with the model's own.
double StepBuilder::boundary_bytes(std::uint32_t from, std::uint32_t to) const {
  const bool behind_modules =
      model_.mtp_layers > 0 && static_cast<int>(std::min(from, to)) >= layout_.mtp_position;
  return emit_.boundary_bytes() * (behind_modules ? 1 + model_.mtp_layers : 1);
}

}  // namespace xpusim
