#include "xpusim/trace.hpp"

namespace xpusim {

std::string_view to_string(ChakraNodeType type) {
  switch (type) {
    case ChakraNodeType::invalid:
      return "INVALID";
    case ChakraNodeType::metadata:
      return "METADATA";
    case ChakraNodeType::mem_load:
      return "MEM_LOAD";
    case ChakraNodeType::mem_store:
      return "MEM_STORE";
    case ChakraNodeType::comp:
      return "COMP";
    case ChakraNodeType::comm_send:
      return "COMM_SEND";
    case ChakraNodeType::comm_recv:
      return "COMM_RECV";
    case ChakraNodeType::comm_coll:
      return "COMM_COLL";
  }
  throw InternalError("unknown ChakraNodeType");
}

std::string_view to_string(ChakraCollective collective) {
  switch (collective) {
    case ChakraCollective::none:
      return "none";
    case ChakraCollective::all_reduce:
      return "ALL_REDUCE";
    case ChakraCollective::reduce:
      return "REDUCE";
    case ChakraCollective::all_gather:
      return "ALL_GATHER";
    case ChakraCollective::gather:
      return "GATHER";
    case ChakraCollective::scatter:
      return "SCATTER";
    case ChakraCollective::broadcast:
      return "BROADCAST";
    case ChakraCollective::all_to_all:
      return "ALL_TO_ALL";
    case ChakraCollective::reduce_scatter:
      return "REDUCE_SCATTER";
    case ChakraCollective::reduce_scatter_block:
      return "REDUCE_SCATTER_BLOCK";
    case ChakraCollective::barrier:
      return "BARRIER";
    case ChakraCollective::send_recv:
      return "SEND_RECV";
  }
  throw InternalError("unknown ChakraCollective");
}

std::uint32_t ChakraFile::intern(std::string_view wanted) {
  if (wanted.empty()) return 0;
  if (interned_.empty())
    for (std::uint32_t i = 0; i < texts.size(); ++i) interned_.emplace(texts[i], i);
  if (const auto known = interned_.find(wanted); known != interned_.end()) return known->second;
  const auto index = static_cast<std::uint32_t>(texts.size());
  texts.emplace_back(wanted);
  interned_.emplace(texts.back(), index);
  return index;
}

void ChakraFile::add(ChakraNode node, std::string_view node_name,
                     const std::vector<std::uint64_t>& data,
                     const std::vector<std::uint64_t>& ctrl) {
  node.name = intern(node_name);
  node.first_data_dep = static_cast<std::uint32_t>(data_dep_ids.size());
  node.data_deps = static_cast<std::uint32_t>(data.size());
  data_dep_ids.insert(data_dep_ids.end(), data.begin(), data.end());
  node.first_ctrl_dep = static_cast<std::uint32_t>(ctrl_dep_ids.size());
  node.ctrl_deps = static_cast<std::uint32_t>(ctrl.size());
  ctrl_dep_ids.insert(ctrl_dep_ids.end(), ctrl.begin(), ctrl.end());
  nodes.push_back(node);
}

}  // namespace xpusim
