#pragma once

#include <string_view>

#include "xpusim/cost.hpp"

namespace xpusim {

/// Width of a value head: v_dim, or head_dim when it is not given.
[[nodiscard]] std::int64_t value_dim(const ComputeOp&);
/// Absorbed MLA: one shared latent that is key and value at once (v_dim < head_dim), so values cost
/// no extra reads.
[[nodiscard]] bool is_absorbed_mla(const ComputeOp&);

/// The format to try when a chip has no entry for this one; "" at the end of the chain.
[[nodiscard]] std::string_view wider_format(std::string_view format);

}  // namespace xpusim
