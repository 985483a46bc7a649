// result.json: the whole result in one format, whose number changes when a reader would have to.
#include <nlohmann/json.hpp>

#include "config/words.hpp"
#include "rehearsal/report/result_format.hpp"
#include "rehearsal/report/sequence.hpp"

namespace report {
namespace {

using Json = nlohmann::ordered_json;

Json ms(const std::optional<Millis>& time) {
  return time ? Json(time->count()) : Json(nullptr);
}
double s(At at) {
  return static_cast<double>(at.count()) / 1e6;
}
Json s(const std::optional<At>& at) {
  return at ? Json(s(*at)) : Json(nullptr);
}

Json of(const verdict::Latency& one) {
  return {{"requests", one.requests},  {"failed", one.failed},      {"p50_ms", one.p50.count()},
          {"p95_ms", one.p95.count()}, {"p99_ms", one.p99.count()}, {"max_ms", one.max.count()}};
}

Json of(const verdict::Measures& m) {
  return {
      {"detect_ms", ms(m.detect)},
      {"failover_ms", ms(m.failover)},
      {"failback_ms", ms(m.failback)},
      {"http_rto_ms", ms(m.http_rto)},
      {"work_rto_ms", ms(m.work_rto)},
      {"alert_within_ms", ms(m.alert_within)},
      {"instance_recovery_ms", ms(m.instance_recovery)},
      {"running_at_fault", m.running_at_fault},
      {"recovered", m.recovered},
      {"failed_in_flight", m.failed_in_flight},
      {"failed_after", m.failed_after},
      {"failed_otherwise", m.failed_otherwise},
      {"lost_instances", m.lost_instances},
      {"replication_lag_ms", ms(m.replication_lag)},
      {"switches", m.switches},
      {"latency", {{"before", of(m.before)}, {"during", of(m.during)}, {"after", of(m.after)}}}};
}

Json of(const verdict::Reconciliation& r) {
  Json out = {{"sent", r.sent},
              {"accepted", r.accepted},
              {"once", r.once},
              {"completed", r.completed},
              {"refused", r.refused},
              {"unknown", r.unknown},
              {"failed", r.failed},
              {"unanswered", r.unanswered},
              {"ghost", r.ghost},
              {"duplicate", r.duplicate},
              {"lost", r.lost},
              {"stranded", r.stranded},
              {"misnamed", r.misnamed},
              {"unconfirmed", r.unconfirmed},
              {"wrong_urls", r.wrong_urls},
              {"nobodys", r.nobodys},
              {"polls", r.polls},
              {"polls_not_found", r.polls_not_found},
              {"polls_stale", r.polls_stale},
              {"polls_failed", r.polls_failed}};
  out["examples"] = Json::array();
  for (const auto& one : r.examples)
    out["examples"].push_back({{"number", one.number}, {"word", one.word}, {"detail", one.detail}});
  return out;
}

Json of(const std::optional<verdict::SteadyResult>& steady) {
  if (!steady) return nullptr;
  return {{"held", steady->held},          {"began_s", s(steady->began)},
          {"ended_s", s(steady->ended)},   {"errors", steady->errors},
          {"p95_ms", steady->p95.count()}, {"detail", steady->detail}};
}

Json of(const verdict::Account& account) {
  Json out = {{"traffic", Json::array()}, {"shares", Json::array()}};
  for (const auto& one : account.traffic)
    out["traffic"].push_back({{"app", one.app},
                              {"region", one.region},
                              {"storage", one.storage},
                              {"requests", one.requests},
                              {"bytes_in", one.bytes_in},
                              {"bytes_out", one.bytes_out},
                              {"crosses_regions", one.crosses_regions}});
  for (const auto& one : account.shares)
    out["shares"].push_back({{"app", one.app},
                             {"storage", one.storage},
                             {"orchestrations", one.orchestrations},
                             {"activities", one.activities}});
  return out;
}

Json scenario_of(const Run& run) {
  const scenario::Scenario& one = run.scenario;
  Json out = {{"name", one.name},
              {"title", one.title},
              {"about", one.about},
              {"source", run.scenario_source},
              {"expected", one.expect == scenario::Expected::pass ? "pass" : "missed"},
              {"time_scale", one.time_scale},
              {"task_hub", config::to_string(one.topology.task_hub)},
              {"seed", one.load.seed},
              {"rate", one.load.rate},
              {"changed", one.changed},
              {"endpoints", Json::array()}};
  for (const auto& endpoint : one.topology.endpoints)
    out["endpoints"].push_back({{"name", endpoint.name},
                                {"region", endpoint.region},
                                {"priority", endpoint.priority},
                                {"is", scenario::describe(endpoint)}});
  return out;
}

void add_judgement(Json& out, const verdict::Judgement& judgement) {
  out["objectives"] = Json::array();
  for (const auto& one : judgement.objectives)
    out["objectives"].push_back({{"name", one.name},
                                 {"target", one.target},
                                 {"measured", one.measured},
                                 {"met", word_of(one.met)},
                                 {"why", one.why}});
  out["predictions"] = Json::array();
  for (const auto& one : judgement.predictions)
    out["predictions"].push_back({{"what", one.what},
                                  {"predicted", one.predicted},
                                  {"observed", one.observed},
                                  {"comparable", one.comparable},
                                  {"kept", one.kept}});
  out["findings"] = Json::array();
  for (const auto& one : judgement.findings)
    out["findings"].push_back(
        {{"severity", word_of(one.severity)}, {"text", one.text}, {"change", one.change}});
  out["measures"] = of(judgement.measures);
  out["starts"] = of(judgement.starts);
}

void add_record(Json& out, const verdict::RunRecord& record) {
  out["started"] = utc_text(record.started) + "Z";
  std::string& started = out["started"].get_ref<std::string&>();
  started[10] = 'T';
  out["lasted_s"] = s(record.ended);
  out["interrupted"] = record.interrupted;
  out["aborted"] = record.aborted;
  out["requests"] = record.requests.size();
  out["load_late_ms"] = record.load_late.count();
  out["executions_known"] = record.executions_known;
  out["possible_duplicates"] = record.possible_duplicates;
  out["steady_before"] = of(record.steady_before);
  out["steady_after"] = of(record.steady_after);
  out["steps"] = Json::array();
  for (const auto& one : record.steps)
    out["steps"].push_back({{"text", one.text},
                            {"began_s", s(one.began)},
                            {"ended_s", s(one.ended)},
                            {"done", one.done},
                            {"detail", one.detail}});
  out["faults"] = Json::array();
  for (const auto& one : record.faults)
    out["faults"].push_back({{"text", one.text},
                             {"kind", scenario::to_string(one.kind)},
                             {"target", one.target},
                             {"began_s", s(one.began)},
                             {"ended_s", s(one.ended)}});
  out["sequence"] = Json::array();
  for (const Happening& one : sequence_of(record))
    out["sequence"].push_back({{"at_s", s(one.at)}, {"source", one.source}, {"text", one.text}});
  out["work"] = {{"normal", of(record.normal)}, {"end", of(record.end)}};
  out["account_failovers"] = Json::array();
  for (const auto& one : record.failovers)
    out["account_failovers"].push_back({{"storage", one.storage},
                                        {"planned", one.planned},
                                        {"began_s", s(one.began)},
                                        {"ended_s", s(one.ended)},
                                        {"last_sync_s", s(one.last_sync)},
                                        {"lost", one.lost}});
}

Json meta_of(const Meta& meta) {
  Json out = {{"test_id", meta.test_id},           {"ticket", meta.ticket},
              {"environment", meta.environment},   {"purpose", meta.purpose},
              {"business_rto", meta.business_rto}, {"business_rpo", meta.business_rpo},
              {"approver", meta.approver},         {"sign_off", meta.sign_off},
              {"retest_date", meta.retest_date},   {"people", meta.people},
              {"deviations", meta.deviations},     {"actions", Json::array()}};
  for (const auto& one : meta.actions)
    out["actions"].push_back({{"what", one.what}, {"owner", one.owner}, {"due", one.due}});
  return out;
}

void add_provenance(Json& out, const Run& run) {
  out["versions"] = Json::object();
  for (const auto& [name, version] : run.versions) out["versions"][name] = version;
  out["machine"] = {{"host", run.machine.host},
                    {"system", run.machine.system},
                    {"processor", run.machine.processor},
                    {"cores", run.machine.cores},
                    {"memory", run.machine.memory}};
  out["command_line"] = run.command_line;
  out["config_hash"] = run.config_hash;
  out["compared_with"] = run.compared_with;
  out["config_differences"] = nullptr;
  if (run.config_differences) {
    out["config_differences"] = Json::array();
    for (const auto& one : *run.config_differences)
      out["config_differences"].push_back(
          {{"path", one.path}, {"here", one.here}, {"there", one.there}});
  }
  out["evidence"] = Json::array();
  for (const auto& one : run.evidence)
    out["evidence"].push_back({{"file", one.file}, {"bytes", one.bytes}, {"sha256", one.sha256}});
}

}  // namespace

std::string to_json(const Run& run) {
  Json out = {{"product", result_product},
              {"format", result_format},
              {"outcome", verdict::to_string(run.judgement.outcome)},
              {"exit_code", verdict::exit_code(run.judgement.outcome)},
              {"summary", run.judgement.summary},
              {"attached", run.attached}};
  out["scenario"] = scenario_of(run);
  add_judgement(out, run.judgement);
  add_record(out, run.record);
  const Basis basis = basis_of(run);
  out["basis"] = {{"real", basis.real}, {"modelled", basis.modelled}};
  out["meta"] = meta_of(run.meta);
  add_provenance(out, run);
  return out.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace report
