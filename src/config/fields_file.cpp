// What every file carries: its kind and name, and where its numbers come from.
#include <fmt/format.h>

#include "config/spec_tables.hpp"

namespace xpusim::config {

const StructInfo& StructTable<SourceEntry>::info() {
  static constexpr Field fields[] = {
      field<&SourceEntry::document>("document", "Document, and where in it, that gives the value.")
          .required(),
      field<&SourceEntry::confidence>("confidence", "What kind of document it is.").required(),
      field<&SourceEntry::derivation>(
          "derivation", "How the value follows from the document; required for an estimate."),
  };
  static constexpr StructInfo info{"source", "Where the values under one JSON pointer come from.",
                                   fields};
  return info;
}

void StructTable<SourceEntry>::check(Decoder& d, const JsonValue& v, const std::string& path,
                                     const SourceEntry& entry) {
  const JsonValue* confidence = v.find("confidence");
  if (!confidence || confidence->text != "estimate" || !entry.derivation.empty()) return;
  d.diagnostics.error("missing-derivation",
                      fmt::format("{} is an estimate without a derivation", subject(d, path)),
                      confidence->span, "add \"derivation\": how it was derived");
}

const StructInfo& StructTable<AlternativeEntry>::info() {
  static constexpr Field fields[] = {
      field<&AlternativeEntry::value, TextOrNumber>(
          "value", "The other value, written as the field would be.")
          .required(),
      field<&AlternativeEntry::source>("source", "Document that gives it.").required(),
      field<&AlternativeEntry::why_not_used>("why_not_used", "Why the file does not use it.")
          .required(),
  };
  static constexpr StructInfo info{"alternative", "What another source says about one value.",
                                   fields};
  return info;
}

const StructInfo& StructTable<Claim>::info() {
  static constexpr Field fields[] = {
      field<&Claim::figure>("figure", "Name of a derived figure, such as system.peak.bf16.")
          .required(),
      field<&Claim::value, TextOrNumber>("value", "The published value, with its unit.").required(),
      field<&Claim::tolerance>("tolerance",
                               "Largest relative difference to the derived figure, as a share.")
          .required()
          .share_or_none(),
      field<&Claim::source>("source", "Document that publishes it.").required(),
      field<&Claim::note>("note", "What the figure includes, or why it differs."),
  };
  static constexpr StructInfo info{"claim", "An aggregate figure that somebody published.", fields};
  return info;
}

const StructInfo& StructTable<Envelope>::info() {
  static constexpr Field fields[] = {
      field<&Envelope::schema>("schema", "Version of the file format; 1.").required(),
      field<&Envelope::kind>("kind", "What the file describes.").required(),
      field<&Envelope::name>("name", "Name of the part; equals the file's name without .json.")
          .required(),
      field<&Envelope::title>("title", "Name as a person would print it; not inherited."),
      field<&Envelope::description>("description", "What a reader should know; not inherited."),
      field<&Envelope::extends>("extends",
                                "Part of the same kind whose values this file starts from."),
      field<&Envelope::sources>(
          "sources", "Where values come from, by JSON pointer; a pointer covers its subtree."),
      field<&Envelope::alternatives>("alternatives",
                                     "What other sources say, by name and JSON pointer."),
      field<&Envelope::claims>(
          "claims", "Published aggregate figures that `check` derives again; not inherited."),
  };
  static constexpr StructInfo info{"file", "What every file carries.", fields};
  return info;
}

void StructTable<Envelope>::check(Decoder& d, const JsonValue& v, const std::string&,
                                  const Envelope& envelope) {
  const JsonValue* schema = v.find("schema");
  if (!schema || schema->type != JsonType::number || envelope.schema == 1) return;
  d.diagnostics.error("schema-version",
                      fmt::format("schema {} is not known to this version", schema->text),
                      schema->span, "write \"schema\": 1");
}

const StructInfo& root_info(PartKind kind) {
  struct Root {
    std::vector<Field> fields;
    StructInfo info;
    explicit Root(const StructInfo& spec) {
      const StructInfo& file = StructTable<Envelope>::info();
      fields.assign(file.fields.begin(), file.fields.end());
      fields.insert(fields.end(), spec.fields.begin(), spec.fields.end());
      info = {spec.name, spec.description, fields};
    }
    Root(const Root&) = delete;
  };
  static const Root chip(StructTable<ChipSpec>::info()), link(StructTable<LinkSpec>::info()),
      system(StructTable<SystemSpec>::info()), model(StructTable<ModelSpec>::info()),
      software(StructTable<SoftwareSpec>::info()), scenario(StructTable<ScenarioSpec>::info()),
      table(StructTable<TableSpec>::info()), validation(StructTable<ValidationSpec>::info());
  switch (kind) {
    case PartKind::chip:
      return chip.info;
    case PartKind::link:
      return link.info;
    case PartKind::system:
      return system.info;
    case PartKind::model:
      return model.info;
    case PartKind::software:
      return software.info;
    case PartKind::scenario:
      return scenario.info;
    case PartKind::table:
      return table.info;
    case PartKind::validation:
      return validation.info;
  }
  throw InternalError("a part kind without a table");
}

}  // namespace xpusim::config
