#include "pkg/daemon/page_assets.hh"

namespace weir::daemon {

const std::string_view kPageStyle = R"(:root{color-scheme:light dark;
--ink:#18212b;--soft:#5a6876;--line:#e1e6ec;--page:#f3f5f8;--card:#fff;--hover:#f6f9fc;--track:#e4eaf1;
--shade:rgba(24,33,43,.16);--accent:#1769aa;--area:rgba(23,105,170,.12);
--good:#14713f;--good-back:#e3f4ea;--warning:#8a5200;--warning-back:#fcf0d9;--bad:#b3261e;--bad-back:#fbe6e4;
--info:#1a5fa0;--info-back:#e4effa;--muted:#5a6876;--muted-back:#ebeff3}
@media(prefers-color-scheme:dark){:root{
--ink:#e3e8ee;--soft:#94a2b1;--line:#29343f;--page:#0f151b;--card:#171f27;--hover:#1c2630;--track:#2a3642;
--shade:rgba(0,0,0,.6);--accent:#63b0f2;--area:rgba(99,176,242,.16);
--good:#5bd08f;--good-back:#143223;--warning:#ebb253;--warning-back:#3a2a0c;--bad:#ff8a80;--bad-back:#431c1a;
--info:#78b8f5;--info-back:#152e47;--muted:#94a2b1;--muted-back:#26313c}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;
font-variant-numeric:tabular-nums}
main,footer{max-width:1400px;margin:0 auto;padding:0 20px}
header{display:flex;flex-wrap:wrap;align-items:center;gap:8px 14px;padding:22px 0 18px}
h1{font-size:23px;line-height:1.2;margin:0;letter-spacing:-.01em}
.version{color:var(--soft);font-size:13px}
nav{margin-left:auto;display:flex;gap:16px}
a{color:var(--accent);text-decoration:none}
a:hover{text-decoration:underline}
h2{font-size:13px;font-weight:600;letter-spacing:.06em;text-transform:uppercase;color:var(--soft);margin:26px 0 10px}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(190px,1fr));gap:12px;margin-bottom:16px}
.figure,.card{background:var(--card);border:1px solid var(--line);border-radius:10px}
.figure{padding:12px 16px;position:relative;overflow:hidden;min-width:0}
.label,.detail{color:var(--soft);font-size:13px}
.value{font-size:24px;font-weight:600;line-height:1.3;overflow-wrap:anywhere}
.figure .spark{position:absolute;right:16px;top:14px;width:84px;height:26px}
.card{margin:0 0 12px;overflow:hidden}
summary{display:flex;flex-wrap:wrap;align-items:center;gap:4px 12px;padding:11px 16px;cursor:pointer;
list-style:none;font-weight:600}
summary::-webkit-details-marker{display:none}
summary::before{content:"";flex:none;width:7px;height:7px;margin-right:1px;border:solid var(--soft);
border-width:0 2px 2px 0;transform:rotate(-45deg);transition:transform .12s}
details[open]>summary::before{transform:translateY(-2px) rotate(45deg)}
summary:hover{background:var(--hover)}
summary:focus-visible,a:focus-visible,.scroll:focus-visible{outline:2px solid var(--accent);outline-offset:-2px}
summary .detail{font-weight:400;margin-left:auto}
.count{color:var(--soft);font-weight:400}
.scroll{overflow-x:auto;border-top:1px solid var(--line);
background:linear-gradient(to left,var(--card) 30%,transparent) 100% 0/40px 100% no-repeat local,
linear-gradient(to left,var(--shade),transparent) 100% 0/16px 100% no-repeat scroll}
table{border-collapse:collapse;width:100%;font-size:14px}
th,td{padding:7px 10px;text-align:left;white-space:nowrap}
td:first-child{max-width:19em;overflow:hidden;text-overflow:ellipsis}
th:first-child,td:first-child{padding-left:16px;position:sticky;left:0;background:var(--card);z-index:1}
th:last-child,td:last-child{padding-right:16px}
tbody tr+tr>*{border-top:1px solid var(--line)}
tbody tr:hover>*{background:var(--hover)}
thead th{color:var(--soft);font-weight:500;font-size:13px;padding-top:9px;padding-bottom:5px}
th.n,td.n{text-align:right}
.empty{padding:14px 16px;color:var(--soft);border-top:1px solid var(--line)}
.badge{display:inline-flex;align-items:center;gap:6px;padding:1px 10px 1px 8px;border-radius:99px;font-size:13px;
font-weight:500;line-height:20px;white-space:nowrap;vertical-align:middle;color:var(--tone);
background:var(--back)}
.badge::before{content:"";width:7px;height:7px;border-radius:50%;background:currentColor}
.good{--tone:var(--good);--back:var(--good-back)}
.warning{--tone:var(--warning);--back:var(--warning-back)}
.bad{--tone:var(--bad);--back:var(--bad-back)}
.info{--tone:var(--info);--back:var(--info-back)}
.muted{--tone:var(--muted);--back:var(--muted-back)}
.muted.badge::before,.info.badge::before{background:none;border:2px solid currentColor}
.why{color:var(--soft);font-size:13px;margin-left:8px;vertical-align:middle}
.drawn{display:inline-flex;vertical-align:middle;align-items:center;justify-content:flex-end;gap:10px}
.drawn .text{min-width:3.9em}
svg{display:block;flex:none}
.share{width:56px;height:6px;border-radius:3px;background:var(--track)}
.share rect{fill:var(--accent)}
.spark{width:72px;height:20px;overflow:visible}
.spark polyline{fill:none;stroke:var(--accent);stroke-width:1.5;stroke-linejoin:round;
vector-effect:non-scaling-stroke}
.spark polygon{fill:var(--area)}
footer{padding-top:14px;padding-bottom:40px;color:var(--soft);font-size:13px}
.stale main{opacity:.55}
@media(max-width:640px){
main,footer{padding-left:12px;padding-right:12px}
header{padding:16px 0 14px}
.figures{grid-template-columns:1fr 1fr;gap:8px}
.figure{padding:10px 12px}
.figure:last-child:nth-child(odd){grid-column:1/-1}
.value{font-size:20px}
.figure .spark{position:static;width:100%;height:22px;margin-top:4px}
summary{padding:11px 12px}
summary .detail{margin-left:0;flex-basis:100%;padding-left:20px}
.why{display:block;margin:2px 0 0;width:max-content;max-width:44vw;white-space:normal}
th,td{padding-left:9px;padding-right:9px}
th:first-child,td:first-child{padding-left:12px;max-width:46vw;overflow:hidden;text-overflow:ellipsis}
}
@media(prefers-reduced-motion:reduce){*{transition:none!important}}
)";

const std::string_view kPageScript = R"("use strict";
// Keeps the page as it is on the server. Only nodes that differ are touched, so that scrolling, selection
// and what was folded stay.
const main = document.querySelector("main");
const link = document.getElementById("link");
let source = null;
let retry = 0;

function parse(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.firstElementChild;
}

function patch(old, now) {
  if (old.nodeType !== now.nodeType || old.nodeName !== now.nodeName) {
    old.replaceWith(now);
    return;
  }
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== now.data) old.data = now.data;
    return;
  }
  for (const {name, value} of now.attributes)
    if (name !== "open" && old.getAttribute(name) !== value) old.setAttribute(name, value);
  for (const {name} of [...old.attributes])
    if (name !== "open" && !now.hasAttribute(name)) old.removeAttribute(name);
  const before = [...old.childNodes];
  const after = [...now.childNodes];
  after.forEach((node, i) => i < before.length ? patch(before[i], node) : old.append(node));
  before.slice(after.length).forEach(node => node.remove());
}

function show(update) {
  for (const [id, html] of Object.entries(update.cards)) {
    const old = document.getElementById(id);
    if (old) patch(old, parse(html));
    else main.append(parse(html));
  }
  const wanted = new Set(update.order);
  for (const card of [...main.children]) if (!wanted.has(card.id)) card.remove();
  update.order.forEach((id, i) => {
    const card = document.getElementById(id);
    if (card && main.children[i] !== card) main.insertBefore(card, main.children[i]);
  });
}

function tell(text, stale) {
  link.textContent = text;
  document.body.classList.toggle("stale", stale);
}

function connect() {
  clearTimeout(retry);
  source = new EventSource("/live");
  source.addEventListener("cards", event => {
    tell("Live: updates by itself.", false);
    show(JSON.parse(event.data));
  });
  source.onerror = () => {
    tell("Not connected; trying again. What is shown is old.", true);
    // The browser tries again by itself, unless it was answered with an error.
    if (source.readyState === EventSource.CLOSED) retry = setTimeout(connect, 5000);
  };
}

// Nobody looks at a hidden page: it lets its place go.
document.addEventListener("visibilitychange", () => {
  clearTimeout(retry);
  if (source) source.close();
  if (!document.hidden) connect();
});
if (!document.hidden) connect();
)";

const std::string_view kPageIcon =
    R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#1769aa"/>)"
    R"(<path d="M5 11c4-4 7-4 11 0s7 4 11 0M5 21c4-4 7-4 11 0s7 4 11 0" fill="none" stroke="#fff" stroke-width="3" )"
    R"(stroke-linecap="round"/></svg>)"
    "\n";

}  // namespace weir::daemon
