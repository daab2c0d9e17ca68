// Scenarios: a question about systems.
#include <fmt/format.h>

#include "config/spec_tables.hpp"

namespace xpusim::config {

const StructInfo& StructTable<ParallelismSpec>::info() {
  static constexpr Field fields[] = {
      field<&ParallelismSpec::tensor>("tensor", "Tensor-parallel degree.").at_least(1),
      field<&ParallelismSpec::context>("context", "Context-parallel degree.").at_least(1),
      field<&ParallelismSpec::pipeline>("pipeline", "Pipeline stages.").at_least(1),
      field<&ParallelismSpec::data>("data", "Data-parallel degree; 0 = what the chips allow.")
          .non_negative(),
      field<&ParallelismSpec::expert>("expert", "Expert-parallel degree.").at_least(1),
      field<&ParallelismSpec::expert_tensor>(
          "expert_tensor", "Tensor-parallel degree inside experts; 0 = same as tensor.")
          .non_negative(),
      field<&ParallelismSpec::virtual_stages>("virtual_stages",
                                              "Model chunks per pipeline rank (interleaved).")
          .at_least(1),
      field<&ParallelismSpec::sequence>("sequence",
                                        "Sequence parallelism beside tensor parallelism."),
      field<&ParallelismSpec::order>("order", "Placement of ranks on devices, innermost first."),
      field<&ParallelismSpec::schedule>("schedule",
                                        "Pipeline schedule; auto = 1F1B, interleaved with several "
                                        "chunks per rank."),
      field<&ParallelismSpec::layout>(
          "layout",
          "Layers of each chunk in Megatron-LM's notation: E embedding, t layer, m MTP layer, L "
          "loss, | between chunks, *n repeats; empty = even."),
      field<&ParallelismSpec::context_method>(
          "context_method", "How context-parallel attention gets keys and values."),
      field<&ParallelismSpec::tensor_chunks>(
          "tensor_chunks",
          "Pieces of a GEMM whose tensor-parallel communication runs under the next piece; 1 = not "
          "overlapped.")
          .at_least(1)
          .at_most(64),
      field<&ParallelismSpec::expert_overlap>("expert_overlap",
                                              "Dispatch and combine of one micro-batch run under "
                                              "the compute of another."),
      field<&ParallelismSpec::expert_dispatch>(
          "expert_dispatch",
          "What token dispatch and combine send: every_copy of a token (all-to-all), or each token "
          "once_per_rank and once per node over scale-out (DeepEP, HybridEP)."),
      field<&ParallelismSpec::shared_expert_overlap>(
          "shared_expert_overlap", "Shared experts run under the dispatch of the tokens."),
      field<&ParallelismSpec::shard>(
          "shard",
          "Ranks that share one copy of what optimizer_sharding 3 shards (HSDP); 0 = all data "
          "ranks.")
          .non_negative(),
  };
  static constexpr StructInfo info{"parallelism", "How a job is divided among ranks.", fields};
  return info;
}

const StructInfo& StructTable<FormatsSpec>::info() {
  static constexpr Field fields[] = {
      field<&FormatsSpec::compute>("compute", "Format of GEMM inputs.").one_of(compute_formats),
      field<&FormatsSpec::weights>("weights", "Format that weights are stored in.")
          .one_of(storage_formats),
      field<&FormatsSpec::activations>("activations", "Format that activations are stored in.")
          .one_of(storage_formats),
      field<&FormatsSpec::gradients>("gradients", "Format of the main gradient buffer.")
          .one_of(storage_formats),
      field<&FormatsSpec::reduce>(
          "reduce", "Format of the gradient reduction on the wire; empty = as gradients.")
          .one_of(storage_formats_or_none),
      field<&FormatsSpec::optimizer>("optimizer",
                                     "Format of each moment and of the master weights.")
          .one_of(storage_formats),
      field<&FormatsSpec::attention>("attention", "Format that attention computes in.")
          .one_of(compute_formats),
      field<&FormatsSpec::dispatch>(
          "dispatch", "Format of expert dispatch on the wire; empty = as activations.")
          .one_of(storage_formats_or_none),
      field<&FormatsSpec::gather>("gather",
                                  "Format of the parameter gather on the wire; empty = as weights.")
          .one_of(storage_formats_or_none),
      field<&FormatsSpec::activation_input>(
          "activation_input",
          "Format in which the inputs of activation functions are kept for the backward pass; "
          "empty = as activations.")
          .one_of(storage_formats_or_none),
      field<&FormatsSpec::master>("master", "Format of the master weights; empty = as optimizer.")
          .one_of(storage_formats_or_none),
  };
  static constexpr StructInfo info{"formats", "Numeric formats of a training job.", fields};
  return info;
}

const StructInfo& StructTable<TrainingSpec>::info() {
  static constexpr Field fields[] = {
      field<&TrainingSpec::global_batch>("global_batch", "Sequences per step.")
          .required()
          .at_least(1),
      field<&TrainingSpec::micro_batch>("micro_batch", "Sequences per micro-batch.").at_least(1),
      field<&TrainingSpec::sequence>("sequence", "Tokens per sequence.").required().at_least(1),
      field<&TrainingSpec::formats>("formats", "Numeric formats."),
      field<&TrainingSpec::recompute>("recompute",
                                      "Activations that the backward pass computes again."),
      field<&TrainingSpec::recompute_modules>(
          "recompute_modules", "What selective recomputation repeats; empty = core_attn.")
          .one_of(recompute_modules),
      field<&TrainingSpec::recompute_layers>(
          "recompute_layers", "Layers of each chunk that full recomputation repeats; 0 = all.")
          .non_negative(),
      field<&TrainingSpec::optimizer_sharding>(
          "optimizer_sharding",
          "ZeRO stage: 0 none, 1 optimizer states (distributed optimizer), 2 and gradients, 3 and "
          "parameters (FSDP).")
          .non_negative()
          .at_most(3),
      field<&TrainingSpec::prefetch>("prefetch",
                                     "ZeRO-3: layers gathered ahead of the one that computes.")
          .non_negative(),
      field<&TrainingSpec::optimizer_offload>(
          "optimizer_offload", "Share of the optimizer's states and step that the host takes.")
          .share_or_none(),
      field<&TrainingSpec::offload_layers>("offload_layers",
                                           "Layers whose activations wait in host memory.")
          .non_negative(),
      field<&TrainingSpec::expert_imbalance>("expert_imbalance",
                                             "Tokens of the busiest expert rank over the mean.")
          .at_least(1),
      field<&TrainingSpec::dropout>("dropout",
                                    "1 = with, 0 = without; -1 = with learned positions only.")
          .at_least(-1)
          .at_most(1),
      field<&TrainingSpec::graph_capture>(
          "graph_capture",
          "What runs as captured graphs: as the software says, nothing, the layers "
          "(not what routing decides), or the step."),
      field<&TrainingSpec::overlap_gradients>(
          "overlap_gradients", "Gradients are reduced in buckets under the backward pass."),
      field<&TrainingSpec::overlap_parameters>(
          "overlap_parameters", "Parameters are gathered under the next forward pass."),
      field<&TrainingSpec::bucket>("bucket",
                                   "Size of a gradient bucket; 0 = one bucket per chunk of layers.")
          .non_negative(),
      field<&TrainingSpec::frozen_base>(
          "frozen_base", "1 = training of adapters: no weight gradients of the base model.")
          .non_negative()
          .at_most(1),
  };
  static constexpr StructInfo info{"training", "One training step.", fields};
  return info;
}

const StructInfo& StructTable<CollectiveRunSpec>::info() {
  static constexpr Field fields[] = {
      field<&CollectiveRunSpec::type>("type", "Collective, by its Chakra name.")
          .required()
          .one_of(collective_types),
      field<&CollectiveRunSpec::ranks>("ranks", "Ranks of the group; 0 = all of the system.")
          .non_negative(),
      field<&CollectiveRunSpec::bytes, ByteSizes>("bytes", "Sizes as nccl-tests counts them.")
          .required()
          .not_empty()
          .positive(),
      field<&CollectiveRunSpec::algorithm>(
          "algorithm", "Name in the algorithm registry; empty = the tuner's choice."),
      field<&CollectiveRunSpec::protocol>("protocol",
                                          "Protocol of the library; empty = the tuner's choice."),
  };
  static constexpr StructInfo info{"collective_run", "Collectives on an otherwise idle system.",
                                   fields};
  return info;
}

const StructInfo& StructTable<ReplaySpec>::info() {
  static constexpr Field fields[] = {
      field<&ReplaySpec::trace>(
          "trace",
          "PREFIX of the files PREFIX.<rank>.et, or a file or folder of another format; a relative "
          "path starts at the scenario file.")
          .required(),
      field<&ReplaySpec::format>("format",
                                 "Format of the trace (chakra, simai, goal, ...); empty = "
                                 "recognised by name and content."),
      field<&ReplaySpec::groups>(
          "groups",
          "File of communicator groups (JSON), relative to the scenario file; empty = none."),
      field<&ReplaySpec::dimensions>("dimensions",
                                     "Sizes of the trace's logical dimensions, innermost first: "
                                     "what involved_dim selects from.")
          .at_least(1),
      field<&ReplaySpec::comm_size>("comm_size",
                                    "What comm_size counts: the collective's buffer, or one rank's "
                                    "input; automatic knows PyTorch traces.")
          .one_of(comm_size_conventions),
      field<&ReplaySpec::recorded_durations>("recorded_durations",
                                             "Compute takes as long as it was recorded."),
      field<&ReplaySpec::compute_format>("compute_format", "Format of compute that is priced anew.")
          .one_of(compute_formats),
      field<&ReplaySpec::recorded_on>(
          "recorded_on",
          "Chip that the durations were recorded on: they are scaled by the two chips' peaks "
          "(compute) and memory bandwidths (memory); empty = taken as they are.")
          .names(PartKind::chip),
      field<&ReplaySpec::ranks>("ranks",
                                "Ranks of a trace that holds one for all (a lone recorded rank, a "
                                "workload text); 0 = as recorded.")
          .non_negative(),
      field<&ReplaySpec::model_parallel>("model_parallel",
                                         "Ranks of a model-parallel group of a workload text that "
                                         "does not say it; 0 = as it says.")
          .non_negative(),
      field<&ReplaySpec::scale_ranks>("scale_ranks",
                                      "Ranks after adding or leaving out data-parallel replicas; "
                                      "0 = as recorded.")
          .non_negative(),
      field<&ReplaySpec::data_dimension>(
          "data_dimension",
          "Which of the dimensions holds the data-parallel replicas; -1 = the last.")
          .at_least(-1),
      field<&ReplaySpec::follow_ctrl_deps>(
          "follow_ctrl_deps", "Wait for control dependencies too, where the node exists."),
      field<&ReplaySpec::communication_slot>(
          "communication_slot", "One communication at a time per rank, as ASTRA-sim has it."),
  };
  static constexpr StructInfo info{"replay", "A recorded trace run again.", fields};
  return info;
}

const StructInfo& StructTable<NetworkSpec>::info() {
  static constexpr Field fields[] = {
      field<&NetworkSpec::fidelity>("fidelity",
                                    "How much of the network is simulated; auto picks by size."),
      field<&NetworkSpec::planes>("planes", "Plane that a kind of traffic takes, by kind.")
          .keyed_by(traffic_kinds),
      field<&NetworkSpec::algorithms>("algorithms",
                                      "Algorithm of a collective, by its Chakra name.")
          .keyed_by(collective_types),
  };
  static constexpr StructInfo info{"network", "How communication is simulated.", fields};
  return info;
}

const StructInfo& StructTable<ScenarioSystemSpec>::info() {
  static constexpr Field fields[] = {
      field<&ScenarioSystemSpec::system>("system", "System part.")
          .required()
          .names(PartKind::system),
      field<&ScenarioSystemSpec::chips>("chips", "Packages to use; 0 = all.").non_negative(),
      field<&ScenarioSystemSpec::nodes>("nodes",
                                        "Nodes to build the system with; 0 = as its file says.")
          .non_negative(),
      field<&ScenarioSystemSpec::software>("software",
                                           "Software profile; empty = the chip's default.")
          .names(PartKind::software),
      field<&ScenarioSystemSpec::parallelism>("parallelism",
                                              "Parallelism instead of the scenario's."),
      field<&ScenarioSystemSpec::training>("training", "Training instead of the scenario's."),
  };
  static constexpr StructInfo info{"scenario_system", "One system under the question.", fields};
  return info;
}

const StructInfo& StructTable<JobSpec>::info() {
  static constexpr Field fields[] = {
      field<&JobSpec::name>("name", "Name as the report prints it.").required(),
      field<&JobSpec::scenario>("scenario",
                                "What it runs: a training or replay scenario, by name or by a path "
                                "relative to this file; its systems are not used.")
          .required(),
      field<&JobSpec::chips>("chips", "Packages; 0 = as many as its trace has ranks.")
          .non_negative(),
      field<&JobSpec::placement>(
          "placement",
          "packed: the next free packages; spread: one of every node in turn; explicit: `devices`.")
          .one_of(placements),
      field<&JobSpec::devices>("devices", "Packages in rank order, such as \"0-31,64-95\"."),
      field<&JobSpec::start>("start", "When its first task may start.").non_negative().at_most(1e6),
  };
  static constexpr StructInfo info{"job", "One of several jobs on one system.", fields};
  return info;
}

const StructInfo& StructTable<ScenarioPowerSpec>::info() {
  static constexpr Field fields[] = {
      field<&ScenarioPowerSpec::cap>("cap", "Power cap per package; 0 = its TDP.").non_negative(),
  };
  static constexpr StructInfo info{"scenario_power", "Limits on power.", fields};
  return info;
}

const StructInfo& StructTable<ScenarioSpec>::info() {
  static constexpr Field fields[] = {
      field<&ScenarioSpec::question>("question", "The question in one sentence.").required(),
      field<&ScenarioSpec::kind>("workload", "What runs.").required(),
      field<&ScenarioSpec::systems>("systems", "Systems under the question.")
          .required()
          .not_empty(),
      field<&ScenarioSpec::baseline>("baseline",
                                     "System that ratios compare with; empty = the first.")
          .names(PartKind::system),
      field<&ScenarioSpec::model>("model", "Model spec; training needs one.")
          .names(PartKind::model),
      field<&ScenarioSpec::rank>("rank", "What carries a rank."),
      field<&ScenarioSpec::parallelism>("parallelism", "How the job is divided among ranks."),
      field<&ScenarioSpec::training>("training", "The training step."),
      field<&ScenarioSpec::collective>("collective", "The collectives to run."),
      field<&ScenarioSpec::replay>("replay", "The trace to run again."),
      field<&ScenarioSpec::jobs>("jobs", "Jobs that run side by side on each system."),
      field<&ScenarioSpec::network>("network", "How communication is simulated."),
      field<&ScenarioSpec::power>("power", "Limits on power."),
      field<&ScenarioSpec::folding>("folding",
                                    "Whether ranks in equivalent positions are simulated once."),
      field<&ScenarioSpec::seed>("seed", "Seed of every random choice."),
      field<&ScenarioSpec::expect>(
          "expect",
          "Conditions on figures of the report, such as \"training.step_time_s\": \"< 10\"."),
  };
  static constexpr StructInfo info{"scenario", "A question about one or more systems.", fields};
  return info;
}

void StructTable<ScenarioSpec>::check(Decoder& d, const JsonValue& v, const std::string&,
                                      const ScenarioSpec&) {
  const JsonValue* workload = v.find("workload");
  if (!workload || workload->type != JsonType::string) return;
  const auto need = [&](std::string_view key) {
    if (v.find(key)) return;
    d.diagnostics.error("missing-key",
                        fmt::format("a scenario of workload '{}' lacks '{}'", workload->text, key),
                        workload->span);
  };
  const auto every_system_has_training = [&] {
    const JsonValue* systems = v.find("systems");
    if (!systems || systems->items.empty()) return false;
    for (const JsonValue& system : systems->items) {
      if (!system.find("training")) return false;
    }
    return true;
  };
  if (workload->text == "training") {
    need("model");
    if (!every_system_has_training()) need("training");
  }
  if (workload->text == "collective") need("collective");
  if (workload->text == "replay") need("replay");
  if (workload->text == "jobs") need("jobs");
}

}  // namespace xpusim::config
