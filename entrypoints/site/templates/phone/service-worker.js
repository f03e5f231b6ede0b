// Keep the report page, and public pages that were read, for when there is no network.
{% if not classic %}
import { sendAll } from {{ asset("js/report/send.js")|tojson }};
{% endif %}

const SHELL = "klarity-shell-" + {{ (version ~ "-" ~ language)|tojson }};
const READ = "klarity-read-" + {{ version|tojson }};
const FILES = {{ files|tojson }};
const PAGES = ["/report", "/offline"];
const MOST_READ = 60;
const REPORT_WAITS_MS = 4000;

self.addEventListener("install", (event) => {
  event.waitUntil(fill().then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(removeOld().then(() => self.clients.claim()));
});

// The pages are fetched as somebody who is not signed in: nothing private is kept.
async function fill() {
  const cache = await caches.open(SHELL);
  const headers = { "Accept-Language": {{ language|tojson }} };
  const pages = PAGES.map((page) => new Request(page, { credentials: "omit", cache: "reload", headers }));
  await cache.addAll([...FILES, ...pages]);
}

async function removeOld() {
  const old = (await caches.keys()).filter((name) => name !== SHELL && name !== READ);
  await Promise.all(old.map((name) => caches.delete(name)));
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== self.location.origin) return;
  if (pathname.startsWith("/static/")) event.respondWith(kept(request));
  else if (request.mode === "navigate") event.respondWith(navigated(event, pathname));
  else if (request.destination === "image") event.respondWith(picture(event));
});

async function kept(request) {
  return (await found(request)) ?? fetch(request);
}

function found(request) {
  return caches.match(request, { ignoreVary: true });
}

async function navigated(event, pathname) {
  try {
    const reply = fresh(event);
    return await (pathname === "/report" ? soon(reply) : reply);
  } catch {
    const page = pathname === "/report" ? pathname : event.request;
    return (await found(page)) ?? (await found("/offline")) ?? Response.error();
  }
}

// On a slow network the kept page is as good: what it shows is on the phone.
function soon(reply) {
  reply.catch(() => {});
  const late = new Promise((_, reject) => setTimeout(reject, REPORT_WAITS_MS));
  return Promise.race([reply, late]);
}

async function picture(event) {
  try {
    return await fresh(event);
  } catch {
    return (await found(event.request)) ?? Response.error();
  }
}

async function fresh(event) {
  const reply = await fetch(event.request);
  const control = reply.headers.get("Cache-Control") ?? "no-store";
  if (reply.ok && reply.status === 200 && !/no-store|private/.test(control)) {
    event.waitUntil(keep(event.request, reply.clone()));
  }
  return reply;
}

async function keep(request, reply) {
  const cache = await caches.open(READ);
  await cache.delete(request, { ignoreVary: true });
  await cache.put(request, reply);
  const read = await cache.keys();
  await Promise.all(read.slice(0, -MOST_READ).map((old) => cache.delete(old, { ignoreVary: true })));
}

{% if not classic %}
self.addEventListener("sync", (event) => {
  if (event.tag === "send") event.waitUntil(sendQueued());
});

// A failure makes the browser try again later.
async function sendQueued() {
  if (await sendAll()) throw new Error("no network yet");
}
{% endif %}
