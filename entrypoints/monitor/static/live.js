// Renew the page without moving what somebody reads: only if its content changed, and never while
// something in it is used. Without scripts, the page loads itself again instead.
"use strict";
const seconds = Number(document.currentScript.dataset.seconds);

function opened(root) {
  return [...root.querySelectorAll("details")].map((each) => each.open);
}

function isUsed(main) {
  return main.contains(document.activeElement) || !getSelection().isCollapsed;
}

async function renew() {
  const main = document.getElementById("main");
  if (document.hidden || isUsed(main)) return;
  const reply = await fetch(location.href, { cache: "no-store" });
  if (!reply.ok || reply.redirected) return;
  const page = new DOMParser().parseFromString(await reply.text(), "text/html");
  if (isUsed(main)) return; // since the page was asked for
  const open = opened(main);
  main.replaceChildren(...page.getElementById("main").childNodes);
  const details = [...main.querySelectorAll("details")];
  if (details.length === open.length) details.forEach((each, at) => { each.open = open[at]; });
}

setInterval(() => renew().catch(() => {}), seconds * 1000);
