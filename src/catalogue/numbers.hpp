// The numbers of a part file: what needs a source.
#pragma once

#include <string>
#include <vector>

#include "catalogue/scope.hpp"

namespace xpusim::catalogue_detail {

struct Leaf {
  std::string pointer;
  const JsonValue* value = nullptr;
};
/// Scalars of the part's own fields in the file's order; what every file carries (name, sources,
/// ...) is left out. Lists of numbers (curve points) are one leaf each.
[[nodiscard]] std::vector<Leaf> leaves(const Document&);

struct NumberField {
  std::string pointer;
  const Provenance* source = nullptr;  ///< null: none covers it
};
/// Plain numbers and dimensioned strings. Scenarios and tables have none: they are questions, not
/// facts. The sources live as long as the returned list's owner: see `decode_info`.
class NumberList {
 public:
  explicit NumberList(const Document&);
  [[nodiscard]] const NumberField* begin() const { return fields_.data(); }
  [[nodiscard]] const NumberField* end() const { return fields_.data() + fields_.size(); }
  [[nodiscard]] std::size_t size() const { return fields_.size(); }

 private:
  std::vector<Provenance> sources_;
  std::vector<NumberField> fields_;
};
[[nodiscard]] inline NumberList number_fields(const Document& document) {
  return NumberList(document);
}

/// What every part file carries, of any kind.
[[nodiscard]] PartInfo decode_info(const Document&);

}  // namespace xpusim::catalogue_detail
