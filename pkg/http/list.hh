// The items of a comma-separated field value (RFC 9110 5.6.1) without white space around them; empty items
// are passed over. For lists of tokens: a quoted string with a comma in it is not looked into.
#pragma once

#include <string_view>

#include "pkg/base/text.hh"

namespace weir::http {

class ListItems {
 public:
  explicit ListItems(std::string_view value) : value_(value) {}

  class Iterator {
   public:
    explicit Iterator(std::string_view rest) : rest_(rest) { advance(); }
    std::string_view operator*() const { return item_; }
    Iterator& operator++() {
      advance();
      return *this;
    }
    bool operator!=(std::nullptr_t) const { return !item_.empty(); }

   private:
    void advance() {
      item_ = {};
      while (item_.empty() && !rest_.empty()) {
        const size_t comma = rest_.find(',');
        item_ = trim(rest_.substr(0, comma));
        rest_ = comma == std::string_view::npos ? std::string_view() : rest_.substr(comma + 1);
      }
    }
    std::string_view rest_;
    std::string_view item_;
  };

  Iterator begin() const { return Iterator(value_); }
  std::nullptr_t end() const { return nullptr; }

 private:
  std::string_view value_;
};

}  // namespace weir::http
