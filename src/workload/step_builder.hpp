// Plays chunk programs in schedule order for every simulated rank and wires the tasks together.
#pragma once

#include <unordered_map>

#include "workload/chunk_program.hpp"
#include "workload/schedule.hpp"

namespace xpusim {

class StepBuilder {
 public:
  StepBuilder(const ModelSpec&, const ParallelLayout&, const ParallelismSpec&, const TrainingSpec&,
              const SoftwareSpec&, bool fold);
  [[nodiscard]] TaskGraph build();

 private:
  struct SequenceHash {
    std::size_t operator()(const OpSequence&) const;
  };
  struct SequenceEqual {
    bool operator()(const OpSequence&, const OpSequence&) const;
  };
  /// A task waits for what another rank sends: resolved when every rank is written.
  struct Arrival {
    TaskId task = 0;
    std::size_t sent = 0;  ///< index into sent_
  };

  // preparation
  void write_programs();
  void write_ranks();
  void write_labels();
  void write_notes();

  // one rank
  void write_rank(RankId);
  void gather_parameters(bool overlapped);
  void write_pass(const Pass&);
  void play(const Program&, const Pass&);
  void send(const Pass&);
  void finish_rank();
  void collect_gradients(const ShardedParameters&);
  void reduce_gradients();
  void reduce_tied_embedding();

  // tasks
  TaskId add_task(TaskKind, Purpose, Stream, std::uint32_t op);
  void run_op(std::uint32_t op);
  void flush(Purpose = Purpose::compute, Stream = Stream::compute);
  [[nodiscard]] std::optional<TaskId> start(const Communication&);
  [[nodiscard]] std::optional<TaskId> start(std::uint32_t communication);
  std::uint32_t sequence_id(const OpSequence&);
  std::uint32_t collective_id(const Communication&);
  std::uint32_t group_id(GroupKind);
  std::uint32_t transfer_id(std::uint32_t to_stage, double bytes);
  void resolve_arrivals();

  // places
  [[nodiscard]] std::size_t sent_index(RankId, bool forward, std::uint32_t chunk,
                                       std::uint32_t micro_batch) const;
  [[nodiscard]] RankId rank_at(std::uint32_t stage) const;
  [[nodiscard]] std::uint32_t pass_label(const Pass&) const;
  [[nodiscard]] const ChunkProgram& chunk(std::uint32_t index) const {
    return programs_[stage_ * static_cast<std::size_t>(layout_.virtual_stages) + index];
  }

  const ModelSpec& model_;
  const ParallelLayout& layout_;
  const TrainingSpec& training_;
  const SoftwareSpec& software_;
  bool fold_;
  RankMap map_;
  OpTable ops_;
  CommunicationTable communications_;
  LayerEmitter emit_;
  std::vector<ChunkProgram> programs_;  ///< [stage][chunk]
  TaskGraph graph_;
  std::unordered_map<OpSequence, std::uint32_t, SequenceHash, SequenceEqual> sequences_;
  std::map<std::pair<std::uint32_t, DeviceId>, std::uint32_t> group_ids_;
  std::map<std::tuple<std::uint32_t, CollectiveType, double>, std::uint32_t> collective_ids_;
  std::map<std::pair<DeviceId, std::uint32_t>, std::uint32_t> transfer_ids_;
  std::vector<TaskId> sent_;
  std::vector<Arrival> arrivals_;

  // state of the rank being written
  RankId rank_ = 0;
  DeviceId device_ = 0;
  std::uint32_t stage_ = 0;
  std::uint32_t label_ = 0;
  OpSequence pending_;                  ///< kernels not yet in a task
  std::vector<TaskId> frontier_;        ///< what the next task waits for
  std::optional<std::size_t> arrival_;  ///< and what it waits to receive
  std::vector<std::optional<TaskId>>
      gathered_;  ///< per chunk: parameter gathers of dense and expert weights
  std::vector<TaskId> gradient_tasks_;
  ShardedParameters bucket_;
  std::vector<std::optional<TaskId>> slots_;
  std::vector<std::uint32_t> known_collectives_;  ///< by communication id
};

}  // namespace xpusim
