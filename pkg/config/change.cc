// What differs between two configs and takes effect only after a restart.
#include <map>

#include "pkg/config/load.hh"
#include "pkg/config/text.hh"

namespace weir::config::detail {
namespace {

class Comparison {
 public:
  // `is_fixed`: a table around this one is marked reload(false), so all in it is.
  void tables(const Schema& schema, const void* before, const void* after, const std::string& path,
              bool is_fixed) {
    for (const Entry& entry : schema.entries) {
      const std::string here = key_path(path, entry.name);
      const bool fixed = is_fixed || !entry.reload;
      if (entry.form != Form::key) {
        elements(entry, before, after, here, fixed);
      } else if (fixed && values(entry, before) != values(entry, after)) {
        changed_.push_back(here);
      }
    }
  }

  std::vector<std::string> take() { return std::move(changed_); }

 private:
  static std::string values(const Entry& entry, const void* object) {
    return toml_values(entry, entry.access->get(entry.member(object), entry));
  }

  void elements(const Entry& entry, const void* before, const void* after, const std::string& path,
                bool is_fixed) {
    const auto old_ones = by_path(entry, before, path);
    const auto new_ones = by_path(entry, after, path);
    for (const auto& [name, object] : old_ones) {
      const auto found = new_ones.find(name);
      if (found != new_ones.end()) {
        tables(*entry.schema, object, found->second, name, is_fixed);
      } else if (is_fixed) {
        changed_.push_back(name);
      }
    }
    for (const auto& [name, object] : new_ones) {
      if (is_fixed && !old_ones.contains(name)) changed_.push_back(name);
    }
  }

  static std::map<std::string, const void*> by_path(const Entry& entry, const void* object,
                                                    const std::string& path) {
    std::map<std::string, const void*> result;
    size_t index = 0;
    for (const Element& element : entry.tables->elements(entry.member(object))) {
      std::string name = path;
      if (entry.form == Form::array) name = index_path(path, index++);
      if (entry.form == Form::map) name = key_path(path, element.name);
      result.emplace(std::move(name), element.object);
    }
    return result;
  }

  std::vector<std::string> changed_;
};

}  // namespace

std::vector<std::string> changed_restart_keys(const Schema& schema, const void* before, const void* after) {
  Comparison comparison;
  comparison.tables(schema, before, after, {}, false);
  return comparison.take();
}

}  // namespace weir::config::detail
