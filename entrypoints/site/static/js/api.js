// Ask the API as the person who is signed in. The token is kept in memory only: the session is in a
// cookie that scripts cannot read.
let token = null;

export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail ?? String(status));
    this.status = status;
    this.code = (problem.type ?? "").replace("/problems/", "");
    this.errors = problem.errors ?? {};
  }
}

// Return an access token, or "" if nobody is signed in.
export async function accessToken({ renew = false } = {}) {
  if (!token || renew) token = (await askedToken(csrfToken())) || (await askedToken(await newCsrf()));
  return token;
}

async function askedToken(csrf) {
  if (!csrf) return "";
  const reply = await fetch("/session/token", { method: "POST", headers: { "X-CSRFToken": csrf } });
  return reply.ok ? (await reply.json()).access_token : "";
}

// Send a request below /v1 and return the reply. Throws Refused, or TypeError without a network.
export async function ask(method, path, body, headers = {}) {
  let reply = await send(method, path, body, headers, await accessToken());
  if (reply.status === 401 && token) {
    reply = await send(method, path, body, headers, await accessToken({ renew: true }));
  }
  if (!reply.ok) throw new Refused(reply.status, await reply.json().catch(() => ({})));
  return reply;
}

// Return what the API says in fixed words, in the language of the page.
export async function inWords(text) {
  const reply = await fetch(`/in-words?${new URLSearchParams({ text })}`).catch(() => null);
  return reply?.ok ? reply.text() : text;
}

function send(method, path, body, headers, bearer) {
  const sent = { ...headers };
  if (bearer) sent.Authorization = `Bearer ${bearer}`;
  if (body !== undefined) sent["Content-Type"] = "application/json";
  return fetch(`/v1${path}`, {
    method,
    headers: sent,
    body: body === undefined ? undefined : JSON.stringify(body),
  });
}

let csrf = "";

// Workers have no document, and a page that was kept for offline use holds no token of a session.
function csrfToken() {
  return csrf || globalThis.document?.querySelector('meta[name="csrf-token"]')?.content || "";
}

async function newCsrf() {
  const page = await (await fetch("/report", { cache: "no-store" })).text();
  csrf = page.match(/name="csrf-token" content="([^"]+)"/)?.[1] ?? "";
  return csrf;
}
