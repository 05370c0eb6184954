// The JSON object that came with a request to the admin API, read by asking for its members. What is wrong is
// collected, each with the place it is at, so that the caller is told all of it at once:
//
//   const auto weight = body.integer("weight", 0, 1000);
//   const auto note = body.string("note");
//   body.require("weight");
//   if (!body.is_fine()) return body.refusal();   // also when a member was sent that nobody asked for
//
// A member that is absent, or wrong, reads as nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pkg/base/result.hh"
#include "pkg/daemon/api_response.hh"

namespace weir::daemon {

class JsonBody {
 public:
  static constexpr size_t kMostDepth = 16;

  // Empty text is an empty object. Errors: invalid, with line and column.
  static Result<JsonBody> parse(std::string_view text);
  JsonBody();

  bool has(std::string_view name) const;
  std::vector<std::string> names() const;

  std::optional<std::string> string(std::string_view name);
  // One of these words.
  std::optional<std::string> choice(std::string_view name, const std::vector<std::string>& words);
  // A whole number; both ends belong to the range.
  std::optional<uint64_t> integer(std::string_view name, uint64_t low, uint64_t high);
  std::optional<double> number(std::string_view name, double low, double high);
  std::optional<bool> boolean(std::string_view name);
  std::optional<std::vector<std::string>> strings(std::string_view name);
  // Objects inside share their problems with the document.
  std::optional<JsonBody> object(std::string_view name);
  std::vector<JsonBody> objects(std::string_view name);

  void require(std::string_view name);
  // What only the caller can see to be wrong with a member.
  void fail(std::string_view name, std::string detail);

  // Of the whole document, so far. Members that were not asked for count as wrong: call it last.
  bool is_fine();
  const std::vector<ApiProblem>& problems();
  ApiResponse refusal();  // 400, with all problems

 private:
  struct Document;
  struct Object;  // one in the document that was asked for
  JsonBody(std::shared_ptr<Document> document, Object& object)
      : document_(std::move(document)), object_(&object) {}
  template <typename Take>
  auto read(std::string_view name, const char* expected, Take take);

  std::shared_ptr<Document> document_;
  Object* object_;
};

}  // namespace weir::daemon
