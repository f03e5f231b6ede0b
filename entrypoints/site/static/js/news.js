// Count the cases that are published while the page is open. The list does not move: a link that
// shows them appears above it.
const bar = document.querySelector("[data-news]");
const link = document.createElement("a");
const fresh = new Set();
let source = null;

link.href = location.pathname + location.search;
addEventListener("pageshow", listen);
addEventListener("pagehide", () => source.close());

function listen() {
  source = new EventSource("/v1/updates?kind=case-published");
  source.addEventListener("case-published", (event) => count(JSON.parse(event.data).case_id));
}

function count(caseId) {
  if (document.querySelector(`a[href="/cases/${caseId}"]`)) return;
  fresh.add(caseId);
  const number = new Intl.NumberFormat(document.documentElement.lang).format(fresh.size);
  link.textContent = `${bar.dataset.news} ${number}`;
  bar.append(link);
}
