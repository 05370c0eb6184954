#include "pkg/discovery/listed_server.hh"

#include <algorithm>
#include <utility>

#include "pkg/base/text.hh"

namespace weir::discovery {
namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r';
}

// What a message quotes of a text that may hold anything.
std::string quoted(std::string_view word) {
  constexpr size_t kMostQuoted = 60;
  std::string out = "\"";
  for (const char c : word.substr(0, kMostQuoted)) out += c >= 0x20 && c < 0x7f ? c : '?';
  return out + (word.size() > kMostQuoted ? "…\"" : "\"");
}

class Reader {
 public:
  explicit Reader(ListedServer& server) : server_(server) {}

  void take_address(std::string_view word) {
    const bool is_printable = std::ranges::all_of(word, [](char c) { return c > 0x20 && c < 0x7f; });
    auto address = is_printable ? Address::parse_connect(word)
                                : fail(Errc::invalid, quoted(word) + " is not an address");
    if (!address) return wrong(std::move(address.error().message));
    server_.address = std::move(*address);
  }

  void take_option(std::string_view word) {
    const std::string_view value = word.substr(std::min(word.size(), word.find('=') + 1));
    if (word.starts_with("weight=")) {
      if (std::exchange(has_weight_, true)) wrong("weight is given twice");
      take_weight(value);
    } else if (word.starts_with("name=")) {
      if (std::exchange(has_name_, true)) wrong("name is given twice");
      if (!ListedServer::is_name(value))
        wrong(quoted(value) + " is not a name: 1 to 100 visible characters without quotes");
      server_.name = value;
    } else {
      wrong(quoted(word) + " is unknown here; behind the address may stand weight=N and name=TEXT");
    }
  }

  std::vector<std::string> finish() {
    if (server_.name.empty()) server_.name = server_.address.to_string();
    return std::move(wrong_);
  }

 private:
  void wrong(std::string message) { wrong_.push_back(std::move(message)); }

  void take_weight(std::string_view value) {
    const auto weight = parse_uint(value);
    if (weight && *weight <= kMostWeight) {
      server_.weight = static_cast<uint32_t>(*weight);
    } else {
      wrong(quoted(value) + " is not a weight from 0 to " + std::to_string(kMostWeight));
    }
  }

  ListedServer& server_;
  std::vector<std::string> wrong_;
  bool has_weight_ = false;
  bool has_name_ = false;
};

}  // namespace

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  for (;;) {
    const auto begin = std::ranges::find_if_not(text, is_blank);
    text.remove_prefix(static_cast<size_t>(begin - text.begin()));
    if (text.empty()) return words;
    const auto end = std::ranges::find_if(text, is_blank);
    words.push_back(text.substr(0, static_cast<size_t>(end - text.begin())));
    text.remove_prefix(words.back().size());
  }
}

std::vector<std::string> read_server(std::span<const std::string_view> words, ListedServer& server) {
  Reader reader(server);
  reader.take_address(words.front());
  for (const std::string_view word : words.subspan(1)) reader.take_option(word);
  return reader.finish();
}

Result<ListedServer> ListedServer::parse(std::string_view text) {
  const auto words = words_of(text);
  if (words.empty()) return fail(Errc::invalid, "no address");
  ListedServer server;
  auto wrong = read_server(words, server);
  if (!wrong.empty()) return fail(Errc::invalid, std::move(wrong.front()));
  return server;
}

bool ListedServer::is_name(std::string_view text) {
  return !text.empty() && text.size() <= kLongestName &&
         std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '\\'; });
}

std::string ListedServer::to_string() const {
  std::string text = address.to_string();
  const bool is_named = name != text;
  if (weight != 1) text += " weight=" + std::to_string(weight);
  if (is_named) text += " name=" + name;
  return text;
}

}  // namespace weir::discovery
