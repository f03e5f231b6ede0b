// Send queued drafts: their files first, then the report. What was done is stored after each step,
// so it goes on where it stopped. The id of the case and the keys of the uploads are the draft's
// own: whatever is sent again takes effect once. Pages and the service worker share this file.
import "../../npm/tus.js";
import { accessToken, ask, inWords, Refused } from "../api.js";
import { FetchStack } from "./fetch_stack.js";
import { rounded } from "./place.js";
import { allDrafts, change, changeFile, contentOf, draftOf, dropFile, newId } from "./store.js";

const LEAST_CHUNK = 256 * 1024;
const MOST_CHUNKS = 50;
let next = null;

// Send all drafts that are queued. Return whether some of them wait for the network.
export function sendAll() {
  next ??= alone(() => {
    next = null;
    return sendEach();
  });
  return next;
}

function alone(task) {
  return navigator.locks ? navigator.locks.request("klarity-send", task) : task();
}

async function sendEach() {
  let waits = false;
  for (const { case_id: caseId, queued } of await allDrafts()) {
    if (!queued) continue;
    try {
      await send(caseId);
    } catch (error) {
      waits = (await explain(caseId, error)) || waits;
    }
  }
  return waits;
}

async function send(caseId) {
  await bind(caseId);
  const begun = await draftOf(caseId);
  for (const file of begun.files) if (!file.evidence_id) await sendFile(caseId, file);
  const draft = await draftOf(caseId);
  if (!draft) return;
  if (draft.files.some((file) => file.problem && !isRejected(file))) {
    await change(caseId, () => ({ queued: false, state: "needs", problem: null }));
  } else if (draft.reported) {
    await attach(draft);
  } else {
    await report(draft);
  }
}

// What was rejected can never be used, and keeps nothing else from being sent.
function isRejected(file) {
  return file.problem?.code === "rejected";
}

// A draft belongs to the member who sent it first: on a shared phone another one may be signed in.
async function bind(caseId) {
  const me = await (await ask("GET", "/me")).json();
  const { member } = await draftOf(caseId);
  if (member && member !== me.member_id) throw new Refused(401, { type: "/problems/other-member" });
  await change(caseId, () => ({ member: me.member_id, state: "sending", problem: null }));
}

async function report(draft) {
  const caseId = draft.case_id;
  const body = draft.body ?? bodyOf(draft);
  await change(caseId, () => ({ body }));
  let token = "";
  try {
    token = (await ask("POST", "/cases", body)).headers.get("Klarity-Token");
  } catch (error) {
    if (error.code === "evidence-rejected") await markRejected(draft);
    if (error.code !== "already-reported") throw error;
  }
  await change(caseId, (now) => ({ ...sent(now, token), reported: true }));
}

async function attach(draft) {
  const fresh = draft.files.filter((file) => !file.attached && !isRejected(file));
  const evidence = fresh.map((file) => file.evidence_id);
  if (!evidence.length) return;
  const once = { "Idempotency-Key": `${fresh.at(-1).file_id} ${evidence.length}` };
  const reply = await ask("POST", `/cases/${draft.case_id}/evidence`, { evidence }, once);
  await change(draft.case_id, (now) => sent(now, reply.headers.get("Klarity-Token")));
}

function sent(draft, token) {
  const files = draft.files.map((file) => ({ ...file, attached: true }));
  return { files, token, queued: false, state: "safe", problem: null, body: null };
}

function bodyOf(draft) {
  const located = draft.lat || draft.lon;
  const story = draft.story.trim();
  const body = {
    case_id: draft.case_id,
    title: draft.title.trim(),
    story: draft.place.trim() && !located ? `${story}\n\n${draft.where}` : story,
    category: draft.category,
    anonymous: draft.who === "anonymous",
    evidence: draft.files.filter((file) => !isRejected(file)).map((file) => file.evidence_id),
  };
  if (draft.occurred_on) body.occurred_on = draft.occurred_on;
  if (draft.publish_within && body.anonymous) body.publish_within = Number(draft.publish_within);
  if (located) {
    const { precision, lat, lon } = draft;
    body.location = { lat: rounded(lat, precision), lon: rounded(lon, precision), precision };
    body.location.name = draft.place.trim();
  }
  return body;
}

async function sendFile(caseId, file, attempt = 1) {
  if (!file.copied) {
    await changeFile(caseId, file.file_id, { problem: { code: "unreadable" } });
    return;
  }
  try {
    const url = await upload(caseId, file);
    await changeFile(caseId, file.file_id, { evidence_id: url.split("/").at(-1), sent: file.size });
    await dropFile(file.file_id);
  } catch (error) {
    await mendFile(caseId, file, error, attempt);
  }
}

async function mendFile(caseId, file, error, attempt) {
  const isTold = error instanceof Refused && error.status < 500 && error.status !== 429;
  if (isTold && attempt === 1 && [401, 404, 410].includes(error.status)) {
    if (error.status === 401) await accessToken({ renew: true });
    const again = error.status === 401 ? {} : { upload_url: null, key: newId() };
    await changeFile(caseId, file.file_id, again);
    await sendFile(caseId, { ...file, ...again }, attempt + 1);
  } else if (isTold && error.status !== 401) {
    const problem = { code: error.code, text: error.message };
    await changeFile(caseId, file.file_id, { problem, upload_url: null, key: newId(), sent: 0 });
  } else {
    throw error;
  }
}

async function upload(caseId, file) {
  const content = await contentOf(file.file_id);
  const id = file.file_id;
  return new Promise((resolve, reject) => {
    const sending = new globalThis.tus.Upload(content, {
      endpoint: new URL("/v1/uploads", globalThis.location.origin).href,
      uploadUrl: file.upload_url ?? null,
      chunkSize: Math.max(LEAST_CHUNK, Math.ceil(file.size / MOST_CHUNKS)),
      retryDelays: [0, 1000, 3000],
      storeFingerprintForResuming: false,
      headers: { "Idempotency-Key": file.key },
      httpStack: new FetchStack(),
      onBeforeRequest: async (request) =>
        request.setHeader("Authorization", `Bearer ${await accessToken()}`),
      onUploadUrlAvailable: () => changeFile(caseId, id, { upload_url: sending.url }),
      onChunkComplete: (_size, accepted) => changeFile(caseId, id, { sent: accepted }),
      onSuccess: () => resolve(sending.url),
      onError: (error) => reject(refusalOf(error)),
    });
    sending.start();
  });
}

function refusalOf(error) {
  const reply = error.originalResponse;
  if (!reply?.getStatus()) return new TypeError("no network");
  let problem = {};
  try {
    problem = JSON.parse(reply.getBody());
  } catch {
    // HEAD has no body.
  }
  return new Refused(reply.getStatus(), problem);
}

// Store why a draft was not sent. Return whether it waits for the network or the server.
async function explain(caseId, error) {
  const refused = error instanceof Refused;
  const isQuota = error.code === "upload-quota-reached";
  if (!refused || error.status >= 500 || (error.status === 429 && !isQuota)) {
    await change(caseId, () => ({ state: "waiting" }));
    return true;
  }
  const goesOn = error.status === 401 || isQuota;
  const code = error.status === 401 && error.code !== "other-member" ? "sign-in-now" : error.code;
  const problem = { code, text: error.message, errors: error.errors };
  await change(caseId, (draft) => ({
    state: "needs",
    problem,
    queued: goesOn,
    body: goesOn ? draft.body : null,
  }));
  return false;
}

async function markRejected(draft) {
  for (const file of draft.files) {
    const found = await (await ask("GET", `/evidence/${file.evidence_id}`)).json();
    if (found.status === "rejected") await reject(draft.case_id, file, found.reason);
  }
}

async function reject(caseId, file, text) {
  await changeFile(caseId, file.file_id, { problem: { code: "rejected", text: await inWords(text) } });
}

// Look what has become of the reports that are on their way. Return whether some still are.
export async function lookAll() {
  let onTheirWay = false;
  for (const draft of await allDrafts()) {
    if (!draft.reported || ["public", "hidden"].includes(draft.state)) continue;
    try {
      const headers = draft.token ? { "Klarity-Token": draft.token } : {};
      await look(draft, await (await ask("GET", `/cases/${draft.case_id}`, undefined, headers)).json());
    } catch {
      // Not there yet, or no network: it is looked at again.
    }
    onTheirWay ||= !["public", "hidden"].includes((await draftOf(draft.case_id))?.state ?? "public");
  }
  return onTheirWay;
}

async function look(draft, found) {
  const cited = found.cited ?? [];
  const rejected = cited.filter((each) => each.progress === "refused");
  for (const each of rejected) {
    const file = draft.files.find((one) => one.evidence_id === each.evidence_id);
    if (file && !file.problem) await reject(draft.case_id, file, each.reason);
  }
  const state = stateOf(found.status, cited);
  if (draft.queued || state === draft.state) return;
  if (state === "public" && !rejected.length) {
    // What is public needs no copy on this phone.
    await change(draft.case_id, () => ({ state, files: [], story: "", place: "", lat: "", lon: "" }));
  } else {
    await change(draft.case_id, () => ({ state, problem: null }));
  }
}

function stateOf(status, cited) {
  if (status === "published") return "public";
  if (status === "awaiting_publication") return "later";
  if (status !== "awaiting_evidence") return "hidden";
  return cited.some((each) => each.progress === "awaited") ? "safe" : "needs";
}
