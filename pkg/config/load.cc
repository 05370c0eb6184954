#include "pkg/config/load.hh"

#include <algorithm>

#include "pkg/config/collector.hh"
#include "pkg/config/decode.hh"
#include "pkg/config/document.hh"
#include "pkg/config/merge.hh"
#include "pkg/config/settings.hh"
#include "pkg/config/text.hh"

namespace weir::config::detail {
namespace {

constexpr size_t kMaxIncludedFiles = 256;

class Loader {
 public:
  Loader(const Input& input, Collector& problems, std::vector<std::string>& files)
      : input_(input), problems_(problems), files_(files) {}

  // Whether every file could be read and parsed.
  bool is_complete() const { return is_complete_; }

  Node load() {
    Node root;
    root.place = {input_.file, 0, 0};
    if (input_.file.empty()) return root;
    if (!read(input_.file, {}, root)) return root;
    Member* include = root.find("include");
    if (include == nullptr) return root;
    const Node patterns = std::move(include->value);
    root.erase("include");
    for (const Node& pattern : patterns.items) include_matches(pattern, root);
    if (patterns.kind != Node::Kind::array) {
      problems_.add(patterns.place, "include",
                    "expected an array of file names, found " + std::string(describe(patterns.kind)));
    }
    return root;
  }

 private:
  // `named_at` is where a file that includes this one says so; nowhere for the main file.
  bool read(const std::string& file, const Place& named_at, Node& out) {
    const bool main = named_at.source.empty();
    auto text = input_.files->read(file, kMaxFileBytes, main);
    if (!text) {
      is_complete_ = false;
      problems_.add(named_at, {}, text.error().message);
      return false;
    }
    files_.push_back(file);
    problems_.add_text(file, *text);
    auto document = parse_document(*text, file);
    if (!document) {
      is_complete_ = false;
      const SyntaxError& error = document.error();
      problems_.add_syntax({file, error.line, error.column}, error.message);
      return false;
    }
    out = *std::move(document);
    return true;
  }

  void include_matches(const Node& pattern, Node& root) {
    if (pattern.kind != Node::Kind::string || pattern.text.empty() || pattern.text.contains('\0')) {
      return problems_.add(pattern.place, "include", "expected the name of a file, or a pattern");
    }
    const size_t slash = input_.file.rfind('/');
    const std::string directory = slash == std::string::npos ? "" : input_.file.substr(0, slash + 1);
    const auto matches = input_.files->match(directory, pattern.text);
    if (!matches) return problems_.add(pattern.place, "include", matches.error().message);
    const bool is_pattern = pattern.text.find_first_of("*?[") != std::string::npos;
    if (matches->empty() && !is_pattern) {
      return problems_.add(pattern.place, "include", "no file is named " + quoted(pattern.text));
    }
    for (const std::string& file : *matches) {
      if (std::ranges::find(files_, file) != files_.end()) continue;  // matched by an earlier pattern too
      if (files_.size() > kMaxIncludedFiles) {
        return problems_.add(pattern.place, "include", "more than 256 files are included");
      }
      include(file, pattern.place, root);
    }
  }

  void include(const std::string& file, const Place& named_at, Node& root) {
    Node document;
    if (!read(file, named_at, document)) return;
    if (const Member* nested = document.find("include")) {
      problems_.add(nested->place, "include", "an included file cannot include others");
      document.erase("include");
    }
    merge(root, std::move(document), {}, problems_);
  }

  const Input& input_;
  Collector& problems_;
  std::vector<std::string>& files_;
  bool is_complete_ = true;
};

}  // namespace

std::expected<Provenance, Problems> load_into(const Schema& schema, void* object, const Input& input) {
  Collector problems(schema);
  Provenance provenance;
  Loader loader(input, problems, provenance.files);
  Node root = loader.load();
  apply_settings(schema, input.settings, root, problems);
  // What a file that could not be read would have set is not missing: decoding would only mislead then.
  if (loader.is_complete()) decode(schema, root, object, input, provenance.origins, problems);
  if (!problems.empty()) return std::unexpected(problems.take());
  return provenance;
}

}  // namespace weir::config::detail
