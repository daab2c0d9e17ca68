// Every shape, in one explicit table: a static library would drop self-registering globals.
#include <array>

#include "topology/shape.hpp"
#include "xpusim/diagnostic.hpp"

namespace xpusim {
namespace {

constexpr std::array kShapes{
    &topology::kSingleSwitch, &topology::kClos,          &topology::kFullMesh, &topology::kTorus,
    &topology::kDragonfly,    &topology::kRailOptimised, &topology::kFatTree};

}  // namespace

const topology::Shape& topology::shape_of(PlaneShape shape) {
  for (const Shape* candidate : kShapes) {
    if (candidate->shape == shape) return *candidate;
  }
  throw InternalError("a plane has a shape that is not in the registry");
}

std::vector<PlaneShapeInfo> plane_shapes() {
  std::vector<PlaneShapeInfo> all;
  for (const topology::Shape* s : kShapes) all.push_back({s->shape, s->name, s->description});
  return all;
}

std::string_view to_string(PlaneShape shape) { return topology::shape_of(shape).name; }

}  // namespace xpusim
