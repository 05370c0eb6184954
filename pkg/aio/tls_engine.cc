#include "pkg/aio/tls_engine.hh"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>

#include "pkg/aio/tls_context.hh"

namespace weir::aio {

void TlsOutput::append(std::string_view bytes, BufferPool& pool) {
  if (!buffer_) buffer_ = pool.acquire();
  memcpy(buffer_.data.get() + end_, bytes.data(), bytes.size());
  end_ += static_cast<uint32_t>(bytes.size());
}

void TlsOutput::sent_to(uint32_t end, BufferPool& pool) {
  begin_ = end;
  if (begin_ != end_) return;
  begin_ = end_ = 0;
  pool.release(std::exchange(buffer_, {}));
}

// OpenSSL's view of the two queues.
struct TlsEngine::Bio {
  static TlsEngine& engine(BIO* bio) { return *static_cast<TlsEngine*>(BIO_get_data(bio)); }

  static int read(BIO* bio, char* to, size_t size, size_t* count) {
    BIO_clear_retry_flags(bio);
    std::string_view& input = engine(bio).input;
    *count = std::min(size, input.size());
    if (*count == 0) {
      BIO_set_retry_read(bio);
      return -1;
    }
    memcpy(to, input.data(), *count);
    input.remove_prefix(*count);
    return 1;
  }

  static int write(BIO* bio, const char* from, size_t size, size_t* count) {
    BIO_clear_retry_flags(bio);
    TlsEngine& to = engine(bio);
    *count = std::min(size, to.output.room());
    if (*count == 0) {
      BIO_set_retry_write(bio);
      return -1;
    }
    to.output.append({from, *count}, to.pool_);
    return 1;
  }

  static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  static BIO_METHOD* method() {
    static const BioMethodPtr made = [] {
      BioMethodPtr fresh(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "weir"));
      BIO_meth_set_read_ex(fresh.get(), read);
      BIO_meth_set_write_ex(fresh.get(), write);
      BIO_meth_set_ctrl(fresh.get(), control);
      return fresh;
    }();
    return made.get();
  }
};

Result<std::unique_ptr<TlsEngine>> TlsEngine::make(BufferPool& pool,
                                                   std::shared_ptr<const TlsContext> context,
                                                   TlsTarget target) {
  std::unique_ptr<TlsEngine> engine(new TlsEngine(pool, std::move(context)));
  if (auto started = engine->start(std::move(target)); !started) return std::unexpected(started.error());
  return engine;
}

Result<> TlsEngine::start(TlsTarget target) {
  const TlsContext::Parts& parts = context_->parts();
  ERR_clear_error();
  ssl_.reset(SSL_new(parts.context()));
  BIO* bio = ssl_ ? BIO_new(Bio::method()) : nullptr;
  if (bio == nullptr) return fail(Errc::internal, "OpenSSL: " + take_openssl_error());
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_app_data(ssl_.get(), this);
  if (parts.is_server) {
    SSL_set_accept_state(ssl_.get());
    return {};
  }
  SSL_set_connect_state(ssl_.get());
  sessions_ = target.sessions ? std::move(target.sessions) : parts.sessions;
  if (const auto session = sessions_->newest()) SSL_set_session(ssl_.get(), session.get());
  return name_server(target.server_name.empty() ? parts.server_name : target.server_name);
}

Result<> TlsEngine::name_server(const std::string& name) {
  const bool verify = context_->parts().verify;
  if (name.empty()) {
    if (!verify) return {};
    return fail(Errc::invalid, "the server's certificate is to be verified, but no name is known to verify");
  }
  X509_VERIFY_PARAM* expected = SSL_get0_param(ssl_.get());
  if (X509_VERIFY_PARAM_set1_ip_asc(expected, name.c_str()) == 1) return {};  // SNI is for names only
  ERR_clear_error();
  SSL_set_hostflags(ssl_.get(), X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  const bool done = SSL_set_tlsext_host_name(ssl_.get(), name.c_str()) == 1 &&
                    (!verify || SSL_set1_host(ssl_.get(), name.c_str()) == 1);
  if (!done) return fail(Errc::invalid, "\"" + name + "\" is no server's name: " + take_openssl_error());
  return {};
}

TlsEngine::~TlsEngine() {
  // Else OpenSSL takes the session for broken and spoils it for those who would resume it.
  if (ssl_) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

std::string TlsEngine::words() const {
  const long verdict = SSL_get_verify_result(ssl_.get());
  std::string reason = take_openssl_error();
  if (verdict == X509_V_OK) return reason;
  return reason + ": " + X509_verify_cert_error_string(verdict);
}

TlsEngine::Step TlsEngine::step_of(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_NONE:
      return Step::done;
    case SSL_ERROR_WANT_READ:
      return Step::wants_input;
    case SSL_ERROR_WANT_WRITE:
      return Step::wants_output;
    case SSL_ERROR_ZERO_RETURN:
      return Step::ended;
    default:
      failure_ = words();
      return Step::failed;
  }
}

TlsEngine::Step TlsEngine::handshake() {
  ERR_clear_error();
  return step_of(SSL_do_handshake(ssl_.get()));
}

bool TlsEngine::has_input() const {
  return !input.empty() || SSL_has_pending(ssl_.get()) == 1;
}

TlsEngine::Step TlsEngine::open(std::span<char> to, size_t& count) {
  count = 0;
  if (!failure_.empty()) return Step::failed;
  forget_openssl_errors();
  return step_of(SSL_read_ex(ssl_.get(), to.data(), to.size(), &count));
}

namespace {

constexpr size_t kRecord = SSL3_RT_MAX_PLAIN_LENGTH;
constexpr size_t kRecordOverhead = 64;  // 29 with the ciphers we allow
constexpr size_t kReserved = 256;       // for what OpenSSL may put in front, such as a key update

// How many of `total` bytes should be sealed into `room`: whole records, or all.
size_t sealable(size_t total, size_t room) {
  room -= std::min(room, kReserved);
  if (const size_t records = room / (kRecord + kRecordOverhead); records > 0) {
    return std::min(total, records * kRecord);
  }
  return total + kRecordOverhead <= room ? total : 0;
}

}  // namespace

// The next bytes to seal: records out of a long part in place, else what fills one record, gathered from
// several parts. Empty: the output should be sent first.
std::string_view TlsEngine::next_piece(std::span<std::string_view> parts, Buffer& gathered) const {
  size_t total = 0;
  for (const std::string_view part : parts) total += part.size();
  const size_t most = sealable(total, output.room());
  if (most == 0) return {};
  const auto first = std::ranges::find_if(parts, [](std::string_view part) { return !part.empty(); });
  if (first->size() == total) return first->substr(0, most);
  if (first->size() >= kRecord) return first->substr(0, std::min(first->size(), most) / kRecord * kRecord);
  if (!gathered) gathered = pool_.acquire();
  size_t size = 0;
  for (const std::string_view part : parts) {
    const size_t taken = std::min(part.size(), std::min(kRecord, most) - size);
    memcpy(gathered.data.get() + size, part.data(), taken);
    size += taken;
  }
  return {gathered.data.get(), size};
}

TlsEngine::Step TlsEngine::seal(std::span<std::string_view> parts, size_t& count) {
  count = 0;
  if (!failure_.empty() || has_ended_) return Step::failed;
  Buffer gathered;
  Step step = Step::done;
  while (step == Step::done) {
    const std::string_view piece = next_piece(parts, gathered);
    if (piece.empty()) break;
    size_t written = 0;
    forget_openssl_errors();
    step = step_of(SSL_write_ex(ssl_.get(), piece.data(), piece.size(), &written));
    count += written;
    for (std::string_view& part : parts) {
      const size_t taken = std::min(written, part.size());
      part.remove_prefix(taken);
      written -= taken;
    }
  }
  pool_.release(std::move(gathered));
  return step;
}

void TlsEngine::end() {
  if (has_ended_ || !failure_.empty()) return;
  has_ended_ = true;
  SSL_shutdown(
      ssl_.get());  // fails only in the midst of a handshake message of the peer's, where nothing helps
  ERR_clear_error();
}

TlsInfo TlsEngine::info() const {
  const SSL* ssl = ssl_.get();
  TlsInfo info;
  const unsigned char* alpn = nullptr;
  unsigned alpn_size = 0;
  SSL_get0_alpn_selected(ssl, &alpn, &alpn_size);
  info.alpn = {reinterpret_cast<const char*>(alpn), alpn_size};
  if (const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name)) info.server_name = name;
  info.version = SSL_get_version(ssl);
  info.cipher = SSL_get_cipher_name(ssl);
  info.resumed = SSL_session_reused(ssl) == 1;
  X509* peer = context_->parts().is_server ? SSL_get0_peer_certificate(ssl) : nullptr;
  if (peer != nullptr && SSL_get_verify_result(ssl) == X509_V_OK) {
    const BioPtr text(BIO_new(BIO_s_mem()));
    X509_NAME_print_ex(text.get(), X509_get_subject_name(peer), 0, XN_FLAG_RFC2253);
    char* data = nullptr;
    const long size = BIO_get_mem_data(text.get(), &data);
    info.client_subject.assign(data, static_cast<size_t>(size));
  }
  return info;
}

}  // namespace weir::aio
