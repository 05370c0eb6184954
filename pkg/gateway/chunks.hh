// What goes out, in the chunked coding: around the piece its size and the ends, to be written in one call.
#pragma once

#include <array>
#include <span>
#include <string>

#include "pkg/gateway/side.hh"
#include "pkg/http/write.hh"

namespace weir::gateway {

class ChunkFrame {
 public:
  explicit ChunkFrame(const Outgoing& out) {
    if (!out.piece.empty()) {
      http::append_chunk_size(size_, out.piece.size());
      end_ = "\r\n";
    }
    if (out.last) {
      end_ += "0\r\n";
      end_ += out.trailers;
      end_ += "\r\n";
    }
    parts_ = {out.head, size_, out.piece, end_};
  }
  ChunkFrame(const ChunkFrame&) = delete;
  ChunkFrame& operator=(const ChunkFrame&) = delete;

  std::span<const std::string_view> parts() const { return parts_; }

 private:
  std::string size_;
  std::string end_;
  std::array<std::string_view, 4> parts_;
};

}  // namespace weir::gateway
