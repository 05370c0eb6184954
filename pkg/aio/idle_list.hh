// Connections that are between requests: they are what a drain closes.
#pragma once

#include "pkg/aio/task.hh"

namespace weir::aio {

class IdleList {
 public:
  // While it lives, its task waits for a request.
  class Mark {
   public:
    Mark(IdleList& list, TaskContext& task) : task_(&task), link_(&list.first_), next_(list.first_) {
      if (next_ != nullptr) next_->link_ = &next_;
      list.first_ = this;
    }
    ~Mark() {
      *link_ = next_;
      if (next_ != nullptr) next_->link_ = link_;
    }
    Mark(const Mark&) = delete;
    Mark& operator=(const Mark&) = delete;

   private:
    friend class IdleList;
    TaskContext* task_;
    Mark** link_;
    Mark* next_;
  };

  void cancel_all() {
    for (Mark* mark = first_; mark != nullptr; mark = mark->next_) mark->task_->cancel();
  }

 private:
  Mark* first_ = nullptr;
};

}  // namespace weir::aio
