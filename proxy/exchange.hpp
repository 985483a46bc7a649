// One request and its answer: reads the head, decides an endpoint, forwards, relays, and repeats
// the attempt where the retry rule says so. Lives in the frame of its connection's coroutine, one
// object per request; what the client sent ahead is handed to the next one. Worker thread only.
//
// The two directions are plain functions, the pumps, that move what can be moved without waiting
// and leave behind what they wait for; the one coroutine, `run`, waits for both at once.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "desk/hub_desk.hpp"
#include "durable/management_urls.hpp"
#include "durable/request_kind.hpp"
#include "ledger/instance.hpp"
#include "proxy/access.hpp"
#include "proxy/buffers.hpp"
#include "proxy/chunked.hpp"
#include "proxy/client_connection.hpp"
#include "proxy/client_counts.hpp"
#include "proxy/durable_call.hpp"
#include "proxy/framing.hpp"
#include "proxy/headers.hpp"
#include "proxy/min_rate.hpp"
#include "proxy/problem.hpp"
#include "proxy/request_record.hpp"
#include "proxy/retry.hpp"
#include "proxy/start_ticket.hpp"
#include "proxy/tunnel.hpp"
#include "proxy/upstream_pool.hpp"
#include "routing/select_endpoint.hpp"
#include "transport/task.hpp"

namespace proxy {

// Whether an answer says that the host does not take the key that came with the request.
bool our_key_was_refused(const ResponseHead& head, const ResponseFraming& framing);

class Exchange {
 public:
  struct Input {  // bytes received and not yet given to a request
    Block block;
    std::size_t size = 0;
  };

  Exchange(ClientConnection& connection, Input input);
  ~Exchange();

  enum class HeadStep { ready, need_input, closed, malformed };
  HeadStep read_head();  // tries to complete the next head from what has arrived
  void head_timed_out();
  bool has_input() const { return input_size_ > 0; }

  transport::Task<> run();  // serves the request that read_head found
  Input take_rest();        // what the client sent ahead, for its next request

  bool keep_alive() const { return keep_alive_; }
  bool needs_linger() const { return linger_; }

  // The routing table changed: true when this request waits on an endpoint that left the rotation.
  bool concerned(const Snapshot& now) const;

 private:
  using Time = std::chrono::steady_clock::time_point;
  enum class Stage : std::uint8_t {
    deciding,
    asking,    // the desk, where an instance is, or the ledger, whether it waits there
    reading,   // a start's body
    starting,  // the ledger has the word
    connecting,
    relaying,
    tunnelling,
    flushing,
    finished
  };
  enum class Answer : std::uint8_t { none, head, collecting, body, complete };
  enum class Collect : std::uint8_t { nothing, inspect, rewrite, status };
  struct Credential {  // what the client presented
    std::string text;
    bool in_query = false;
  };

  // --- exchange.cpp: the course of a request
  void begin();
  bool admit();
  bool admit_client();
  bool passed_before() const;
  void pump();
  void arm_and_set_deadline(unsigned& mask);
  void on_events(std::uint8_t events);
  void on_deadline();
  void check_abort();
  void maybe_finish();
  void client_left();
  void refuse_slow_body();
  void finish_request();
  void record(std::uint32_t total_us);
  std::string_view path_alone() const { return framing_.path.substr(0, framing_.path.find('?')); }
  const config::Config& config() const { return *snapshot_->config; }
  std::uint32_t after_progress(config::Millis span) const;
  std::uint32_t before_too_slow(MinRate& rate, std::uint64_t bytes, config::Millis grace) const;
  static std::uint32_t microseconds_since(Time since);
  bool awaiting_continue() const {
    return framing_.expect_continue && !continue_sent_ && body_taken_ == 0;
  }
  bool awaiting_answer() const {
    return answer_ == Answer::none || answer_ == Answer::head || answer_ == Answer::collecting;
  }

  // --- exchange_decide.cpp: which endpoint, and what after a failure
  routing::Selection select();
  void choose();
  void assign(const routing::Selection& selection);
  void start_attempt();
  bool take_pooled();
  AttemptFailure failure_facts(AttemptFailureKind kind);
  Decision decide_after(AttemptFailureKind kind);
  routing::Selection next_choice(const Snapshot& now, AttemptFailureKind kind) const;
  void heed_retry_after();
  void attempt_failed(AttemptFailureKind kind, std::string_view cause);
  void note_failure(AttemptFailureKind kind);
  void add_attempts(Writer& lines) const;
  bool try_again(const Decision& decision, AttemptFailureKind kind);  // false: give up
  void consider_rescue();
  void end_attempt(bool reusable);
  void let_go(bool reusable);  // of the connection alone
  void refuse(ProblemKind kind, std::string_view detail, Refusal counted,
              std::string_view outcome = {});
  void answer_ourselves(int status, std::string_view content_type, std::string_view lines,
                        std::string_view body);
  void report(AttemptFailureKind kind);
  bool trusted_peer() const;
  routing::ClientKey client_key() const;
  routing::ClientKey address_key() const;
  routing::EndpointId earlier_answer();
  void give_answer(const routing::RoutingEntry& entry);
  bool client_uses_tls() const;

  // --- exchange_durable.cpp: Durable Functions
  bool gate();
  void find_our_credentials();
  Credential credential();
  bool is_ours() const { return admission_ == Admission::key || admission_ == Admission::token; }
  std::string_view lent_key() const;
  void adapt_to_endpoint(RequestRewrite& rewrite, std::string& edited);
  void route();
  void route_instance();
  bool go_to(ledger::Place place);
  bool uses_directory() const;
  void learn_payload(const durable::Payload& payload);
  bool wants_status() const;
  void learn_status(std::string_view body);
  void learn_outcome();
  bool may_see_status() const;
  bool is_away_poll() const;
  bool may_give_up_waiting() const;
  void answer_away();

  // --- exchange_ask.cpp: questions to the desk
  void look_up();
  void route_collection();
  std::string query_without_our_keys() const;
  std::string_view continuation_token();
  std::function<void(desk::Answer)> on_desk_answer(std::shared_ptr<Inquiry> inquiry);
  void merge_lists(std::vector<std::string> waiting, std::vector<std::size_t> order);
  desk::ClientCredential desk_credential();
  std::shared_ptr<Inquiry> begin_inquiry(desk::SharedPicture picture);
  transport::Task<> await_desk();
  void on_found(const desk::Found& found, const desk::DeskPicture& picture);
  void create_entity();
  bool hub_says_absent() const;
  bool look_elsewhere();

  // --- exchange_start.cpp: starts, with the ledger
  ledger::StartLedger* ledger() const;
  void begin_start();
  config::StartVia start_via() const;
  bool keeps_start_body() const;
  transport::Task<> read_start_body();
  std::string key_scope();
  std::uint64_t credential_of(std::string_view text) const;
  void hand_over_start();
  transport::Task<> await_ledger();
  void take_ledger_word();
  void send_start(const ledger::LiveSend& send);
  void report_start(ledger::AttemptEnding ending);
  void report_start(const ledger::AttemptReport& report,
                    std::shared_ptr<const ledger::StoredAnswer> answer);
  void start_kicked();
  void start_attempt_failed(AttemptFailureKind kind, std::string_view cause);
  bool never_complete() const;
  void leave_live_attempt();
  bool start_head_came();
  void start_succeeded(std::shared_ptr<const ledger::StoredAnswer> answer);
  bool start_answer_came(std::string_view body, bool whole);
  void note_start_evidence(const ledger::AttemptReport& report);
  void relay_held();
  void answer_start(const ledger::StartAnswer& answer);
  void answer_not_run(ledger::NotRunWhy why);
  std::string region_of(ledger::Place place) const;
  void answer_stored(const ledger::StoredAnswer& stored);
  void answer_accepted(std::string_view outcome);
  std::string start_target() const;
  std::string own_status_url();

  // --- exchange_waiting.cpp: instances that wait in the ledger
  bool ask_ledger();
  void on_waiting(const ledger::WaitingReply& reply);
  bool sees_all_starts() const;
  bool past_is_unknown() const;
  void answer_past_unknown();
  void list_with_waiting();
  void on_waiting_list(const std::vector<ledger::WaitingReply>& waiting);
  std::string waiting_status(const ledger::WaitingReply& reply) const;

  // --- exchange_open.cpp: reaching an upstream
  transport::Task<> open_upstream();
  transport::Task<bool> await_connect_slot();
  transport::Task<bool> connect_to(const routing::SocketAddress& address, std::uint32_t until);
  transport::Task<bool> secure_upstream();
  bool interrupted(std::uint8_t events);
  std::uint64_t connects_under_way() const;

  // --- exchange_request.cpp: client to upstream
  bool take_early_body();  // false: refused
  void pump_request();
  void send_head();
  enum class BodyStep : std::uint8_t { got, wait, over };
  BodyStep read_body_piece(std::string_view& piece);
  bool relay_body_piece();
  bool decode_body(char* data, std::size_t size, std::size_t& decoded, std::size_t& used);
  bool send_upstream(const iovec* pieces, std::size_t count);
  void keep_for_retry(std::string_view data);
  void keep_body(std::string_view data);
  void reparse();
  ClientFacts client_facts() const;

  // --- exchange_response.cpp: upstream to client
  void pump_response();
  bool read_response();
  void on_response_bytes(char* data, std::size_t size);
  bool on_head_bytes(char*& data, std::size_t& size);
  void on_final_head(char* body, std::size_t size);
  void relay_interim();
  bool may_hold_payload(std::string_view first);
  struct UrlTexts {  // what a UrlRewrite points into
    std::string origin, code, instance_id;
  };
  durable::UrlRewrite url_rewrite(UrlTexts& texts, bool payload);
  durable::UrlRewrite own_urls(UrlTexts& texts);
  void start_collecting(Collect why, char* body, std::size_t size);
  void collect(std::string_view body, bool last);
  std::optional<std::string> decoded_body();
  void finish_collecting(bool whole);
  bool answer_allows_relay(std::string_view body, bool whole);
  void rewrite_collected();
  void send_answer_head();
  void relay_body(char* data, std::size_t size);
  std::string_view decode(char* data, std::size_t size, bool& last, bool& bad);
  void deliver(std::string_view body, bool last);
  bool send_client(const iovec* pieces, std::size_t count);
  bool flush_client();
  void on_upstream_end(bool reset);
  void answer_cut(std::string_view cause);
  void cut(std::string_view note);
  std::string public_origin();
  std::string moved_cookies();

  // --- exchange_tunnel.cpp
  void start_tunnel(std::string_view early);
  void pump_tunnel();
  struct OneWay {  // a direction of the tunnel, with what it runs between
    Tunnel::Way& way;
    Tunnel::Way& back;
    transport::Channel& from;
    transport::Channel& to;
    Outbox& pending;
    Outbox& back_pending;
    std::uint64_t& bytes;
    bool to_client;
  };
  void pump_one_way(const OneWay& at);
  bool pass_on(const OneWay& at, const iovec* pieces, std::size_t count);
  bool flush_way(const OneWay& at);
  void settle_way(const OneWay& at);
  bool relay_frames(const OneWay& at, std::string_view bytes);
  CloseFrame close_frame(bool to_client);
  TunnelEnd cause_to_leave(const Snapshot& now) const;
  void consider_leaving();
  void begin_closing(TunnelEnd why);
  void tunnel_deadline();
  void end_tunnel();

  Worker& worker_;
  ClientConnection& client_;
  SnapshotHold snapshot_;  // of this request
  Stage stage_ = Stage::deciding;

  // The request. Views point into `input_`, which is kept until the answer is complete.
  Block input_;
  std::size_t input_size_ = 0;  // bytes received and not yet given to a request
  std::size_t head_at_ = 0;     // size of the head at the front of input_
  std::uint32_t head_deadline_ = 0;
  HeadState head_state_ = HeadState::incomplete;
  RequestFraming framing_;
  durable::Classified classified_;
  std::unique_ptr<DurableCall> call_;  // of a request about an instance, an entity or a list
  std::unique_ptr<StartCall> start_;   // of a start, while there is a ledger
  std::uint32_t start_deadline_ = 0;
  routing::Reason start_reason_ = routing::Reason::none;
  Admission admission_ = Admission::stranger;
  bool header_is_ours_ = false;  // an x-functions-key is one of the proxy's keys or tokens
  bool code_is_ours_ = false;    // a `code` of the query is
  bool injected_ = false;        // this attempt carries the endpoint's key
  std::string_view method_;
  std::string_view target_;
  MethodClass method_class_ = MethodClass::safe;
  int version_ = 11;
  bool head_request_ = false;
  bool keep_alive_ = true;
  bool linger_ = false;
  bool client_gone_ = false;
  bool sent_ahead_ = false;    // the next request waits in the socket
  bool head_current_ = false;  // worker_.request_head is this request's

  // The body on its way up.
  std::uint64_t body_left_ = 0;
  std::uint64_t body_taken_ = 0;
  ChunkedDecoder body_decoder_;
  bool body_complete_ = false;   // all of it was taken from the client
  std::string_view early_body_;  // decoded bytes that came with the head
  std::size_t input_used_ = 0;   // bytes of input_ that belong to this request
  Block kept_;                   // body bytes after the early ones, for another attempt
  std::size_t kept_size_ = 0;
  bool replayable_ = true;
  Block spill_;  // raw bytes behind a chunked body: the next request's
  std::size_t spill_size_ = 0;
  Outbox upload_;
  bool head_sent_ = false;
  bool request_sent_ = false;
  BytesSent sent_ = BytesSent::none;
  bool upload_dead_ = false;  // the upstream takes no more; its answer may still come
  std::size_t upload_chunk_ = 64 * 1024;
  MinRate upload_rate_;
  bool continue_sent_ = false;

  // The attempt.
  UpstreamConnection* upstream_ = nullptr;
  const std::shared_ptr<Upstream>* endpoint_ = nullptr;  // in the snapshot
  routing::Tried tried_;
  routing::Reason reason_ = routing::Reason::none;
  std::uint8_t attempts_ = 0;
  FailedAttempts failed_;
  ShortText<32> trace_;  // the request's trace id; empty until it is sent
  bool this_one_failed_ = false;
  routing::EndpointId given_ = routing::no_endpoint;  // the answer that set_cookie_ gives
  std::string set_cookie_;                            // line, when the client keeps its answer
  bool held_ = false;
  bool counted_retry_ = false;
  bool fresh_only_ = false;
  bool answered_before_ = false;
  bool unknown_outcome_ = false;
  bool best_effort_ = false;
  bool refused_ = false;
  routing::Rotation rotation_ = routing::Rotation::serving;  // when the endpoint was chosen
  std::string_view failure_note_;
  Refusal own_fault_ =
      Refusal::count_;          // why no attempt could be made, when it is not the endpoint
  std::uint32_t progress_ = 0;  // tick of the last byte moved
  std::uint32_t first_byte_deadline_ = 0;

  // The answer on its way down.
  Answer answer_ = Answer::none;
  Collect collecting_ = Collect::nothing;
  Block answer_head_;
  std::size_t answer_head_size_ = 0;
  std::unique_ptr<durable::PayloadScanner> scanner_;
  bool coded_ = false;  // the collected body has a content coding
  Block collected_;
  std::size_t collected_size_ = 0;
  ResponseFraming answer_framing_;
  ChunkedDecoder answer_decoder_;
  std::uint64_t answer_left_ = 0;
  int status_ = 0;
  bool chunk_answer_ = false;     // we frame it in chunks
  bool close_delimited_ = false;  // to an HTTP/1.0 client
  bool answer_started_ = false;   // its head was given to the client
  std::uint8_t interim_answers_ = 0;
  Outbox download_;
  std::size_t download_chunk_ = 64 * 1024;
  MinRate download_rate_;
  bool may_have_more_ = false;  // the upstream's side is worth a read
  bool surplus_ = false;        // bytes behind the answer: the connection is of no more use
  bool upstream_ended_ = false;
  std::string rewritten_;       // a collected body with its URLs moved
  std::string payload_id_;      // canonical id of the instance that the payload is about
  std::string_view head_text_;  // the answer's head in scratch, to leave with the first body bytes

  // Tunnel.
  std::unique_ptr<Tunnel> tunnel_;

  Time started_{};
  Time attempt_started_{};
  std::uint32_t connect_us_ = 0;
  std::uint32_t first_byte_us_ = 0;
  std::uint64_t bytes_in_ = 0;
  std::uint64_t bytes_out_ = 0;
  bool counted_ = false;                         // in_flight counts this request
  std::shared_ptr<ClientCounts> client_counts_;  // counts it for its client
  ClientCounts::Slot client_slot_ = 0;
};

}  // namespace proxy
