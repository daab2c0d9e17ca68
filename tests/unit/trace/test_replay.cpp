#include <catch2/catch.hpp>

#include <algorithm>

#include "samples.hpp"

using namespace xpusim;
using samples::share;

namespace {

std::vector<TaskId> dependencies(const TaskGraph& g, TaskId t) {
  return {g.dependency_ids.begin() + g.dependency_begin[t],
          g.dependency_ids.begin() + g.dependency_begin[t + 1]};
}
const ComputeOp& op_of(const TaskGraph& g, TaskId t) {
  return g.compute_ops[g.op_sequences[g.tasks[t].op].front().op];
}
TaskGraph replay(const ChakraTrace& trace, const ReplayOptions& options = {}) {
  TaskGraph g = build_replay(trace, static_cast<std::uint32_t>(trace.ranks.size()), options).graph;
  validate(g);
  return g;
}
std::shared_ptr<const ChakraFile> with(std::initializer_list<ChakraNode> nodes) {
  ChakraFile file = samples::file("r.et");
  for (const ChakraNode& n : nodes) file.add(n, "n" + std::to_string(n.id));
  return share(std::move(file));
}

}  // namespace

TEST_CASE("tasks ascend with rank and node id, whatever the order in the file", "[trace][replay]") {
  ChakraFile file = samples::file("r.et");
  file.add(samples::comp(30, 3), "c", {10, 40});
  file.add(samples::comp(10, 1), "a");
  file.add(samples::comp(40, 4), "d", {10});
  const auto shared = share(std::move(file));
  const TaskGraph g = replay(samples::trace({shared, shared}));
  REQUIRE(g.tasks.size() == 6);
  CHECK(g.labels[g.tasks[0].label] == "a");
  CHECK(g.labels[g.tasks[1].label] == "c");
  CHECK(g.labels[g.tasks[2].label] == "d");
  CHECK(dependencies(g, 1) == std::vector<TaskId>{0, 2});
  CHECK(dependencies(g, 4) == std::vector<TaskId>{3, 5});
  CHECK(g.tasks[4].rank == 1);
  CHECK(g.ranks[1].device == 1);
}

TEST_CASE("recorded nodes take their microseconds, 1 ns for 0", "[trace][replay]") {
  const TaskGraph g = replay(
      samples::trace({with({samples::comp(0, 250), samples::comp(1, 0), samples::comp(2, 250)})}));
  CHECK(op_of(g, 0).kind == OpKind::fixed);
  CHECK(op_of(g, 0).seconds == Approx(250e-6).epsilon(1e-12));
  CHECK(op_of(g, 1).seconds == Approx(1e-9).epsilon(1e-12));
  CHECK(g.tasks[0].op == g.tasks[2].op);
  CHECK(g.tasks[0].stream == Stream::compute);
}

TEST_CASE("timing chooses between the record and the chip", "[trace][replay]") {
  ChakraNode both = samples::work(0, 1'000'000, 2'000);
  both.duration_nanos = 7000;
  const ChakraTrace trace =
      samples::trace({with({both, samples::work(1, 5, 6), samples::comp(2, 9)})});
  ReplayOptions options;
  const auto kinds = [&](ReplayTiming timing) {
    options.timing = timing;
    const TaskGraph g = replay(trace, options);
    std::vector<OpKind> list;
    for (TaskId t = 0; t < 3; ++t) list.push_back(op_of(g, t).kind);
    return list;
  };
  CHECK(kinds(ReplayTiming::automatic) ==
        std::vector<OpKind>{OpKind::fixed, OpKind::memory, OpKind::fixed});
  CHECK(kinds(ReplayTiming::recorded) ==
        std::vector<OpKind>{OpKind::fixed, OpKind::fixed, OpKind::fixed});
  CHECK(kinds(ReplayTiming::roofline) ==
        std::vector<OpKind>{OpKind::memory, OpKind::memory, OpKind::fixed});
  options.timing = ReplayTiming::roofline;
  options.compute_format = "fp8";
  const ComputeOp op = op_of(replay(trace, options), 0);
  CHECK(op.flops == 1e6);
  CHECK(op.memory_bytes == 2e3);
  CHECK(op.format == "fp8");
}

TEST_CASE("host, memory and metadata nodes take the slots of ASTRA-sim", "[trace][replay]") {
  ChakraNode host = samples::comp(0, 5), load, metadata,
             wrapper = samples::coll(3, ChakraCollective::none, 0);
  host.is_cpu_op = true;
  wrapper.is_cpu_op = true;
  wrapper.duration_nanos = 2000;
  load.id = 1;
  load.type = ChakraNodeType::mem_load;
  load.tensor_size = 4096;
  metadata.id = 2;
  metadata.type = ChakraNodeType::metadata;
  const ChakraTrace trace = samples::trace({with({host, load, metadata, wrapper})});
  const TaskGraph g = replay(trace);
  CHECK(g.tasks[0].stream == Stream::host);
  CHECK(g.tasks[1].stream == Stream::comm_other);
  CHECK(op_of(g, 1).memory_bytes == 4096);
  CHECK(op_of(g, 1).flops == 0);
  CHECK(g.tasks[2].kind == TaskKind::join);
  CHECK(g.tasks[2].stream == Stream::none);
  CHECK(g.tasks[3].kind == TaskKind::compute);
  CHECK(g.tasks[3].stream == Stream::host);
  CHECK(op_of(g, 3).seconds == Approx(2e-6).epsilon(1e-12));
  ReplayOptions many;
  many.communication_slot = false;
  CHECK(replay(trace, many).tasks[1].stream == Stream::none);
  CHECK(replay(trace, many).tasks[0].stream == Stream::host);
}

TEST_CASE("the i-th collective of every rank is one operation", "[trace][replay]") {
  using C = ChakraCollective;
  const TaskGraph g = replay(samples::trace(
      {with({samples::coll(0, C::all_reduce, 100), samples::coll(1, C::broadcast, 7)}),
       with({samples::coll(5, C::all_reduce, 100), samples::coll(8, C::broadcast, 7)})}));
  REQUIRE(g.collectives.size() == 2);
  CHECK(g.tasks[0].op == g.tasks[2].op);
  CHECK(g.tasks[1].op == g.tasks[3].op);
  CHECK(g.tasks[0].op != g.tasks[1].op);
  CHECK(g.collectives[g.tasks[1].op].type == CollectiveType::BROADCAST);
  CHECK(g.collectives[g.tasks[0].op].bytes == 100);
  REQUIRE(g.groups.size() == 1);
  CHECK(g.groups[0].name == "all ranks");
  CHECK(g.groups[0].members == std::vector<RankId>{0, 1});
  CHECK(g.groups[0].classes == std::vector<std::vector<DeviceId>>{{0, 1}});
  CHECK(g.tasks[0].stream == Stream::comm_other);
}

TEST_CASE("order of occurrence follows dependencies before ids", "[trace][replay]") {
  using C = ChakraCollective;
  // Rank 0 must run 9 before 1; rank 1 has the same order in its ids.
  ChakraFile first = samples::file("r0.et");
  first.add(samples::coll(1, C::all_gather, 10), "second", {9});
  first.add(samples::coll(9, C::all_reduce, 20), "first");
  const TaskGraph g = replay(samples::trace(
      {share(std::move(first)),
       with({samples::coll(0, C::all_reduce, 20), samples::coll(1, C::all_gather, 10)})}));
  CHECK(g.tasks[0].op == g.tasks[3].op);
  CHECK(g.tasks[1].op == g.tasks[2].op);
}

TEST_CASE("all collective types of the schema have a counterpart", "[trace][replay]") {
  const std::vector<std::pair<ChakraCollective, CollectiveType>> pairs{
      {ChakraCollective::all_reduce, CollectiveType::ALL_REDUCE},
      {ChakraCollective::reduce, CollectiveType::REDUCE},
      {ChakraCollective::all_gather, CollectiveType::ALL_GATHER},
      {ChakraCollective::gather, CollectiveType::GATHER},
      {ChakraCollective::scatter, CollectiveType::SCATTER},
      {ChakraCollective::broadcast, CollectiveType::BROADCAST},
      {ChakraCollective::all_to_all, CollectiveType::ALL_TO_ALL},
      {ChakraCollective::reduce_scatter, CollectiveType::REDUCE_SCATTER},
      {ChakraCollective::reduce_scatter_block, CollectiveType::REDUCE_SCATTER},
      {ChakraCollective::barrier, CollectiveType::BARRIER}};
  for (const auto& [written, meant] : pairs) {
    const auto file = with({samples::coll(0, written, 64)});
    CHECK(replay(samples::trace({file, file})).collectives.front().type == meant);
  }
}

TEST_CASE("one rank's input counts n times in a gather and once elsewhere", "[trace][replay]") {
  using C = ChakraCollective;
  ReplayOptions options;
  const auto bytes = [&](C type, CommSizeConvention convention) {
    options.comm_size = convention;
    const auto file = with({samples::coll(0, type, 1000)});
    return replay(samples::trace({file, file, file}), options).collectives.front().bytes;
  };
  for (const C type : {C::all_gather, C::gather}) {
    CHECK(bytes(type, CommSizeConvention::one_rank_input) == 3000);  // n * input
    CHECK(bytes(type, CommSizeConvention::collective_size) == 1000);
  }
  for (const C type : {C::all_reduce, C::reduce_scatter, C::all_to_all, C::broadcast}) {
    CHECK(bytes(type, CommSizeConvention::one_rank_input) == 1000);
    CHECK(bytes(type, CommSizeConvention::collective_size) == 1000);
  }
}

TEST_CASE("a trace with a process id is read as PyTorch's: one rank's input", "[trace][replay]") {
  ChakraFile file = samples::file("r.et");
  file.metadata["pid"] = "4242";
  file.add(samples::coll(0, ChakraCollective::all_gather, 1000), "g");
  const auto shared = share(std::move(file));
  const TaskGraph g = replay(samples::trace({shared, shared}));
  CHECK(g.collectives.front().bytes == 2000);
  CHECK(std::count(g.notes.begin(), g.notes.end(),
                   "comm_size is read as one rank's input (PyTorch); a gather moves the sum over "
                   "its ranks") == 1);
}

TEST_CASE("uneven all-to-alls and gathers take the largest and the sum", "[trace][replay]") {
  using C = ChakraCollective;
  ReplayOptions options;
  options.comm_size = CommSizeConvention::one_rank_input;
  CHECK(replay(samples::trace({with({samples::coll(0, C::all_to_all, 10)}),
                               with({samples::coll(0, C::all_to_all, 30)})}),
               options)
            .collectives.front()
            .bytes == 30);
  CHECK(replay(samples::trace({with({samples::coll(0, C::all_gather, 10)}),
                               with({samples::coll(0, C::all_gather, 30)})}),
               options)
            .collectives.front()
            .bytes == 40);
}

TEST_CASE("communicators come from the file, then from the trace, empty means all",
          "[trace][replay]") {
  ChakraFile file = samples::file("r.et");
  ChakraNode node = samples::coll(0, ChakraCollective::all_reduce, 64);
  node.pg_name = file.intern("7");
  file.process_groups["7"] = {};
  file.add(node, "a");
  const auto shared = share(std::move(file));
  const ChakraTrace trace = samples::trace({shared, shared, shared, shared});
  CHECK(replay(trace).groups.front().members.size() == 4);
  ReplayOptions options;
  options.group_purposes["7"] = Purpose::tp;
  options.groups = parse_comm_groups(R"({"7": [3, 2, 1, 0]})", "g.json");
  const TaskGraph g = replay(trace, options);
  CHECK(g.groups.front().name == "group 7");
  CHECK(g.groups.front().members == std::vector<RankId>{0, 1, 2, 3});
  CHECK(g.groups.front().purpose == Purpose::tp);
  CHECK(g.tasks.front().purpose == Purpose::tp);
}

TEST_CASE("one id may be different ranks in different files", "[trace][replay]") {
  const auto pair = [](std::vector<std::uint32_t> ranks) {
    ChakraFile file = samples::file("r.et");
    ChakraNode node = samples::coll(0, ChakraCollective::all_reduce, 64);
    node.pg_name = file.intern("1");
    file.process_groups["1"] = std::move(ranks);
    file.add(node, "a");
    return share(std::move(file));
  };
  const TaskGraph g =
      replay(samples::trace({pair({0, 1}), pair({0, 1}), pair({2, 3}), pair({2, 3})}));
  REQUIRE(g.groups.size() == 2);
  CHECK(g.groups[1].members == std::vector<RankId>{2, 3});
  CHECK(g.collectives.size() == 2);
}

TEST_CASE("involved_dim with dimension sizes selects rows and columns of the ranks",
          "[trace][replay]") {
  const ChakraTrace trace = read_chakra_trace(samples::data("gpt-tp2-dp2"));
  ReplayOptions options;
  options.dimensions = {2, 2};
  options.dimension_purposes = {Purpose::tp, Purpose::dp};
  const TaskGraph g = replay(trace, options);
  // rank = inner + 2 * outer: TP groups {0,1} {2,3}, DP groups {0,2} {1,3}
  std::vector<std::vector<RankId>> tp, dp;
  for (const CommunicatorGroup& group : g.groups)
    (group.purpose == Purpose::tp ? tp : dp).push_back(group.members);
  std::sort(tp.begin(), tp.end());
  std::sort(dp.begin(), dp.end());
  CHECK(tp == std::vector<std::vector<RankId>>{{0, 1}, {2, 3}});
  CHECK(dp == std::vector<std::vector<RankId>>{{0, 2}, {1, 3}});
  CHECK(g.collectives.size() == 2 * 8 + 2 * 2);
  CHECK(g.tasks.size() == 4 * 18);
  CHECK(g.labels.size() == 18 + 1);
}

TEST_CASE("involved_dim without dimension sizes means all ranks and is counted",
          "[trace][replay]") {
  const Replay r = build_replay(read_chakra_trace(samples::data("gpt-tp2-dp2")), 4);
  REQUIRE(r.graph.groups.size() == 1);
  CHECK(r.graph.groups.front().members.size() == 4);
  CHECK(r.statistics.ignored.at(
            "involved_dim without logical dimension sizes: all ranks take part") == 40);
}

TEST_CASE("collectives of a rank with itself cost nothing", "[trace][replay]") {
  const Replay r =
      build_replay(samples::trace({with({samples::coll(0, ChakraCollective::all_reduce, 64)})}), 1);
  CHECK(r.graph.tasks.front().kind == TaskKind::join);
  CHECK(r.statistics.ignored.at("collectives of one rank") == 1);
}

TEST_CASE("a receive waits for its own dependencies and for the matching send", "[trace][replay]") {
  ChakraFile receiver = samples::file("r1.et");
  receiver.add(samples::comp(0, 1), "before");
  receiver.add(samples::recv(1, 0, 500, 3), "recv", {0});
  receiver.add(samples::comp(2, 1), "after", {1});
  const TaskGraph g =
      replay(samples::trace({with({samples::send(0, 1, 500, 3)}), share(std::move(receiver))}));
  CHECK(g.tasks[0].kind == TaskKind::transfer);
  CHECK(g.tasks[0].stream == Stream::comm_other);
  CHECK(g.tasks[2].kind == TaskKind::join);
  CHECK(g.tasks[2].stream == Stream::none);
  CHECK(dependencies(g, 2) == std::vector<TaskId>{1, 0});
  const TransferOp& transfer = g.transfers[g.tasks[0].op];
  CHECK(transfer.bytes == 500);
  CHECK(g.pair_classes[transfer.pairs].pairs.front().from == 0);
  CHECK(g.pair_classes[transfer.pairs].pairs.front().to == 1);
}

TEST_CASE("messages with one tag match first in, first out, tags match apart", "[trace][replay]") {
  const TaskGraph g = replay(samples::trace(
      {with({samples::send(0, 1, 10, 5), samples::send(1, 1, 20, 6), samples::send(2, 1, 30, 5)}),
       with(
           {samples::recv(0, 0, 20, 6), samples::recv(1, 0, 10, 5), samples::recv(2, 0, 30, 5)})}));
  CHECK(dependencies(g, 3) == std::vector<TaskId>{1});
  CHECK(dependencies(g, 4) == std::vector<TaskId>{0});
  CHECK(dependencies(g, 5) == std::vector<TaskId>{2});
}

TEST_CASE("unmatched messages go through when allowed, and are counted", "[trace][replay]") {
  ReplayOptions options;
  options.allow_unmatched = true;
  const Replay r = build_replay(
      samples::trace({with({samples::send(0, 1, 10)}), with({samples::recv(0, 0, 10, 9)})}), 2,
      options);
  CHECK(r.graph.tasks[0].kind == TaskKind::transfer);
  CHECK(dependencies(r.graph, 1).empty());
  CHECK(r.statistics.ignored.at("sends that nobody receives: sent all the same") == 1);
  CHECK(r.statistics.ignored.at("receives that nobody sends: they do not wait") == 1);
}

TEST_CASE("bytes sent are the sum over the trace's send nodes", "[trace][replay]") {
  std::vector<std::shared_ptr<const ChakraFile>> ranks;
  for (int r = 0; r < 5; ++r) {
    const auto n = static_cast<std::uint64_t>(r);
    ranks.push_back(with({samples::send(0, (r + 1) % 5, 100 + n),
                          samples::recv(1, (r + 4) % 5, 100 + (n + 4) % 5)}));
  }
  const Replay r = build_replay(samples::trace(ranks), 5);
  double sent = 0;
  for (const Task& t : r.graph.tasks)
    if (t.kind == TaskKind::transfer) sent += r.graph.transfers[t.op].bytes;
  CHECK(sent == 5 * 100 + 10);
  CHECK(r.statistics.traffic.at({"SEND", ""}).comm_size == sent);
}

TEST_CASE("control dependencies count only when asked for", "[trace][replay]") {
  ChakraFile file = samples::file("r.et");
  file.add(samples::comp(0, 1), "a");
  file.add(samples::comp(1, 1), "b", {}, {0, 77});
  const ChakraTrace trace = samples::trace({share(std::move(file))});
  CHECK(dependencies(replay(trace), 1).empty());
  ReplayOptions options;
  options.follow_ctrl_deps = true;
  CHECK(dependencies(replay(trace, options), 1) == std::vector<TaskId>{0});
}

TEST_CASE("placement moves ranks to other devices and changes nothing else", "[trace][replay]") {
  const auto file = with({samples::coll(0, ChakraCollective::all_reduce, 64)});
  ReplayOptions options;
  options.placement = {7, 3};
  const TaskGraph g = build_replay(samples::trace({file, file}), 8, options).graph;
  CHECK(g.ranks[0].device == 7);
  CHECK(g.groups.front().members == std::vector<RankId>{0, 1});
  CHECK(g.groups.front().classes.front() == std::vector<DeviceId>{7, 3});
}

TEST_CASE("a replay's notes say what was assumed", "[trace][replay]") {
  ReplayOptions options;
  options.groups = parse_comm_groups(R"({"0": [0]})", "g.json");
  const TaskGraph g = replay(
      samples::trace({with({samples::comp(0, 3), samples::work(1, 1, 1), samples::comp(2, 0)})}),
      options);
  CHECK(g.notes == std::vector<std::string>{
                       "g.json: group \"0\" is accepted; ASTRA-sim reserves it for all ranks",
                       "compute and memory nodes: 1 with recorded durations, 1 from num_ops and "
                       "tensor_size, 1 with neither at 1 ns",
                       "comm_size is read as the collective's size (microbenchmarks, STG)"});
}
