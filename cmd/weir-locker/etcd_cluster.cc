// What etcd's clients ask about the cluster: here it is one member, healthy as long as it answers.

#include "cmd/weir-locker/etcd_call.hh"
#include "cmd/weir-locker/etcd_messages.hh"

namespace weir::locker {

using namespace etcdserverpb;
using etcd::Reply;

namespace {

// The version of etcd whose API this is.
constexpr const char* kVersion = "3.4.0";

aio::Task<Reply<MemberListResponse>> member_list(EtcdCall& call, MemberListRequest) {
  auto response = with_header<MemberListResponse>(call.engine().visible());
  Member* const member = response.add_members();
  member->set_id(kEtcdMember);
  member->set_name("weir-locker");
  // As the client calls us: how else it may, only its side knows. Some have a URL as our name already.
  std::string url(call.authority());
  if (!url.empty() && !url.contains("://")) url = std::string(call.scheme()) + "://" + url;
  if (!url.empty()) member->add_clienturls(std::move(url));
  co_return response;
}

aio::Task<Reply<AlarmResponse>> alarm(EtcdCall& call, AlarmRequest asked) {
  if (asked.action() != AlarmRequest::GET)
    co_return etcd::refuse(etcd::Code::unimplemented, "etcdserver: alarms are neither set nor cleared");
  co_return with_header<AlarmResponse>(call.engine().visible());
}

aio::Task<Reply<StatusResponse>> status(EtcdCall& call, StatusRequest) {
  const keyspace::Revision revision = call.engine().visible();
  auto response = with_header<StatusResponse>(revision);
  response.set_version(kVersion);
  response.set_leader(kEtcdMember);
  response.set_raftterm(kEtcdTerm);
  response.set_raftindex(static_cast<uint64_t>(revision));
  response.set_raftappliedindex(static_cast<uint64_t>(revision));
  co_return response;
}

}  // namespace

EtcdMethod etcd_cluster_method(std::string_view name) {
  if (name == "MemberList") return etcd_unary<MemberListRequest, MemberListResponse, member_list>;
  return nullptr;
}

EtcdMethod etcd_maintenance_method(std::string_view name) {
  if (name == "Status") return etcd_unary<StatusRequest, StatusResponse, status>;
  if (name == "Alarm") return etcd_unary<AlarmRequest, AlarmResponse, alarm>;
  return nullptr;
}

}  // namespace weir::locker
