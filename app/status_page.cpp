// The status page: one document, no outside resource, refreshed from /api/status. Everything that
// came from outside is put in by `textContent`, so no name or detail can become markup.
#include "app/admin.hpp"

namespace app {

std::string_view status_page() {
  return R"html(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Understudy</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<style>
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 70rem; margin: 1.5rem auto; padding: 0 1rem; }
h1 { font-size: 1.3rem; margin: 0 0 .25rem; } h2 { font-size: 1rem; margin: 1.5rem 0 .25rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .7rem .3rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
th { font-weight: 600; opacity: .7; }
.Online { color: #2a8a3e; } .Degraded { color: #c8352b; } .CheckingEndpoint { color: #b07a00; }
.Disabled, .Inactive, .Stopped { opacity: .6; }
#active { font-size: 1.15rem; } #alerts li { color: #c8352b; } #lost { color: #c8352b; }
time, .faint { opacity: .7; font-variant-numeric: tabular-nums; }
</style></head><body>
<h1>Understudy <span class="faint" id="profile"></span></h1>
<p id="active">loading</p><p id="waiting"></p><p id="durable"></p><p id="starts"></p><ul id="alerts"></ul><p id="lost" hidden>The proxy does not answer.</p>
<table><thead><tr><th>Endpoint</th><th>Priority</th><th>Status</th><th>Rotation</th><th>Since</th><th>Last probe</th>
<th>In flight</th><th>Sticky</th><th>URL</th></tr></thead><tbody id="endpoints"></tbody></table>
<h2>Last times</h2><p id="times"></p>
<h2>Latest events</h2><table><tbody id="events"></tbody></table>
<script>
"use strict";
const $ = id => document.getElementById(id);
const make = (tag, text, cls) => { const e = document.createElement(tag); e.textContent = text ?? ""; if (cls) e.className = cls; return e; };
const row = cells => { const r = document.createElement("tr"); for (const c of cells) r.append(c instanceof Node ? c : make("td", c)); return r; };
const span = s => s == null ? "none yet" : s < 1 ? Math.round(s * 1000) + " ms" : s < 60 ? s.toFixed(1) + " s"
  : s < 3600 ? Math.floor(s / 60) + " min " + Math.floor(s % 60) + " s" : Math.floor(s / 3600) + " h " + Math.floor(s % 3600 / 60) + " min";
const ago = (now, at) => span(Math.max(0, (Date.parse(now) - Date.parse(at)) / 1000));
const clock = at => make("time", at.slice(11, 23));
function show(s) {
  document.title = (s.active.endpoint ?? "nobody") + " | Understudy";
  $("profile").textContent = `${s.profile}, ${s.profileMonitorStatus}, version ${s.version}, up ${span(s.uptimeSeconds)}`;
  $("active").replaceChildren("Active: ", make("strong", s.active.endpoint ?? "nobody"), ` for ${ago(s.now, s.active.since)} (${s.active.text || s.active.why})`);
  $("waiting").textContent = [s.hold && (s.hold.until ? `Hold until ${s.hold.until}.` : "Hold until released."),
    s.failback.waitingFor && `Failback to ${s.failback.waitingFor} ${s.failback.until ? "at " + s.failback.until.slice(11, 19) + " UTC if it stays online" : "waits for a command"}.`,
    s.draining && "The proxy is shutting down."].filter(Boolean).join(" ");
  const lease = s.durable.lease, claim = s.durable.hubClaim;
  $("durable").textContent = [lease && `${lease.text} (${lease.why}).`, claim && `${claim.text}.`].filter(Boolean).join(" ");
  const n = s.durable.starts, some = (count, words) => count ? `, ${count} ${words}` : "";
  $("starts").textContent = !n ? (s.durable.taskHub === "none" ? "" : "Starts are not protected: durable.ledger.mode is off.")
    : `Starts: ${n.open} open${some(n.unknown, "unknown")}${some(n.queued, "queued")}${some(n.listed, "for an operator to decide about")}`
      + `${some(n.possibleDuplicates, "possibly run twice")}${some(n.duplicates, "run twice")}${some(n.lost, "lost")}`
      + `${n.oldestOpenSeconds == null ? "" : ", oldest " + span(n.oldestOpenSeconds)}${n.diskOk ? "." : "; the disk refuses the ledger."}`;
  $("alerts").replaceChildren(...s.alerts.map(a => make("li", `${a.kind}: ${a.text}`)));
  $("endpoints").replaceChildren(...s.endpoints.map(e => row([
    make(e.active ? "th" : "td", e.name), String(e.priority), make("td", e.statusText + (e.disagreement ? ", " + e.disagreement : ""), e.monitorStatus),
    e.draining ? "draining" : e.rotation, ago(s.now, e.since),
    e.lastProbe ? `${e.lastProbe.outcome}, ${e.lastProbe.latencyMs} ms, ${ago(s.now, e.lastProbe.at)} ago${e.lastProbe.passed ? "" : ": " + e.lastProbe.detail}` : "none yet",
    String(e.inFlight), String(e.stickyClients), e.url])));
  const b = s.bounds ?? {}, part = (name, key) => `${name} ${span(s.last[key])}${b[key] == null ? "" : " (at most " + span(b[key]) + ")"}`;
  $("times").textContent = [part("detection", "detectSeconds"), part("failover", "failoverSeconds"), part("failback", "failbackSeconds")].join(", ");
  $("events").replaceChildren(...s.transitions.slice().reverse().map(t => { const at = document.createElement("td"); at.append(clock(t.at)); return row([at, t.kind, t.text]); }));
}
async function refresh() {
  try { const answer = await fetch("/api/status"); show(await answer.json()); $("lost").hidden = true; }
  catch { $("lost").hidden = false; }
  setTimeout(refresh, 1000);
}
refresh();
</script></body></html>
)html";
}

}  // namespace app
