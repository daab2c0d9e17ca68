#include "engine/agenda.hpp"

#include <bit>
#include <utility>

namespace xpusim::engine {

void Agenda::set(std::uint32_t id, double date) {
  while (id >= entries_.size()) entries_.emplace_back();
  const std::uint32_t old = entries_[id].group;
  if (old != kNone && heap_[groups_[old].place].date == date) return;
  std::uint32_t& hint = recent(date);
  if (hint < groups_.size() && groups_[hint].place != kNone &&
      heap_[groups_[hint].place].date == date) {
    remove(id);
    append(id, hint);
    return;
  }
  if (old != kNone && groups_[old].first == groups_[old].last) {  // alone: its group moves
    hint = old;
    put(groups_[old].place, {date, old});
    return;
  }
  remove(id);
  if (free_groups_.empty()) {
    hint = static_cast<std::uint32_t>(groups_.size());
    groups_.emplace_back();
  } else {
    hint = free_groups_.back();
    free_groups_.pop_back();
  }
  append(id, hint);
  heap_.push_back({date, hint});
  rise(heap_.size() - 1, {date, hint});
}

void Agenda::remove(std::uint32_t id) {
  if (id >= entries_.size() || entries_[id].group == kNone) return;
  const Entry entry = std::exchange(entries_[id], {});
  Group& group = groups_[entry.group];
  (entry.previous == kNone ? group.first : entries_[entry.previous].next) = entry.next;
  (entry.next == kNone ? group.last : entries_[entry.next].previous) = entry.previous;
  if (group.first == kNone) erase(entry.group);
}

void Agenda::take_first(std::vector<std::uint32_t>& into) {
  const std::uint32_t group = heap_.front().group;
  for (std::uint32_t id = groups_[group].first; id != kNone;) {
    into.push_back(id);
    id = std::exchange(entries_[id], {}).next;
  }
  groups_[group] = {kNone, kNone, groups_[group].place};
  erase(group);
}

std::uint32_t& Agenda::recent(double date) {
  return recent_[std::bit_cast<std::uint64_t>(date) * 0x9e3779b97f4a7c15ULL >> 58U];
}

void Agenda::append(std::uint32_t id, std::uint32_t to) {
  Group& group = groups_[to];
  entries_[id] = {to, group.last, kNone};
  (group.last == kNone ? group.first : entries_[group.last].next) = id;
  group.last = id;
}

void Agenda::move_to(std::size_t place, Node node) {
  heap_[place] = node;
  groups_[node.group].place = static_cast<std::uint32_t>(place);
}

void Agenda::rise(std::size_t place, Node node) {
  while (place > 0) {
    const std::size_t parent = (place - 1) / 2;
    if (heap_[parent].date <= node.date) break;
    move_to(place, heap_[parent]);
    place = parent;
  }
  move_to(place, node);
}

void Agenda::sink(std::size_t place, Node node) {
  while (2 * place + 1 < heap_.size()) {
    std::size_t child = 2 * place + 1;
    if (child + 1 < heap_.size() && heap_[child + 1].date < heap_[child].date) ++child;
    if (heap_[child].date >= node.date) break;
    move_to(place, heap_[child]);
    place = child;
  }
  move_to(place, node);
}

void Agenda::put(std::size_t place, Node node) {
  if (place > 0 && heap_[(place - 1) / 2].date > node.date) {
    rise(place, node);
  } else {
    sink(place, node);
  }
}

void Agenda::erase(std::uint32_t group) {
  const std::uint32_t place = std::exchange(groups_[group].place, kNone);
  free_groups_.push_back(group);
  const Node last = heap_.back();
  heap_.pop_back();
  if (place < heap_.size()) put(place, last);
}

}  // namespace xpusim::engine
