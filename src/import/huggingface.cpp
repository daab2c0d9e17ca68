// Hugging Face configurations (config.json): dimensions of an architecture as `transformers` names
// them. Families differ in the names of their keys and in what a key means; a table says how.
#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "import/formats.hpp"
#include "xpusim/config.hpp"
#include "xpusim/workload.hpp"

namespace xpusim::importer {
namespace {

/// What a family's code does and its configuration does not say.
enum Trait : unsigned {
  kUngated = 1U << 0U,  ///< FFN of two matrices
  kTied = 1U << 1U,     ///< default of tie_word_embeddings
  kBias = 1U << 2U,     ///< all linear layers have one
  kQkvBias = 1U << 3U,
  kQkNorm = 1U << 4U,
  kLayerNorm = 1U << 5U,
  kWideExpert = 1U << 6U,  ///< intermediate_size is the width of an expert
  kPositions = 1U << 7U    ///< learned
};
struct Family {
  std::string_view type;  ///< model_type
  unsigned traits = 0;
  int window_every = 0;  ///< a full layer after so many windowed, without a list; 1 = no full; 0 =
                         ///< none has a window
  int norms = 2;
  int ffn_ratio = 0;  ///< width of the FFN over the hidden size, where no key gives it
  [[nodiscard]] bool has(Trait trait) const { return (traits & trait) != 0; }
};
constexpr std::array kFamilies{
    Family{"llama"},
    Family{"mistral", 0, 1},
    Family{"mixtral", kWideExpert, 1},
    Family{"qwen2", kQkvBias},
    Family{"qwen2_moe", kQkvBias},
    Family{"qwen3", kQkNorm},
    Family{"qwen3_moe", kQkNorm},
    Family{"qwen3_next", kQkNorm},
    Family{"qwen3_5", kQkNorm},
    Family{"qwen3_5_text", kQkNorm},
    Family{"qwen3_5_moe", kQkNorm},
    Family{"qwen3_5_moe_text", kQkNorm},
    Family{"deepseek_v2"},
    Family{"deepseek_v3"},
    Family{"kimi_k2"},
    Family{"gpt_oss", kBias | kWideExpert, 2},
    Family{"gpt2", kUngated | kTied | kBias | kLayerNorm | kPositions, 0, 2, 4},
    Family{"gpt_neox", kUngated | kBias | kLayerNorm},
    Family{"mpt", kUngated | kTied | kPositions, 0, 2, 4},
    Family{"nemotron", kUngated | kLayerNorm},
    Family{"nemotron_h", kUngated},
    Family{"glm4_moe"},
    Family{"minimax", kWideExpert},
    Family{"minimax_text_01", kWideExpert},
    Family{"minimax_m1", kWideExpert},
    Family{"minimax_m2", kWideExpert | kQkNorm},
    Family{"phi3", 0, 1},
    Family{"gemma2", kTied, 2, 4},
    Family{"gemma3", kTied | kQkNorm, 6, 4},
    Family{"gemma3_text", kTied | kQkNorm, 6, 4},
    Family{"ernie4_5_moe", kTied},
    Family{"hunyuan"},
    Family{"hunyuan_v1_moe", kQkNorm},
    Family{"step3"},
    Family{"step3_text"},
    Family{"step3_vl"},
    Family{"olmo2", kQkNorm},
    Family{"falcon", kUngated | kTied | kLayerNorm, 0, 2, 4},
    Family{"chatglm"},
    Family{"llama4_text", kWideExpert},
};

using Names = std::vector<std::string_view>;

/// Keys that say nothing about dimensions; a key that ends or begins so, or holds it.
constexpr std::array kWithoutEffect{"_token_id",
                                    "rope",
                                    "rotary",
                                    "dropout",
                                    "drop",
                                    "initializer",
                                    "init_",
                                    "dtype",
                                    "version",
                                    "use_cache",
                                    "_eps",
                                    "epsilon",
                                    "_act",
                                    "activation",
                                    "aux_loss",
                                    "scaling",
                                    "quantization",
                                    "auto_map",
                                    "pretraining_tp",
                                    "norm_topk",
                                    "scoring",
                                    "topk_method",
                                    "n_group",
                                    "topk_group",
                                    "position",
                                    "_name_or_path",
                                    "architectures",
                                    "model_type",
                                    "id2label",
                                    "label2id",
                                    "gradient_checkpointing",
                                    "router_",
                                    "seq_",
                                    "is_",
                                    "softcapping",
                                    "use_bfloat16",
                                    "time_step",
                                    "task_specific",
                                    "summary_",
                                    "return_",
                                    "output_",
                                    "transformers",
                                    "vision_config",
                                    "audio_config",
                                    "image_",
                                    "video_"};

/// "8.191 B" parameters
std::string billions(double count) { return fmt::format("{:.4g} B", count / 1e9); }

class ConfigReader {
 public:
  explicit ConfigReader(Import& import) : import_(import) {}

  void read() {
    Diagnostics diagnostics;
    root_ = parse_json(import_.file, diagnostics);
    if (diagnostics.has_errors()) throw InputError(std::move(diagnostics));
    if (!root_ || root_->type != JsonType::object) {
      refuse("json-shape", "a configuration is one JSON object", {import_.file, 0, 0},
             "import takes the config.json of a Hugging Face model");
    }
    text_ = &*root_;
    for (const std::string_view inner : {"text_config", "llm_config", "language_config"}) {
      if (const JsonValue* v = root_->find(inner); v && v->type == JsonType::object) {
        text_ = v;
        inner_ = inner;
        import_.note(fmt::format("'{}' alone is read: towers for other modalities are not", inner));
        break;
      }
    }
    name_the_part();
    choose_family();
    Part part("model", import_.name, title());
    part_ = &part;
    part["description"] = fmt::format("Imported from {}.", file_name(import_.file));
    dimensions();
    mixers();
    feed_forward();
    flags();
    expected();
    said_elsewhere();
    finish(part);
  }

 private:
  // ------------------------------------------------------------ reading

  const JsonValue* find(const Names& names, std::string_view* found = nullptr) {
    for (const JsonValue* object : {text_, static_cast<const JsonValue*>(&*root_)}) {
      for (const std::string_view name : names) {
        const JsonValue* v = object->find(name);
        if (!v) continue;
        used_.insert(std::string(name));
        if (v->type == JsonType::null) continue;
        if (found) *found = name;
        return v;
      }
    }
    return nullptr;
  }

  [[noreturn]] void missing(const Names& names) {
    refuse("missing-key",
           fmt::format("the configuration has no '{}'{}", names.front(),
                       inner_.empty() ? "" : fmt::format(" in '{}'", inner_)),
           {import_.file, text_->span.offset, 1},
           names.size() == 1 ? ""
                             : fmt::format("it is also called {}",
                                           fmt::join(names.begin() + 1, names.end(), ", ")));
  }

  int number_of(const JsonValue& v, std::string_view name, std::int64_t least,
                std::int64_t most = 10'000'000) {
    if (v.type != JsonType::number)
      refuse("not-a-number", fmt::format("'{}' is no number", name), v.span,
             "write a whole number");
    return static_cast<int>(whole_number(v.text, v.span, fmt::format("'{}'", name), least, most));
  }

  /// The value; of a list (HunYuan gives one per layer) the one that all layers share.
  std::optional<int> integer(const Names& names, std::int64_t least,
                             std::int64_t most = 10'000'000) {
    const JsonValue* v = find(names, &key_);
    if (!v) return std::nullopt;
    if (v->type != JsonType::array) return number_of(*v, key_, least, most);
    if (v->items.empty())
      refuse("uneven-layers", fmt::format("'{}' is an empty list", key_), v->span);
    const int first = number_of(v->items.front(), key_, least, most);
    for (const JsonValue& item : v->items) {
      if (number_of(item, key_, least, most) == first) continue;
      refuse("uneven-layers", fmt::format("'{}' differs from layer to layer", key_), item.span,
             "a model part has one value for all layers");
    }
    return first;
  }
  int required(const Names& names, std::int64_t least = 1, std::int64_t most = 10'000'000) {
    const auto value = integer(names, least, most);
    if (!value) missing(names);
    return *value;
  }

  std::optional<bool> flag(const Names& names) {
    const JsonValue* v = find(names, &key_);
    if (!v) return std::nullopt;
    if (v->type != JsonType::boolean)
      refuse("wrong-type", fmt::format("'{}' is neither true nor false", key_), v->span);
    return v->boolean;
  }

  std::optional<std::string> word(const Names& names) {
    const JsonValue* v = find(names, &key_);
    if (!v) return std::nullopt;
    if (v->type != JsonType::string)
      refuse("wrong-type", fmt::format("'{}' is no text", key_), v->span);
    return v->text;
  }

  const JsonValue* list(const Names& names) {
    const JsonValue* v = find(names, &key_);
    return v && v->type == JsonType::array ? v : nullptr;
  }

  // ------------------------------------------------------------ writing

  void put(const char* field, const Json& value, const std::string& derivation) {
    (*part_)[field] = value;
    part_->source(std::string("/") + field, import_.origin(derivation));
  }
  void put_key(const char* field, int value, std::string_view key) {
    put(field, value, fmt::format("key '{}'", key));
  }

  // ------------------------------------------------------------ what it is

  void name_the_part() {
    import_.result.system.clear();
    if (import_.options.name.empty() && import_.name == "config") {
      const JsonValue* path = root_->find("_name_or_path");
      std::string from = path && path->type == JsonType::string ? path->text : "";
      if (from.empty()) {
        from = import_.file->name;
        const std::size_t slash = from.find_last_of('/');
        from.erase(slash == std::string::npos ? 0 : slash);
      }
      while (!from.empty() && from.back() == '/') from.pop_back();
      if (const std::string name = part_name(from + "."); name != "imported") import_.name = name;
    }
    import_.result.model = import_.name;
  }

  std::string title() {
    const JsonValue* architectures = root_->find("architectures");
    const bool named = architectures && architectures->type == JsonType::array &&
                       !architectures->items.empty() &&
                       architectures->items.front().type == JsonType::string;
    return named ? architectures->items.front().text
                 : fmt::format("Model of type {}", type_.empty() ? "unknown" : type_);
  }

  void choose_family() {
    type_ = word({"model_type"}).value_or("");
    for (const Family& f : kFamilies) {
      if (f.type == type_) {
        family_ = f;
        return;
      }
    }
    std::vector<std::string> known;
    for (const Family& f : kFamilies) known.emplace_back(f.type);
    const std::string_view near = nearest_word(type_, known);
    if (const auto act = word({"hidden_act", "mlp_hidden_act", "activation_function"});
        act && (*act == "relu" || *act == "relu2" || *act == "gelu" || *act == "gelu_new")) {
      family_.traits |= kUngated;
    }
    family_.window_every = 1;
    import_.note(fmt::format(
        "{} is not known{}; assumed: RMSNorm, {} FFN, no biases and no norm of queries and keys "
        "but "
        "those that keys name, two norms per layer",
        type_.empty() ? "a model without 'model_type'" : fmt::format("model_type '{}'", type_),
        near.empty() ? "" : fmt::format(" (did you mean '{}'?)", near),
        family_.has(kUngated) ? "an ungated" : "a gated"));
  }

  // ------------------------------------------------------------ parts of the architecture

  void dimensions() {
    blocks_ = pattern();
    const Names layer_names{"num_hidden_layers", "n_layer", "n_layers", "num_layers"};
    if (blocks_.empty()) {
      layers_ = required(layer_names, 1, 10'000);
      put_key("layers", layers_, key_);
    } else {
      layers_ = static_cast<int>(blocks_.size());
      const auto given = integer(layer_names, 1, 10'000);
      if (given && *given != layers_) {
        refuse("uneven-layers",
               fmt::format("the pattern has {} blocks and '{}' is {}", layers_, key_, *given),
               find({key_})->span, "one of them is wrong");
      }
      put("layers", layers_, "blocks of the pattern");
    }
    hidden_ = required({"hidden_size", "n_embd", "d_model"});
    put_key("hidden", hidden_, key_);
    heads_ = required({"num_attention_heads", "n_head", "n_heads", "num_heads"}, 1, 100'000);
    put_key("heads", heads_, key_);
    latent_attention();
    if (!mla_) {
      kv_heads();
      head_dim();
    }
    put_key("vocabulary", required({"vocab_size", "padded_vocab_size"}), key_);
  }

  void kv_heads() {
    if (type_ == "falcon" && !flag({"new_decoder_architecture"}).value_or(false)) {
      if (flag({"multi_query"}).value_or(true)) {
        put("kv_heads", 1, "key 'multi_query'");
        kv_ = 1;
        return;
      }
    }
    std::optional<int> given = integer({"num_key_value_heads", "num_kv_heads", "n_head_kv",
                                        "multi_query_group_num", "num_attention_groups"},
                                       1, 100'000);
    if (!given) {
      if (const JsonValue* inner = find({"attn_config"})) {
        if (const JsonValue* v = inner->find("kv_n_heads"); v && v->type != JsonType::null) {
          key_ = "attn_config.kv_n_heads";
          given = number_of(*v, key_, 1, 100'000);
        }
      }
    }
    kv_ = given.value_or(heads_);
    put("kv_heads", kv_,
        given ? fmt::format("key '{}'", key_) : "as many as query heads: no key for fewer");
  }

  void head_dim() {
    if (const auto given = integer({"head_dim", "kv_channels", "attention_head_dim"}, 1)) {
      head_dim_ = *given;
      put_key("head_dim", head_dim_, key_);
      return;
    }
    head_dim_ = std::max(hidden_ / heads_, 1);
    put("head_dim", head_dim_, "hidden size / heads");
    if (hidden_ % heads_ != 0) {
      import_.note(fmt::format("{} heads do not divide a hidden size of {}: head_dim {}", heads_,
                               hidden_, head_dim_));
    }
  }

  void latent_attention() {
    const auto rank = integer({"kv_lora_rank", "attention_kv_lora_dim"}, 0);
    if (!rank || *rank == 0) return;
    mla_ = true;
    kv_ = heads_;
    const int query = integer({"q_lora_rank", "attention_q_lora_dim"}, 0).value_or(0);
    const int nope = required({"qk_nope_head_dim", "attention_qk_dim"});
    const int rope = required({"qk_rope_head_dim", "attention_qk_rope_dim"}, 0);
    const int value = required({"v_head_dim", "attention_v_dim"});
    (void)integer({"num_key_value_heads"}, 1);
    (void)integer({"qk_head_dim", "head_dim"}, 1);
    head_dim_ = nope + rope;
    put("kv_heads", kv_, "latent attention expands to every head");
    put("head_dim", head_dim_, "qk_nope_head_dim + qk_rope_head_dim");
    put("mla",
        {{"q_rank", query},
         {"kv_rank", *rank},
         {"nope_dim", nope},
         {"rope_dim", rope},
         {"v_dim", value}},
        "q_lora_rank, kv_lora_rank, qk_nope_head_dim, qk_rope_head_dim, v_head_dim");
  }

  /// Hybrids with one block per layer: "MEM*" or a list of words; "" = another architecture.
  std::string pattern() {
    std::string blocks;
    if (const JsonValue* v = find({"hybrid_override_pattern"}, &key_)) {
      if (v->type != JsonType::string || v->text.empty())
        refuse("wrong-type", "'hybrid_override_pattern' is no pattern", v->span,
               "M Mamba-2, * attention, E experts, - FFN");
      for (const char c : v->text) {
        const char block = c == '*' ? 'A' : c;
        if (std::string_view("MAE-").find(block) == std::string_view::npos) {
          refuse("unknown-block", fmt::format("'hybrid_override_pattern' has a '{}'", c), v->span,
                 "M Mamba-2, * attention, E experts, - FFN");
        }
        blocks += block;
      }
    } else if (const JsonValue* words = list({"layers_block_type"});
               words && type_ == "nemotron_h") {
      for (const JsonValue& item : words->items) {
        const std::string_view w = item.text;
        const char block = w == "mamba"       ? 'M'
                           : w == "attention" ? 'A'
                           : w == "moe"       ? 'E'
                           : w == "mlp"       ? '-'
                                              : '?';
        if (item.type != JsonType::string || block == '?')
          refuse("unknown-block", "'layers_block_type' has an unknown entry", item.span,
                 "mamba, attention, moe or mlp");
        blocks += block;
      }
    } else if (type_ == "nemotron_h") {
      missing({"hybrid_override_pattern", "layers_block_type"});
    }
    if (blocks.size() > 10'000) refuse("out-of-range", "the pattern has over 10000 blocks");
    return blocks;
  }

  /// n where `special` holds in the n-th, 2n-th, ... layer from `first` on and nowhere else.
  static std::optional<int> interval(const std::vector<bool>& special, std::size_t first = 0) {
    const auto begin = special.begin() + static_cast<std::ptrdiff_t>(first);
    const auto hit = std::find(begin, special.end(), true);
    if (hit == special.end()) return std::nullopt;
    const auto n = static_cast<std::size_t>(hit - begin) + 1;
    for (std::size_t i = first; i < special.size(); ++i)
      if (special[i] != ((i - first + 1) % n == 0)) return std::nullopt;
    return static_cast<int>(n);
  }

  /// As interval; layers that follow no rule get the one with as many special layers, and a note.
  int interval_or_note(const std::vector<bool>& special, const std::string& what) {
    if (const auto n = interval(special)) return *n;
    const auto count = std::count(special.begin(), special.end(), true);
    const int n =
        static_cast<int>(std::lround(static_cast<double>(special.size()) /
                                     static_cast<double>(std::max<std::ptrdiff_t>(count, 1))));
    import_.note(fmt::format("{} of {} layers have {}, at no fixed distance: every {}th is taken",
                             count, special.size(), what, n));
    return std::max(n, 1);
  }

  /// Which layers have full softmax attention, where a list says so.
  struct LayerKinds {
    std::vector<bool> full;
    bool windowed = false, linear = false;
  };
  LayerKinds layer_kinds() {
    LayerKinds kinds;
    const JsonValue* v = list({"layer_types", "attn_type_list", "decoder_attention_types"});
    if (!v) return kinds;
    if (v->items.size() != static_cast<std::size_t>(layers_)) {
      refuse("uneven-layers",
             fmt::format("'{}' has {} entries for {} layers", key_, v->items.size(), layers_),
             v->span, "write one per layer");
    }
    for (const JsonValue& item : v->items) {
      const bool is_number = item.type == JsonType::number;
      const bool linear = is_number ? item.text == "0" : item.text == "linear_attention";
      const bool window =
          !is_number && (item.text == "sliding_attention" || item.text == "chunked_attention");
      const bool full = is_number ? item.text == "1" : item.text == "full_attention";
      if (!linear && !window && !full) {
        refuse("unknown-layer-type", fmt::format("'{}' has an unknown entry '{}'", key_, item.text),
               item.span, "full_attention, sliding_attention, linear_attention; or 1 and 0");
      }
      kinds.full.push_back(full);
      kinds.windowed = kinds.windowed || window;
      kinds.linear = kinds.linear || linear;
    }
    return kinds;
  }

  void mixers() {
    if (!blocks_.empty()) {
      put("blocks", blocks_, "the pattern; * is A here");
      if (blocks_.find('M') != std::string::npos) mamba();
      return;
    }
    const LayerKinds kinds = layer_kinds();
    linear_attention(kinds);
    if (kinds.linear && kinds.windowed)
      import_.note("windowed layers beside linear ones are read as full attention");
    if (!kinds.linear && !linear_) window(kinds);
  }

  void mamba() {
    Json m;
    m["heads"] = required({"mamba_num_heads"}, 1, 100'000);
    m["head_dim"] = required({"mamba_head_dim"}, 1, 100'000);
    m["state"] = required({"ssm_state_size", "mamba_d_state"}, 1, 100'000);
    m["groups"] = integer({"n_groups", "mamba_n_groups"}, 1, 100'000).value_or(1);
    m["convolution"] = integer({"conv_kernel", "mamba_d_conv"}, 1, 1000).value_or(4);
    put("mamba", m, "mamba_num_heads, mamba_head_dim, ssm_state_size, n_groups, conv_kernel");
  }

  void linear_attention(const LayerKinds& kinds) {
    const auto key_heads = integer({"linear_num_key_heads"}, 1, 100'000);
    if (!key_heads && !kinds.linear) return;
    linear_ = true;
    Json l;
    if (key_heads) {
      l["key_heads"] = *key_heads;
      l["value_heads"] = required({"linear_num_value_heads"}, 1, 100'000);
      l["key_dim"] = required({"linear_key_head_dim"}, 1, 100'000);
      l["value_dim"] = required({"linear_value_head_dim"}, 1, 100'000);
      l["convolution"] = integer({"linear_conv_kernel_dim"}, 1, 1000).value_or(4);
    } else {  // lightning attention: as many heads for keys and values as for queries
      l["key_heads"] = l["value_heads"] = heads_;
      l["key_dim"] = l["value_dim"] = head_dim_;
      l["convolution"] = 0;
    }
    const auto given = integer({"full_attention_interval"}, 1, 10'000);
    int every = given.value_or(0);
    int full = every > 0 ? layers_ / every : 0;
    if (!kinds.full.empty()) {
      const auto count = std::count(kinds.full.begin(), kinds.full.end(), true);
      every = count == 0 ? 0 : interval_or_note(kinds.full, "full attention");
      full = static_cast<int>(count);
    } else if (!given) {
      missing({"full_attention_interval", "layer_types"});
    }
    l["every"] = every;
    put("linear_attention", l,
        key_heads ? "linear_num_key_heads, linear_num_value_heads, linear_key_head_dim, "
                    "linear_value_head_dim, linear_conv_kernel_dim and which layers are full"
                  : "lightning attention: the heads of softmax attention, which layers are full");
    if (key_heads && flag({"attn_output_gate"}).value_or(true) && full > 0) {
      import_.note(fmt::format(
          "the output gate of full attention has no field: {} of weights are not counted",
          billions(static_cast<double>(full) * hidden_ * heads_ * head_dim_)));
    }
  }

  void window(const LayerKinds& kinds) {
    if (flag({"use_sliding_window"}).has_value() && !root_flag("use_sliding_window")) {
      (void)find({"sliding_window", "sliding_window_size", "max_window_layers"});
      return;
    }
    const auto size = integer({"sliding_window", "sliding_window_size", "attention_chunk_size"}, 0);
    const std::string key(key_);
    if (!size || *size == 0) {
      if (kinds.windowed)
        missing({"sliding_window", "sliding_window_size", "attention_chunk_size"});
      return;
    }
    int every = integer({"sliding_window_pattern", "_sliding_window_pattern"}, 1, 10'000)
                    .value_or(family_.window_every);
    if (!kinds.full.empty()) {
      if (!kinds.windowed) return;
      const bool all = std::find(kinds.full.begin(), kinds.full.end(), true) == kinds.full.end();
      every = all ? 1 : interval_or_note(kinds.full, "full attention");
    }
    if (every == 0) {
      import_.note(
          fmt::format("'{}' is {}, and nothing says which layers have it: none", key, *size));
      return;
    }
    put("window", *size, fmt::format("key '{}'", key));
    put("window_every", every,
        kinds.full.empty() ? "as the family's code has it" : "the list of layer types");
  }
  bool root_flag(std::string_view name) {
    const JsonValue* v = find({name});
    return v && v->boolean;
  }

  // ------------------------------------------------------------ feed-forward

  void feed_forward() {
    const auto experts = integer({"n_routed_experts", "num_experts", "num_local_experts",
                                  "moe_num_experts", "num_routed_experts"},
                                 0, 100'000);
    const bool blocks_have_none = !blocks_.empty() && blocks_.find('E') == std::string::npos;
    const bool moe = experts.value_or(0) > 1 && !blocks_have_none;
    if (!moe && blocks_.find('E') != std::string::npos)
      missing({"n_routed_experts", "num_experts", "num_local_experts"});
    const std::string expert_key(key_);
    std::vector<bool> layers(static_cast<std::size_t>(layers_), moe);
    if (moe) mixture(*experts, expert_key, layers);
    const bool dense = blocks_.empty()
                           ? std::find(layers.begin(), layers.end(), false) != layers.end()
                           : blocks_.find('-') != std::string::npos;
    dense_ffn(dense, moe);
  }

  void dense_ffn(bool dense, bool moe) {
    const Names names = moe && family_.has(kWideExpert)
                            ? Names{"intermediate_size_mlp"}
                            : Names{"intermediate_size", "n_inner", "ffn_hidden_size", "ffn_dim",
                                    "dense_intermediate_size"};
    const auto width = integer(names, 0);
    const std::string key(key_);
    if (!dense) {
      put("ffn", 0, "no layer has a dense FFN");
      return;
    }
    if (width && *width > 0) {
      put_key("ffn", *width, key);
      return;
    }
    if (const auto ratio = expansion()) {
      put("ffn", *ratio, "expansion ratio x hidden size");
    } else if (family_.ffn_ratio > 0) {
      put("ffn", family_.ffn_ratio * hidden_,
          fmt::format("{} x hidden size, the family's default", family_.ffn_ratio));
    } else {
      missing(names);
    }
  }

  /// MPT: expansion_ratio, or in ffn_config.
  std::optional<int> expansion() {
    const JsonValue* v = find({"expansion_ratio"});
    if (const JsonValue* inner = v ? nullptr : find({"ffn_config"}))
      v = inner->find("ffn_hidden_size") ? nullptr : inner->find("expansion_ratio");
    if (!v) return std::nullopt;
    if (v->type != JsonType::number)
      refuse("not-a-number", "'expansion_ratio' is no number", v->span);
    const double ratio = number(v->text, v->span, "'expansion_ratio'", {0, 100, false});
    return std::max(1, static_cast<int>(std::lround(ratio * hidden_)));
  }

  void mixture(int experts, const std::string& expert_key, std::vector<bool>& layers) {
    Json m;
    m["experts"] = experts;
    m["top_k"] = required({"num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_top_k",
                           "moe_k", "experts_per_token", "top_k_experts"},
                          1, experts);
    const std::string top_key(key_);
    const int width =
        family_.has(kWideExpert)
            ? required({"intermediate_size", "moe_intermediate_size"})
            : required({"moe_intermediate_size", "expert_intermediate_size", "intermediate_size"});
    const std::string width_key(key_);
    if (!family_.has(kWideExpert) && width_key == "intermediate_size")
      import_.note("no key for the width of an expert: 'intermediate_size' is taken");
    auto shared = integer(
        {"n_shared_experts", "num_shared_expert", "num_shared_experts", "moe_num_shared_experts"},
        0, 100);
    const auto shared_width =
        integer({"shared_expert_intermediate_size", "moe_shared_expert_intermediate_size",
                 "share_expert_dim", "share_expert_dims", "shared_intermediate_size"},
                0);
    if (shared_width && shared.value_or(1) > 0) shared = *shared_width > 0 ? 1 : 0;
    if (type_ == "llama4_text") shared = 1;
    m["shared"] = shared.value_or(0);
    m["ffn"] = width;
    std::string keys = fmt::format("{}, {}, {}", expert_key, top_key, width_key);
    if (shared.value_or(0) > 0 && shared_width && *shared_width != width)
      m["shared_ffn"] = *shared_width;
    if (const auto latent = integer({"moe_latent_size"}, 0); latent && *latent > 0) {
      m["latent"] = *latent;
      keys += ", moe_latent_size";
    }
    const auto groups = integer({"n_group"}, 0), used = integer({"topk_group"}, 0);
    if (groups && used && *used > 0 && *used < *groups) {
      m["groups"] = *groups;
      m["top_groups"] = *used;
      keys += ", n_group, topk_group";
    }
    if (blocks_.empty()) place(m, layers);
    put("moe", m, keys + ", shared experts and which layers have experts");
  }

  void clear_below(std::vector<bool>& layers, int first) {
    for (std::size_t i = 0; i < layers.size() && i < static_cast<std::size_t>(first); ++i)
      layers[i] = false;
  }

  /// A list of layer numbers, or text "4,5,6".
  std::optional<std::vector<int>> numbers_of(const Names& names) {
    const JsonValue* v = find(names, &key_);
    if (!v) return std::nullopt;
    std::vector<int> all;
    if (v->type == JsonType::array) {
      for (const JsonValue& item : v->items) all.push_back(number_of(item, key_, 0, 10'000));
    } else if (v->type == JsonType::string) {
      std::string_view rest = v->text;
      while (!rest.empty()) {
        const std::size_t comma = std::min(rest.find(','), rest.size());
        all.push_back(static_cast<int>(
            whole_number(rest.substr(0, comma), v->span, fmt::format("'{}'", key_), 0, 10'000)));
        rest.remove_prefix(std::min(comma + 1, rest.size()));
      }
    } else {
      return std::nullopt;
    }
    return all;
  }

  /// Which layers have experts, from every rule that a configuration can give.
  void place(Json& m, std::vector<bool>& layers) {
    if (const auto first = integer(
            {"first_k_dense_replace", "num_dense_layers", "moe_layer_start_index"}, 0, 10'000))
      clear_below(layers, *first);
    if (const auto last = integer({"moe_layer_end_index"}, -1, 10'000); last && *last >= 0) {
      for (std::size_t i = static_cast<std::size_t>(*last) + 1; i < layers.size(); ++i)
        layers[i] = false;
    }
    if (const auto step = integer({"decoder_sparse_step", "moe_layer_interval",
                                   "interleave_moe_layer_step", "moe_every_n_layer"},
                                  0, 10'000);
        step && *step > 1) {
      for (std::size_t i = 0; i < layers.size(); ++i)
        if ((i + 1) % static_cast<std::size_t>(*step) != 0) layers[i] = false;
    }
    if (const JsonValue* v = find({"moe_layer_freq"}, &key_)) {
      if (v->type == JsonType::number) {
        const int step = number_of(*v, key_, 1, 10'000);
        for (std::size_t i = 0; i < layers.size(); ++i)
          if (i % static_cast<std::size_t>(step) != 0) layers[i] = false;
      } else if (v->type == JsonType::array && v->items.size() == layers.size()) {
        for (std::size_t i = 0; i < layers.size(); ++i)
          if (number_of(v->items[i], key_, 0, 1) == 0) layers[i] = false;
      } else {
        refuse("uneven-layers", "'moe_layer_freq' is neither a number nor one entry per layer",
               v->span);
      }
    }
    if (const auto dense = numbers_of({"mlp_only_layers"})) {
      for (const int i : *dense)
        if (i < layers_) layers[static_cast<std::size_t>(i)] = false;
    }
    if (const auto with = numbers_of({"moe_layers_enum", "moe_layers"}); with && !with->empty()) {
      const std::vector<bool> before = layers;
      layers.assign(layers.size(), false);
      for (const int i : *with)
        if (i < layers_) layers[static_cast<std::size_t>(i)] = before[static_cast<std::size_t>(i)];
    }
    state_rule(m, layers);
  }

  void state_rule(Json& m, std::vector<bool>& layers) {
    const auto first_at = std::find(layers.begin(), layers.end(), true);
    if (first_at == layers.end())
      refuse("no-experts", "no layer is left for the experts",
             {import_.file, text_->span.offset, 1},
             "check the keys that say which layers are dense");
    const auto first = static_cast<std::size_t>(first_at - layers.begin());
    for (int every = 1; every <= static_cast<int>(first) + 1; ++every) {
      const std::size_t dense = first + 1 - static_cast<std::size_t>(every);
      if (interval(layers, dense) != every) continue;
      m["dense_layers"] = dense;
      if (every > 1) m["every"] = every;
      return;
    }
    const auto odd = std::count(first_at, layers.end(), false);
    import_.note(fmt::format(
        "{} layers after the first with experts are dense: they are taken to have experts", odd));
    m["dense_layers"] = first;
    std::fill(first_at, layers.end(), true);
  }

  // ------------------------------------------------------------ the rest

  void flags() {
    (*part_)["gated"] = !family_.has(kUngated);
    if (const JsonValue* limit = find({"swiglu_limit"}, &key_); limit && !limit->text.empty())
      put("activation_limit", number(limit->text, limit->span, "'swiglu_limit'", {0, 1e6, false}),
          "key 'swiglu_limit'");
    if (flag({"tie_word_embeddings"}).value_or(family_.has(kTied)))
      (*part_)["tied_embedding"] = true;
    bool bias = family_.has(kBias);
    if (const auto given = flag({"use_bias", "bias", "mlp_bias"})) bias = *given;
    if (type_ == "mpt") bias = !flag({"no_bias"}).value_or(true);
    if (type_ == "chatglm") bias = flag({"add_bias_linear"}).value_or(false);
    if (bias) (*part_)["bias"] = true;
    bool qkv = family_.has(kQkvBias);
    if (const auto given = flag({"attention_bias", "qkv_bias", "use_qkv_bias", "add_qkv_bias"}))
      qkv = *given;
    if (qkv && !bias) (*part_)["qkv_bias"] = true;
    bool norm = family_.has(kQkNorm);
    if (const auto given = flag({"use_qk_norm", "qk_layernorm"})) norm = *given;
    if (norm && !mla_) (*part_)["qk_norm"] = true;
    bool layer_norm = family_.has(kLayerNorm);
    if (type_ == "mpt") layer_norm = bias;
    if (layer_norm) (*part_)["layer_norm"] = true;
    norms();
    positions();
    const auto mtp = integer(
        {"num_nextn_predict_layers", "num_mtp_modules", "mtp_num_hidden_layers", "num_mtp_layers"},
        0, 100);
    if (mtp && *mtp > 0) put_key("mtp_layers", *mtp, key_);
  }

  void norms() {
    int norms = family_.norms;
    if (flag({"sandwich_norm"}).value_or(false)) norms = 4;
    if (type_ == "falcon" && flag({"parallel_attn"}).value_or(true) &&
        !flag({"new_decoder_architecture"}).value_or(false))
      norms = 1;
    if (norms != 2) put("norms_per_layer", norms, "as the family's code has it");
  }

  void positions() {
    if (!family_.has(kPositions)) return;
    if (type_ == "mpt") {
      const JsonValue* attention = find({"attn_config"});
      const auto on = [&](const char* key) {
        const JsonValue* v = attention ? attention->find(key) : nullptr;
        return v && v->type == JsonType::boolean && v->boolean;
      };
      if (on("alibi") || on("rope") || !flag({"learned_pos_emb"}).value_or(true)) return;
    }
    put_key("learned_positions", required({"n_positions", "n_ctx", "max_seq_len"}), key_);
  }

  void expected() {
    expected_ = import_.options.parameters;
    if (expected_ > 0) {
      put("published_parameters", static_cast<std::int64_t>(std::llround(expected_)),
          "--parameters");
      return;
    }
    const JsonValue* v = find({"num_parameters", "n_parameters", "total_params"}, &key_);
    if (!v || v->type != JsonType::number) return;
    expected_ = number(v->text, v->span, fmt::format("'{}'", key_), {1, 1e16});
    put("published_parameters", static_cast<std::int64_t>(std::llround(expected_)),
        fmt::format("key '{}'", key_));
  }

  /// Known keys that change the count and have no field.
  void said_elsewhere() {
    if (const auto low = integer({"share_q_dim"}, 0); low && *low > 0) {
      const double full = static_cast<double>(hidden_) * heads_ * head_dim_;
      const double two =
          static_cast<double>(*low) * (hidden_ + static_cast<double>(heads_) * head_dim_);
      import_.note(fmt::format(
          "queries of rank 'share_q_dim' {} have no field: they count in full, {} too many", *low,
          billions(layers_ * (full - two))));
    }
    if (flag({"use_cla"}).value_or(false))
      import_.note(
          "cross-layer attention ('use_cla') has no field: every layer has its own K and V");
    for (const std::string_view key : {"index_topk", "index_n_heads"}) {
      if (find({key}))
        import_.note(fmt::format("sparse attention ('{}') has no field: attention is dense", key));
    }
  }

  void finish(const Part& part) {
    import_.add(part);
    Catalogue catalogue;
    const ImportedPart& file = import_.result.parts.back();
    catalogue.add_text(file.file, file.text);
    const auto& model = catalogue.load<ModelSpec>(import_.name);
    const ModelParameters count = model_parameters(model);
    std::string summary = fmt::format(
        "Hugging Face configuration ({}): {} layers of width {}, {} parameters",
        type_.empty() ? "no model_type" : type_, layers_, hidden_, billions(count.total));
    if (count.active < count.total) summary += fmt::format(", {} active", billions(count.active));
    if (count.mtp > 0) summary += fmt::format(", {} more in MTP modules", billions(count.mtp));
    import_.result.summary = summary;
    if (expected_ > 0) {
      const double off = count.total / expected_ - 1;
      import_.note(fmt::format(
          "{} parameters expected: the count is {:+.2f} % off{}", billions(expected_), 100 * off,
          std::abs(off) > 0.02 ? "; some of the architecture is not in it" : ""));
    }
    report_unused(*text_);
  }

  void report_unused(const JsonValue& object) {
    for (const JsonMember& m : object.members) {
      if (used_.contains(m.key) || m.value.type == JsonType::null) continue;
      const bool silent =
          std::any_of(kWithoutEffect.begin(), kWithoutEffect.end(),
                      [&](const char* w) { return m.key.find(w) != std::string::npos; });
      if (!silent && m.value.type != JsonType::object) import_.ignore(m.key);
    }
  }

  Import& import_;
  std::optional<JsonValue> root_;
  const JsonValue* text_ = nullptr;
  std::string inner_, type_, blocks_;
  Family family_;
  Part* part_ = nullptr;
  std::set<std::string> used_;
  std::string_view key_;  ///< the key that the last value came from
  int layers_ = 0, hidden_ = 0, heads_ = 0, kv_ = 0, head_dim_ = 0;
  bool mla_ = false, linear_ = false;
  double expected_ = 0;
};

}  // namespace

void import_huggingface(Import& import) { ConfigReader(import).read(); }

bool looks_like_huggingface(std::string_view text) {
  return text.find("\"model_type\"") != std::string_view::npos ||
         text.find("\"architectures\"") != std::string_view::npos ||
         text.find("\"hidden_size\"") != std::string_view::npos;
}

}  // namespace xpusim::importer
