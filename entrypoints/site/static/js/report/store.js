// Drafts, and copies of their files, in this browser's IndexedDB. Every page and the service worker
// learn of a change.
import { deleteDB, openDB } from "../../npm/idb.js";

const NAME = "klarity";
const PIECE = 4 * 1024 * 1024;
const others = new BroadcastChannel(NAME);
let database = null;
let gone = false;

// "change" events: something is different, here or in another page. "wiped": all of it is gone.
export const changes = new EventTarget();
others.onmessage = ({ data }) => {
  gone ||= data === "wiped";
  changes.dispatchEvent(new Event(data));
};

function announce(what) {
  changes.dispatchEvent(new Event(what));
  others.postMessage(what);
}

// After a wipe, what still runs waits forever: it would make the database anew.
function opened() {
  if (gone) return new Promise(() => {});
  database ??= openDB(NAME, 1, {
    upgrade(db) {
      db.createObjectStore("drafts", { keyPath: "case_id" });
      db.createObjectStore("pieces");
    },
    blocking: close,
    terminated() {
      database = null;
    },
  });
  return database;
}

async function close() {
  (await database)?.close();
  database = null;
}

export function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

// Return all drafts, the last changed one first.
export async function allDrafts() {
  const found = await (await opened()).getAll("drafts");
  return found.sort((one, other) => other.changed - one.changed);
}

export async function draftOf(caseId) {
  return (await opened()).get("drafts", caseId);
}

// Change a draft in one transaction. `how` gets the draft as it is now, and returns what differs.
export async function change(caseId, how) {
  const { store, done } = (await opened()).transaction("drafts", "readwrite");
  const before = await store.get(caseId);
  const different = how(before ?? { case_id: caseId, files: [], state: "draft", changed: 0 });
  if (different) {
    store.put({ case_id: caseId, files: [], state: "draft", changed: 0, ...before, ...different });
  }
  await done;
  announce("change");
}

export async function changeFile(caseId, fileId, different) {
  await change(caseId, (draft) => ({
    files: draft.files.map((file) => (file.file_id === fileId ? { ...file, ...different } : file)),
  }));
}

// Copy a file piece by piece: a phone may make another copy of a photo each time it is chosen, and
// a large one does not fit into its memory.
export async function copy(fileId, file, progress) {
  for (let start = 0, number = 0; start < file.size; start += PIECE, number += 1) {
    const piece = new Blob([await file.slice(start, start + PIECE).arrayBuffer()]);
    await (await opened()).put("pieces", piece, [fileId, number]);
    progress(Math.min(start + PIECE, file.size));
  }
}

export async function contentOf(fileId) {
  return new Blob(await (await opened()).getAll("pieces", piecesOf(fileId)));
}

export async function dropFile(fileId) {
  await (await opened()).delete("pieces", piecesOf(fileId));
}

function piecesOf(fileId) {
  return IDBKeyRange.bound([fileId, 0], [fileId, Infinity]);
}

export async function removeDraft(caseId) {
  const draft = await draftOf(caseId);
  for (const file of draft?.files ?? []) await dropFile(file.file_id);
  await (await opened()).delete("drafts", caseId);
  announce("change");
}

// Remove everything that Klarity keeps in this browser.
export async function wipe() {
  gone = true;
  announce("wiped");
  await close();
  await deleteDB(NAME);
  for (const name of (await globalThis.caches?.keys()) ?? []) await caches.delete(name);
  const workers = (await navigator.serviceWorker?.getRegistrations()) ?? [];
  await Promise.all(workers.map((worker) => worker.unregister()));
  localStorage.clear();
  sessionStorage.clear();
}
