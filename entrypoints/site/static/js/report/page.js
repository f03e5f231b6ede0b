// The report page: drafts on this phone, saved at each key stroke, and sent when there is a network.
import { accessToken } from "../api.js";
import { preparePlace } from "./place.js";
import { lookAll, sendAll } from "./send.js";
import {
  allDrafts,
  change,
  changeFile,
  changes,
  copy,
  draftOf,
  dropFile,
  newId,
  removeDraft,
  wipe,
} from "./store.js";

const FIELDS = "title story category occurred_on place lat lon precision who publish_within".split(" ");
const LOOK_MS = 2000;
const LOOK_LATER_MS = 15_000;
const TRY_MS = 15_000;
const MB = 1_000_000;

const words = JSON.parse(document.getElementById("report-words").textContent);
const form = document.getElementById("report");
const state = document.getElementById("state");
const fileList = document.getElementById("files");
const draftSection = document.getElementById("drafts");
const template = new FormData(form);
const copying = new Map();
let current = newId();
let looks = null;
let left = 0;

const showPlace = preparePlace(form, words, fill);

function fill(text, values) {
  return text.replace(/%\((\w+)\)s/g, (_, name) => values[name] ?? "");
}

function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

function said(text) {
  return element("bdi", { dir: "auto" }, text);
}

function button(label, pressed, of) {
  const made = element("button", { type: "button", className: "quiet" }, label);
  made.setAttribute("aria-label", `${label}: ${of}`);
  made.addEventListener("click", pressed);
  return made;
}

// Saving

function typed() {
  const given = FIELDS.filter((name) => form.elements[name]);
  const values = Object.fromEntries(given.map((name) => [name, form.elements[name].value]));
  const where = fill(words.where, { place: values.place.trim() });
  return { ...values, where, changed: Date.now() };
}

function save() {
  const fields = typed();
  return change(current, (draft) => {
    if (draft.body || draft.reported) return null;
    return { member: rememberedMember(), ...draft, ...fields };
  });
}

// The page that is kept for offline use does not know who is signed in.
function rememberedMember() {
  return form.dataset.member || localStorage.getItem("member") || null;
}

// Files

async function choose(input) {
  const chosen = [...input.files];
  input.value = "";
  navigator.storage?.persist?.();
  await Promise.all(chosen.map((file) => take(current, file)));
}

async function take(caseId, file) {
  const fileId = newId();
  const { name, size, type } = file;
  const described = { file_id: fileId, key: newId(), name, size, type, copied: false, sent: 0 };
  await save();
  await change(caseId, (draft) => ({ files: [...draft.files, described] }));
  const copied = copyFile(caseId, fileId, file);
  copying.set(fileId, copied);
  await copied;
  copying.delete(fileId);
  await render();
}

async function copyFile(caseId, fileId, file) {
  try {
    await copy(fileId, file, () => {});
    await changeFile(caseId, fileId, { copied: true });
  } catch (error) {
    const code = error.name === "QuotaExceededError" ? "no-room" : "unreadable";
    await changeFile(caseId, fileId, { problem: { code } });
  }
}

async function removeFile(file) {
  await change(current, (draft) => ({
    files: draft.files.filter((each) => each.file_id !== file.file_id),
    problem: null,
  }));
  await dropFile(file.file_id);
  form.querySelector("input[type=file]").focus();
}

async function retry(file) {
  await changeFile(current, file.file_id, { problem: null });
  await queue();
}

// Sending

async function send() {
  await save();
  if (!(await isComplete())) return;
  await Promise.all(copying.values());
  await queue();
}

// What can be said before anything is sent; the rest the API says.
async function isComplete() {
  const { reported } = (await draftOf(current)) ?? {};
  if (reported) return true;
  for (const name of ["title", "story"]) mark(name, isGiven(name) ? "" : words[`missing-${name}`]);
  const wrong = form.querySelector("[aria-invalid=true]");
  if (!wrong) return true;
  show(wrong);
  return false;
}

function isGiven(name) {
  const field = form.elements[name];
  return field.value.trim().length >= Math.max(field.minLength, 1);
}

function show(field) {
  field.closest("details").open = true;
  field.focus();
}

function mark(name, text) {
  const field = form.elements[name];
  let note = document.getElementById(`${name}-error`);
  if (!note) {
    note = element("small", { id: `${name}-error`, className: "wrong" });
    field.after(note);
  }
  note.textContent = text;
  note.hidden = !text;
  if (text) {
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-describedby", note.id);
  } else {
    field.removeAttribute("aria-invalid");
  }
}

async function queue() {
  await change(current, () => ({ queued: true, state: "waiting", problem: null }));
  await work();
}

async function work() {
  await askToSendLater();
  const waits = await sendAll();
  await render();
  clearTimeout(left);
  if (waits) left = setTimeout(work, TRY_MS);
  await watch();
}

// Background Sync, where there is one, sends even when the page is closed.
async function askToSendLater() {
  const drafts = await allDrafts();
  if (!drafts.some((draft) => draft.queued) || !navigator.serviceWorker) return;
  try {
    const registration = await navigator.serviceWorker.getRegistration();
    await registration?.sync?.register("send");
  } catch {
    // Not allowed: it is sent while a page is open.
  }
}

async function watch(waited = 0) {
  clearTimeout(looks);
  if (await lookAll()) {
    clearTimeout(looks);
    looks = setTimeout(watch, waited < 60 ? LOOK_MS : LOOK_LATER_MS, waited + 1);
  }
}

// Showing

function sizeOf(bytes) {
  const size = bytes ? Math.max(bytes / MB, 0.1) : 0;
  const digits = size < 10 ? 1 : 0;
  return size.toLocaleString(document.documentElement.lang, { maximumFractionDigits: digits });
}

function sendingWords(files) {
  const total = files.reduce((sum, file) => sum + file.size, 0);
  const done = files.reduce((sum, file) => sum + (file.evidence_id ? file.size : file.sent), 0);
  return fill(words.sending, { done: sizeOf(done), total: sizeOf(total) });
}

function problemWords({ code, text }) {
  if (code === "rejected") return fill(words["rejected-file"], { reason: text });
  if (code === "invalid") return words["odd-fields"];
  return words[code] ?? text ?? words.internal;
}

function stateWords(draft) {
  if (draft.state === "sending" && draft.files.length) return sendingWords(draft.files);
  if (draft.state !== "needs") return words[draft.state];
  const told = [draft.problem, ...draft.files.map((file) => file.problem)].filter(Boolean);
  const reasons = told.map(problemWords);
  if (draft.reported && !reasons.length) reasons.push(words["no-evidence"]);
  return `${words.needs}: ${reasons.join(" ")}`;
}

function shortWords(draft) {
  return draft.state === "needs" ? words.needs : stateWords(draft);
}

function toneOf(draft) {
  if (draft.state === "needs") return "wrong";
  return ["waiting", "sending", "safe", "later"].includes(draft.state) ? "waits" : "";
}

function fileItem(file) {
  const arrived = Boolean(file.evidence_id);
  const bar = element("progress", { max: file.size || 1, value: arrived ? file.size : file.sent });
  bar.setAttribute("aria-label", file.name);
  const text = file.problem
    ? problemWords(file.problem)
    : arrived
      ? words.arrived
      : !file.copied
        ? words.copying
        : file.sent
          ? sendingWords([file])
          : words.copied;
  const tone = file.problem ? "wrong" : "";
  const item = element("li", {}, said(file.name), bar, element("small", { className: tone }, text));
  const canRetry = file.problem && file.copied && file.problem.code !== "rejected";
  if (canRetry) item.append(button(words.retry, () => retry(file), file.name));
  if (!file.attached || file.problem) {
    item.append(button(words.remove, () => removeFile(file), file.name));
  }
  return item;
}

function draftItem(draft) {
  const name = draft.title || words.untitled;
  const article = element("article", { className: "card" });
  const open = element("button", { type: "button", className: "quiet" }, said(name));
  open.setAttribute("aria-current", String(draft.case_id === current));
  open.addEventListener("click", () => select(draft.case_id));
  article.append(open, element("p", { className: toneOf(draft) }, shortWords(draft)));
  if (draft.reported) {
    const link = element("a", { href: `/cases/${draft.case_id}` }, words["read-case"]);
    link.setAttribute("aria-label", `${words["read-case"]}: ${name}`);
    article.append(link, " ");
  }
  article.append(button(words.remove, () => forget(draft.case_id), name));
  return element("li", {}, article);
}

async function forget(caseId) {
  await removeDraft(caseId);
  if (caseId === current) await select(newId());
}

// Replace the items of a list. The focus stays on the same button.
function fillList(list, items) {
  const focused = list.contains(document.activeElement) && labelOf(document.activeElement);
  list.replaceChildren(...items);
  if (focused) [...list.querySelectorAll("a, button")].find((e) => labelOf(e) === focused)?.focus();
}

function labelOf(control) {
  return control.getAttribute("aria-label") ?? control.textContent;
}

async function render() {
  const drafts = await allDrafts();
  const draft = drafts.find((each) => each.case_id === current);
  draftSection.hidden = !drafts.some((each) => each.case_id !== current || each.reported);
  document.getElementById("another").hidden = !draft;
  fillList(draftSection.querySelector("ul"), drafts.map(draftItem));
  fillList(fileList, draft?.files.map(fileItem) ?? []);
  showState(draft);
  lock(Boolean(draft?.body || draft?.reported));
  const done = draft?.reported && draft.files.every((file) => file.attached);
  document.getElementById("send").disabled = Boolean(draft?.queued || done);
  document.getElementById("send").hidden = Boolean(done);
  for (const step of form.querySelectorAll("details:not(.evidence)")) step.hidden = Boolean(draft?.reported);
}

function showState(draft) {
  const text = draft ? stateWords(draft) : "";
  if (state.textContent !== text) state.replaceChildren(text);
  state.className = draft ? toneOf(draft) : "";
  if (draft?.problem?.code === "sign-in-now") state.append(" ", signInLink());
  const errors = draft?.problem?.errors ?? {};
  for (const [name, found] of Object.entries({ ...errors, ...errors.location })) {
    if (form.elements[name] && Array.isArray(found)) mark(name, found.join(" "));
  }
}

function signInLink() {
  const link = document.querySelector('.bar a[href="/sign-in"]');
  const text = link ? link.textContent : "→";
  return element("a", { href: "/sign-in?next=/report" }, text);
}

function lock(locked) {
  for (const name of FIELDS) {
    const field = form.elements[name];
    for (const each of field instanceof RadioNodeList ? field : field ? [field] : []) {
      each.disabled = locked;
    }
  }
  for (const id of ["precision-slider", "here", "open-map"]) document.getElementById(id).disabled = locked;
}

async function select(caseId) {
  current = caseId;
  const draft = (await draftOf(caseId)) ?? {};
  for (const name of FIELDS) {
    if (form.elements[name]) form.elements[name].value = draft[name] ?? template.get(name) ?? "";
  }
  for (const note of form.querySelectorAll("[aria-invalid=true]")) mark(note.name, "");
  showPlace();
  await render();
}

// Beginning

function listen() {
  form.addEventListener("input", ({ target }) => {
    if (target.type === "file") return;
    if (target.ariaInvalid === "true") mark(target.name, "");
    save();
  });
  form.addEventListener("change", ({ target }) => {
    if (target.type === "file") choose(target);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send();
  });
  document.getElementById("another").addEventListener("click", async () => {
    await select(newId());
    form.elements.title.focus();
  });
  document.getElementById("wipe").addEventListener("click", wipeAll);
  changes.addEventListener("change", render);
  changes.addEventListener("wiped", showWiped);
  window.addEventListener("online", work);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) work();
  });
}

// Go on with the last draft, unless the visitor has begun to write before this script was there.
async function resume() {
  const open = (await allDrafts()).find((draft) => draft.state !== "public");
  const { title, story } = form.elements;
  if (title.value !== title.defaultValue || story.value !== story.defaultValue) await save();
  else if (open) await select(open.case_id);
  else await render();
  showPlace();
  form.classList.add("live");
  form.hidden = false;
  for (const each of document.querySelectorAll(".only-live")) each.classList.remove("only-live");
}

// The kept page does not know whether somebody is signed in.
async function welcome() {
  const ask = document.getElementById("sign-in-first");
  if (ask && navigator.onLine && (await accessToken())) ask.hidden = true;
}

async function wipeAll() {
  if (window.confirm(words["really-wipe"])) await wipe();
}

function showWiped() {
  clearTimeout(looks);
  clearTimeout(left);
  window.removeEventListener("online", work);
  changes.removeEventListener("change", render);
  document
    .getElementById("content")
    .replaceChildren(element("h1", {}, element("span", { role: "status" }, words.wiped)));
}

async function begin() {
  listen();
  form.noValidate = true;
  if (form.dataset.member) localStorage.setItem("member", form.dataset.member);
  try {
    await resume();
    await work();
    await welcome();
  } catch {
    form.hidden = false;
    state.textContent = words["no-storage"];
  }
}

begin();
