#include "rehearsal/report/page.hpp"

namespace report {

std::string_view style() {
  return R"css(
:root{--ink:#1c2733;--soft:#5b6876;--faint:#8a95a1;--paper:#fff;--desk:#f3f5f7;--line:#dde2e8;--wash:#f6f8fa;--link:#245f9e;
--good:#1e7a4c;--good-w:#e4f3ea;--warn:#8f5a00;--warn-w:#fdf1d8;--bad:#b3261e;--bad-w:#fbe5e3;--note:#3d5a78;--note-w:#e6eef6;
--e0:#2f6db3;--e1:#c27a1a;--e2:#7b57a8;--e3:#2c8a86;--online:#b9dfc8;--online-t:#12452b;--hatch:#b3261e;--bar:#8fb4d9;--grid:#eaedf1;--fault:#d9534f;
color-scheme:light dark}
@media (prefers-color-scheme:dark){:root{--ink:#e3e8ee;--soft:#a3afbc;--faint:#7d8997;--paper:#171d24;--desk:#10151a;--line:#303a45;--wash:#1d252e;--link:#84b6ea;
--good:#6fcf9b;--good-w:#16352a;--warn:#e9b95c;--warn-w:#3a2d12;--bad:#ff8f86;--bad-w:#43201e;--note:#9dbddd;--note-w:#1d2c3b;
--e0:#3f7fc6;--e1:#b87620;--e2:#8a67b8;--e3:#2f8e8a;--online:#27573f;--online-t:#d5f2e1;--hatch:#ff8f86;--bar:#4b7bab;--grid:#242d36;--fault:#ff7a70}}
*{box-sizing:border-box}
body{margin:0;background:var(--desk);color:var(--ink);font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;-webkit-text-size-adjust:100%;overflow-wrap:anywhere}
main{max-width:1180px;margin:28px auto 48px;background:var(--paper);border:1px solid var(--line);border-radius:10px;padding:40px 48px 44px}
header .kind{color:var(--soft);font-size:13px;letter-spacing:.06em;text-transform:uppercase;margin:0 0 6px}
h1{font-size:29px;line-height:1.22;margin:0 0 8px;font-weight:650;letter-spacing:-.01em}
h2{font-size:20px;line-height:1.3;margin:46px 0 10px;padding-top:14px;border-top:1px solid var(--line);font-weight:650}
h3{font-size:15.5px;margin:24px 0 6px;font-weight:650}
p{margin:0 0 10px;max-width:80ch}
.lead{color:var(--soft);margin:0 0 4px}
.facts{color:var(--soft);font-size:13.5px;margin:10px 0 0;max-width:none;overflow-wrap:anywhere}
code{font:13px/1.5 ui-monospace,"SF Mono","Cascadia Mono",Menlo,Consolas,monospace;overflow-wrap:anywhere}
a{color:var(--link)}
ul{margin:4px 0 10px;padding-left:20px}li{margin:3px 0;max-width:80ch}
.verdict{display:flex;gap:18px;align-items:baseline;margin:24px 0 8px;padding:16px 20px;border-radius:8px;border-left:7px solid}
.verdict b{font-size:21px;letter-spacing:.05em;white-space:nowrap}
.verdict p{margin:0;font-size:16px;max-width:none;overflow-wrap:anywhere}
.passed{background:var(--good-w);border-color:var(--good)}.passed b{color:var(--good)}
.missed{background:var(--bad-w);border-color:var(--bad)}.missed b{color:var(--bad)}
.inconclusive,.interrupted{background:var(--warn-w);border-color:var(--warn)}.inconclusive b,.interrupted b{color:var(--warn)}
.scroll{overflow-x:auto;margin:10px 0 16px}
.scroll:focus-visible{outline:2px solid var(--link);outline-offset:2px}
table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
caption{text-align:left;color:var(--soft);font-size:13.5px;padding-bottom:6px}
th,td{text-align:left;vertical-align:top;padding:7px 14px 7px 0;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
th:last-child,td:last-child{padding-right:0}
thead th{color:var(--soft);font-weight:600;font-size:12.5px;border-bottom:1.5px solid var(--faint);white-space:nowrap;overflow-wrap:normal}
tbody th{font-weight:600}
.num{text-align:right;white-space:nowrap}
.thin{white-space:nowrap}
.sub{display:block;color:var(--soft);font-size:13px;font-weight:400}
.mark{display:inline-block;white-space:nowrap;font-size:12.5px;font-weight:650;padding:1px 9px;border-radius:20px;overflow-wrap:normal}
.yes{color:var(--good);background:var(--good-w)}.no,.high{color:var(--bad);background:var(--bad-w)}
.unmeasured,.medium{color:var(--warn);background:var(--warn-w)}.low,.note-s{color:var(--note);background:var(--note-w)}
.src{font-size:12.5px;font-weight:650;color:var(--soft);white-space:nowrap}.src.fault,.src.alert{color:var(--bad)}.src.step{color:var(--note)}
.basis{display:grid;grid-template-columns:1fr 1fr;gap:0 36px}
.basis h3{margin-top:8px}
.honest{background:var(--wash);border-left:4px solid var(--faint);padding:10px 16px;max-width:none}
.findings{list-style:none;padding:0;margin:12px 0}
.findings li{display:grid;grid-template-columns:86px 1fr;gap:4px 14px;padding:12px 0;border-bottom:1px solid var(--line);max-width:none;margin:0;overflow-wrap:anywhere;break-inside:avoid}
.findings p{margin:0}.findings .change{grid-column:2;color:var(--soft)}
.write{display:block;min-height:1.7em;border-bottom:1px solid var(--faint)}
.empty{color:var(--soft)}
figure{margin:14px 0 0}
figcaption{color:var(--soft);font-size:13px;margin-top:6px}
footer{color:var(--soft);font-size:13px;margin-top:40px}
/* timeline */
.timeline{display:block;width:100%;min-width:820px;height:auto;font:12px system-ui,-apple-system,"Segoe UI",Roboto,Arial,sans-serif}
.timeline text{fill:var(--soft)}
.timeline .lane{text-anchor:end;fill:var(--ink);font-weight:600;font-size:12.5px}.timeline .unit{fill:var(--faint);font-weight:400;font-size:11px}
.timeline .tick{text-anchor:middle;font-size:11px}.timeline .scale{text-anchor:end;font-size:10.5px;fill:var(--faint)}
.timeline .note,.timeline .key{font-size:11px}
.grid{stroke:var(--grid);fill:none}.rule{stroke:var(--grid);fill:none}.base{stroke:var(--faint);fill:none}
rect.fault{fill:var(--fault);fill-opacity:.09}.faultedge{stroke:var(--fault);stroke-dasharray:3 3;fill:none;opacity:.8}
.timeline .faultname{fill:var(--bad);font-weight:600;font-size:11.5px}
.step rect{fill:var(--paper);stroke:var(--note);stroke-width:1.3}.timeline .step text{text-anchor:middle;font-size:10px;font-weight:650;fill:var(--note)}
.undone rect{stroke:var(--bad);stroke-dasharray:2 2}.timeline .undone text{fill:var(--bad)}
rect.e0{fill:var(--e0)}rect.e1{fill:var(--e1)}rect.e2{fill:var(--e2)}rect.e3{fill:var(--e3)}
.timeline .inbar{font-size:12px;font-weight:600}
.timeline .e0-t,.timeline .e1-t,.timeline .e2-t,.timeline .e3-t{fill:#fff}
rect.h-online{fill:var(--online)}.timeline .h-online-t{fill:var(--online-t)}
rect.h-degraded{fill:url(#p-degraded);stroke:var(--hatch);stroke-width:.8}rect.h-checking{fill:url(#p-checking);stroke:var(--faint);stroke-width:.6}
rect.h-stopped{fill:url(#p-stopped);stroke:var(--hatch);stroke-width:.8}rect.h-disabled{fill:url(#p-disabled);stroke:var(--faint);stroke-width:.6}
rect.h-unknown{fill:var(--paper);stroke:var(--faint);stroke-dasharray:3 2}
.timeline .h-degraded-t,.timeline .h-stopped-t,.timeline .h-checking-t,.timeline .h-disabled-t{fill:var(--ink);paint-order:stroke;stroke:var(--paper);stroke-width:3.5px;stroke-linejoin:round}
.pb-degraded,.pb-stopped{fill:var(--bad-w)}.pl-degraded{stroke:var(--hatch);stroke-width:1.6;stroke-opacity:.55}.pl-stopped{stroke:var(--hatch);stroke-width:.9;stroke-opacity:.6}
.pb-checking,.pb-disabled{fill:var(--wash)}.pl-checking{fill:var(--faint)}.pl-disabled{stroke:var(--faint);stroke-width:.9}
.pb-bad{fill:var(--bad)}.pl-bad{stroke:var(--paper);stroke-width:1.2;stroke-opacity:.7}
rect.good{fill:var(--bar)}rect.bad{fill:url(#p-bad)}
.l50,.l95,.lsent,.laccepted,.lfinal{fill:none;stroke-linejoin:round}
.l50{stroke:var(--e0);stroke-width:1.8}.l95{stroke:var(--e1);stroke-width:1.3}.lmax{stroke:var(--bad);stroke-width:3;stroke-linecap:round;fill:none;opacity:.75}
rect.k50{fill:var(--e0)}rect.k95{fill:var(--e1)}rect.kmax{fill:var(--bad)}
.lsent{stroke:var(--faint);stroke-width:3.2;opacity:.6}.laccepted{stroke:var(--e0);stroke-width:1.6}.lfinal{stroke:var(--e3);stroke-width:1.6;stroke-dasharray:5 3}
rect.ksent{fill:var(--faint)}rect.kaccepted{fill:var(--e0)}rect.kfinal{fill:var(--e3)}
.running{fill:var(--e2);fill-opacity:.3;stroke:var(--e2);stroke-width:1.2}
@media (max-width:720px){main{margin:0;border:0;border-radius:0;padding:22px 16px 32px}h1{font-size:23px}.verdict{display:block;padding:14px 16px}.verdict b{display:block;margin-bottom:4px}
.basis{display:block}.scroll table.wide{min-width:600px}th,td{padding-right:10px}.mark{padding:1px 7px;font-size:11.5px}.short th:last-child{white-space:nowrap}.findings li{grid-template-columns:1fr}.findings .change{grid-column:1}}
@page{size:A4;margin:14mm 13mm}
@media print{:root{--ink:#111;--soft:#444;--faint:#777;--paper:#fff;--desk:#fff;--line:#ccc;--wash:#f4f4f4;--link:#111;--good:#145c38;--good-w:#e9f4ed;--warn:#6d4500;--warn-w:#fbf2df;--bad:#98201a;--bad-w:#fae9e7;--note:#2c4763;--note-w:#eaf0f6;
--e0:#2f6db3;--e1:#b06c12;--e2:#7b57a8;--e3:#2c8a86;--online:#cfe8d9;--online-t:#12452b;--hatch:#98201a;--bar:#8fb4d9;--grid:#e4e4e4;--fault:#c0392b;color-scheme:light}
*{-webkit-print-color-adjust:exact;print-color-adjust:exact}
h2{margin-top:22pt;padding-top:8pt}body{font-size:10.5pt;line-height:1.42;background:#fff}main{max-width:none;margin:0;border:0;padding:0}
h1{font-size:19pt}h2{font-size:13.5pt}h1,h2,h3,caption{break-after:avoid}
table{font-size:9pt}thead{display:table-header-group}tr,.verdict,figure,.honest{break-inside:avoid}table.short{break-inside:avoid}
.scroll{overflow:visible}.timeline{min-width:0}.scroll table.wide{min-width:0}}
)css";
}

}  // namespace report
