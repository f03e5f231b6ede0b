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
  if (token === null || renew) {
    const reply = await fetch("/session/token", {
      method: "POST",
      headers: { "X-CSRFToken": csrfToken() },
    });
    token = reply.ok ? (await reply.json()).access_token : "";
  }
  return token;
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

function csrfToken() {
  return document.querySelector('meta[name="csrf-token"]')?.content ?? "";
}
