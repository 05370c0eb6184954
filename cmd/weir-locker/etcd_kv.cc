// etcd's KV: its requests are the keyspace's, but for their checks and words.

#include "cmd/weir-locker/etcd_call.hh"
#include "cmd/weir-locker/etcd_messages.hh"

namespace weir::locker {

using namespace etcdserverpb;
using etcd::Code;
using etcd::refuse;
using etcd::Reply;
using etcd::Status;
using keyspace::Operation;
using keyspace::Revision;

namespace {

// How many operations an etcd takes by default.
constexpr int kMostOperations = 128;

Reply<Operation> read_operation(const RangeRequest& asked, Revision present) {
  if (asked.key().empty()) return etcd::kEmptyKey();
  if (asked.revision() > present) return etcd::kFutureRevision();
  if (asked.revision() > 0 && asked.revision() < present) return etcd::kCompacted();
  if (!RangeRequest::SortOrder_IsValid(asked.sort_order())) return etcd::kInvalidSort();
  keyspace::Range query{.range = {asked.key(), asked.range_end()}};
  using SortBy = keyspace::Range::SortBy;
  switch (asked.sort_target()) {
    case RangeRequest::KEY:
      query.sort_by = SortBy::key;
      break;
    case RangeRequest::VERSION:
      query.sort_by = SortBy::version;
      break;
    case RangeRequest::CREATE:
      query.sort_by = SortBy::created;
      break;
    case RangeRequest::MOD:
      query.sort_by = SortBy::modified;
      break;
    case RangeRequest::VALUE:
      query.sort_by = SortBy::value;
      break;
    default:
      return etcd::kInvalidSort();
  }
  query.is_descending = asked.sort_order() == RangeRequest::DESCEND;
  query.limit = asked.limit() > 0 ? static_cast<uint64_t>(asked.limit()) : 0;
  query.least_created = asked.min_create_revision();
  query.most_created = asked.max_create_revision();
  query.least_modified = asked.min_mod_revision();
  query.most_modified = asked.max_mod_revision();
  query.counts_only = asked.count_only();
  return query;
}

Reply<Operation> read_operation(const PutRequest& asked, Revision) {
  if (asked.key().empty()) return etcd::kEmptyKey();
  if (asked.ignore_value() && !asked.value().empty()) return etcd::kValueProvided();
  if (asked.ignore_lease() && asked.lease() != 0) return etcd::kLeaseProvided();
  if (asked.lease() < 0) return etcd::kLeaseNotFound();
  return keyspace::Put{asked.key(), asked.value(), asked.lease(), asked.ignore_value(), asked.ignore_lease()};
}

Reply<Operation> read_operation(const DeleteRangeRequest& asked, Revision) {
  if (asked.key().empty()) return etcd::kEmptyKey();
  return keyspace::Erase{{asked.key(), asked.range_end()}};
}

Reply<Operation> read_operation(const RequestOp& asked, Revision present) {
  switch (asked.request_case()) {
    case RequestOp::kRequestRange:
      return read_operation(asked.request_range(), present);
    case RequestOp::kRequestPut:
      return read_operation(asked.request_put(), present);
    case RequestOp::kRequestDeleteRange:
      return read_operation(asked.request_delete_range(), present);
    case RequestOp::kRequestTxn:
      return refuse(Code::unimplemented, "etcdserver: a transaction within a transaction is not understood");
    case RequestOp::REQUEST_NOT_SET:
      break;
  }
  return refuse(Code::invalid_argument, "etcdserver: an operation is empty");
}

void show(const keyspace::Outcome& outcome, const RangeRequest& asked, RangeResponse* out) {
  for (const auto& key : outcome.found) show_key(*key, out->add_kvs(), !asked.keys_only());
  out->set_count(static_cast<int64_t>(outcome.count));
  out->set_more(asked.limit() > 0 && !asked.count_only() && outcome.count > outcome.found.size());
}

void show(const keyspace::Outcome& outcome, const PutRequest& asked, PutResponse* out) {
  if (asked.prev_kv() && !outcome.found.empty()) show_key(*outcome.found.front(), out->mutable_prev_kv());
}

void show(const keyspace::Outcome& outcome, const DeleteRangeRequest& asked, DeleteRangeResponse* out) {
  out->set_deleted(static_cast<int64_t>(outcome.count));
  if (!asked.prev_kv()) return;
  for (const auto& key : outcome.found) show_key(*key, out->add_prev_kvs());
}

void show(const keyspace::Outcome& outcome, const RequestOp& asked, Revision revision, ResponseOp* out) {
  switch (asked.request_case()) {
    case RequestOp::kRequestRange:
      out->mutable_response_range()->mutable_header()->set_revision(revision);
      return show(outcome, asked.request_range(), out->mutable_response_range());
    case RequestOp::kRequestPut:
      out->mutable_response_put()->mutable_header()->set_revision(revision);
      return show(outcome, asked.request_put(), out->mutable_response_put());
    case RequestOp::kRequestDeleteRange:
      out->mutable_response_delete_range()->mutable_header()->set_revision(revision);
      return show(outcome, asked.request_delete_range(), out->mutable_response_delete_range());
    case RequestOp::kRequestTxn:
    case RequestOp::REQUEST_NOT_SET:
      break;
  }
}

Reply<keyspace::Compare> read_compare(const Compare& asked) {
  if (asked.key().empty()) return etcd::kEmptyKey();
  using Target = keyspace::Compare::Target;
  using Relation = keyspace::Compare::Relation;
  keyspace::Compare compare{.range = {asked.key(), asked.range_end()}};
  switch (asked.target()) {
    case Compare::VERSION:
      compare.target = Target::version;
      compare.number = asked.version();
      break;
    case Compare::CREATE:
      compare.target = Target::created;
      compare.number = asked.create_revision();
      break;
    case Compare::MOD:
      compare.target = Target::modified;
      compare.number = asked.mod_revision();
      break;
    case Compare::VALUE:
      compare.target = Target::value;
      compare.text = asked.value();
      break;
    case Compare::LEASE:
      compare.target = Target::lease;
      compare.number = asked.lease();
      break;
    default:
      return refuse(Code::invalid_argument, "etcdserver: a comparison's target is unknown");
  }
  switch (asked.result()) {
    case Compare::EQUAL:
      compare.relation = Relation::equal;
      break;
    case Compare::GREATER:
      compare.relation = Relation::greater;
      break;
    case Compare::LESS:
      compare.relation = Relation::less;
      break;
    case Compare::NOT_EQUAL:
      compare.relation = Relation::not_equal;
      break;
    default:
      return refuse(Code::invalid_argument, "etcdserver: a comparison is unknown");
  }
  return compare;
}

// A key is changed once by one transaction, or it would have two values at one revision.
bool changes_twice(const std::vector<Operation>& operations) {
  for (auto one = operations.begin(); one != operations.end(); ++one) {
    const auto* const put = std::get_if<keyspace::Put>(&*one);
    if (put == nullptr) continue;
    for (auto other = operations.begin(); other != operations.end(); ++other) {
      const auto* const erase = std::get_if<keyspace::Erase>(&*other);
      if (erase != nullptr && erase->range.contains(put->key)) return true;
      const auto* const again = std::get_if<keyspace::Put>(&*other);
      if (again != nullptr && again != put && again->key == put->key) return true;
    }
  }
  return false;
}

template <typename Asked>
Reply<std::vector<Operation>> read_operations(const Asked& asked, Revision present) {
  if (asked.size() > kMostOperations) return etcd::kTooManyOperations();
  std::vector<Operation> operations;
  for (const RequestOp& one : asked) {
    auto operation = read_operation(one, present);
    if (!operation) return std::unexpected(std::move(operation.error()));
    operations.push_back(std::move(*operation));
  }
  if (changes_twice(operations)) return etcd::kDuplicateKey();
  return operations;
}

// What was not found: the key whose value or lease was to stay, or else a lease.
Status failure(const Error& error, const keyspace::Request& request, const keyspace::Keyspace& keys) {
  if (error.code != Errc::not_found) return etcd_status(error);
  for (const auto* operations : {&request.then, &request.otherwise}) {
    for (const Operation& operation : *operations) {
      const auto* const put = std::get_if<keyspace::Put>(&operation);
      const bool needs_key = put != nullptr && (put->keeps_value || put->keeps_lease);
      if (needs_key && keys.find(put->key) == nullptr) return etcd::kKeyNotFound.status();
    }
  }
  return etcd::kLeaseNotFound.status();
}

aio::Task<Reply<keyspace::Response>> commit(Engine& engine, keyspace::Request request) {
  auto committed = engine.begin(request);
  if (!committed) co_return std::unexpected(failure(committed.error(), request, engine.keys()));
  const auto done = co_await engine.durable(committed->sequence);
  if (!done) co_return std::unexpected(etcd_status(done.error()));
  co_return std::move(committed->response);
}

// A request of one operation.
template <typename Request, typename Response>
aio::Task<Reply<Response>> do_one(EtcdCall& call, Request asked) {
  auto operation = read_operation(asked, call.engine().keys().revision());
  if (!operation) co_return std::unexpected(std::move(operation.error()));
  keyspace::Request request;
  request.then.push_back(std::move(*operation));
  const auto done = co_await commit(call.engine(), std::move(request));
  if (!done) co_return std::unexpected(done.error());
  auto response = with_header<Response>(done->revision);
  show(done->outcomes.front(), asked, &response);
  co_return response;
}

aio::Task<Reply<TxnResponse>> do_txn(EtcdCall& call, TxnRequest asked) {
  if (asked.compare_size() > kMostOperations) co_return etcd::kTooManyOperations();
  const Revision present = call.engine().keys().revision();
  keyspace::Request request;
  for (const Compare& one : asked.compare()) {
    auto compare = read_compare(one);
    if (!compare) co_return std::unexpected(std::move(compare.error()));
    request.compares.push_back(std::move(*compare));
  }
  auto then = read_operations(asked.success(), present);
  if (!then) co_return std::unexpected(std::move(then.error()));
  request.then = std::move(*then);
  auto otherwise = read_operations(asked.failure(), present);
  if (!otherwise) co_return std::unexpected(std::move(otherwise.error()));
  request.otherwise = std::move(*otherwise);

  const auto done = co_await commit(call.engine(), std::move(request));
  if (!done) co_return std::unexpected(done.error());
  auto response = with_header<TxnResponse>(done->revision);
  response.set_succeeded(done->held);
  const auto& operations = done->held ? asked.success() : asked.failure();
  Revision revision = present;  // as each operation found or made it
  for (int i = 0; i < operations.size(); ++i) {
    const keyspace::Outcome& outcome = done->outcomes[static_cast<size_t>(i)];
    const bool has_erased = operations[i].has_request_delete_range() && outcome.count > 0;
    if (operations[i].has_request_put() || has_erased) revision = done->revision;
    show(outcome, operations[i], revision, response.add_responses());
  }
  co_return response;
}

}  // namespace

EtcdMethod etcd_kv_method(std::string_view name) {
  if (name == "Range") return etcd_unary<RangeRequest, RangeResponse, do_one<RangeRequest, RangeResponse>>;
  if (name == "Put") return etcd_unary<PutRequest, PutResponse, do_one<PutRequest, PutResponse>>;
  if (name == "DeleteRange") {
    return etcd_unary<DeleteRangeRequest, DeleteRangeResponse,
                      do_one<DeleteRangeRequest, DeleteRangeResponse>>;
  }
  if (name == "Txn") return etcd_unary<TxnRequest, TxnResponse, do_txn>;
  return nullptr;
}

}  // namespace weir::locker
