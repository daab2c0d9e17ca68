// Plays chunk programs in schedule order for every simulated rank and wires the tasks together.
#pragma once

#include <array>
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
  /// Passes that run as one: one, or two merged, and the program of them.
  struct Turn {
    std::array<const Pass*, 2> lanes{};
    const Program* program = nullptr;
  };
  /// Parameters that are gathered before they are read (ZeRO-3).
  struct Gather {
    const ShardedParameters* unit = nullptr;
    std::vector<TaskId> tasks;
  };

  // preparation
  void write_programs();
  void write_ranks();
  void write_labels();
  void write_notes();

  // one rank
  void write_rank(RankId);
  void gather_parameters(bool overlapped);
  void find_ends();
  void list_turns();
  void list_gathers();
  void write_turn(const Turn&);
  void begin(const Pass&);
  void end(const Pass&);
  void run_step(const Step&, const Pass&);
  void send(const Pass&);
  void gather_unit();
  void finish_rank();
  void collect_gradients(const ShardedParameters&, bool last);
  void reduce_gradients(bool last);
  void reduce_tied_embedding();
  void reduce_mirrored_stages();

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
  [[nodiscard]] double owners(bool experts) const;
  [[nodiscard]] bool completes_gradients(const Pass&) const;
  [[nodiscard]] bool is_last_of_chunk(const Pass&) const;
  [[nodiscard]] double gradient_bytes() const;
  [[nodiscard]] double gathered_bytes() const;
  [[nodiscard]] double boundary_bytes(std::uint32_t from, std::uint32_t to) const;
  [[nodiscard]] RankId rank_at(std::uint32_t stage) const;
  [[nodiscard]] std::uint32_t pass_label(const Pass&) const;
  [[nodiscard]] const Program& program_of(const Pass&) const;
  [[nodiscard]] const ChunkProgram& chunk(std::uint32_t index) const {
    return programs_[stage_ * static_cast<std::size_t>(layout_.virtual_stages) + index];
  }

  const ModelSpec& model_;
  const ParallelLayout& layout_;
  const TrainingSpec& training_;
  const SoftwareSpec& software_;
  bool fold_;
  bool hybrid_;  ///< ZeRO-3 within groups that are smaller than all data ranks (HSDP)
  RankMap map_;
  OpTable ops_;
  CommunicationTable communications_;
  LayerEmitter emit_;
  std::vector<ChunkProgram> programs_;        ///< [stage][chunk]
  std::vector<std::vector<Pass>> schedules_;  ///< of every stage
  std::map<std::pair<const Program*, const Program*>, Program> merged_;
  TaskGraph graph_;
  std::unordered_map<OpSequence, std::uint32_t, SequenceHash, SequenceEqual> sequences_;
  std::map<std::pair<std::uint32_t, DeviceId>, std::uint32_t> group_ids_;
  std::map<std::tuple<std::uint32_t, CollectiveType, double>, std::uint32_t> collective_ids_;
  std::map<std::tuple<DeviceId, std::uint32_t, double>, std::uint32_t> transfer_ids_;
  std::vector<TaskId> sent_;
  std::vector<Arrival> arrivals_;

  // state of the rank being written
  RankId rank_ = 0;
  DeviceId device_ = 0;
  std::uint32_t stage_ = 0;
  std::uint32_t label_ = 0;
  OpSequence pending_;                ///< kernels not yet in a task
  std::vector<TaskId> frontier_;      ///< what the next task waits for
  std::vector<std::size_t> arrival_;  ///< and what it waits to receive
  std::vector<Turn> turns_;
  std::vector<const Pass*> first_forward_, last_gradients_;  ///< per chunk
  std::vector<Gather> gathers_;                              ///< in the order they are needed
  std::size_t needed_ = 0, started_ = 0;                     ///< of them
  std::vector<std::optional<TaskId>>
      gathered_;  ///< per chunk: parameter gathers of dense and expert weights
  std::vector<TaskId> gradient_tasks_;
  ShardedParameters bucket_;
  std::vector<std::optional<TaskId>> slots_;
  std::vector<std::uint32_t> known_collectives_;  ///< by communication id
};

}  // namespace xpusim
