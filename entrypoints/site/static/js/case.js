// A case: share it with one tap, copy its address, support and follow it without a new page.
import { ask } from "./api.js";

const FOR_NOTHING = () => {};

function count(network) {
  if (!document.querySelector('meta[name="csrf-token"]')) return;
  const id = window.location.pathname.split("/")[2];
  ask("POST", `/cases/${id}/shares`, { network }).catch(FOR_NOTHING);
}

function share(link) {
  if (!navigator.share) return;
  link.addEventListener("click", async (event) => {
    event.preventDefault();
    try {
      await navigator.share({ title: link.dataset.title, url: link.dataset.share });
    } catch (error) {
      if (error.name !== "AbortError") window.location.assign(link.href);
      return;
    }
    count("other");
  });
}

function copy(button) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    const told = document.querySelector("[data-copied]");
    told.textContent = told.dataset.copied;
    count("link");
  });
}

// Send the form, and take the actions from the page that answers.
async function send(event) {
  const form = event.target.closest("form[data-quiet]");
  if (!form) return;
  event.preventDefault();
  const reply = await fetch(form.action, {
    method: "POST",
    body: new URLSearchParams(new FormData(form, event.submitter)),
  }).catch(FOR_NOTHING);
  const page = reply && new DOMParser().parseFromString(await reply.text(), "text/html");
  const found = reply?.ok && page.getElementById("actions");
  if (!found) return form.submit();
  const name = form.getAttribute("action");
  document.getElementById("actions").replaceWith(found);
  found.querySelector(`form[action="${name}"] button`)?.focus();
}

document.querySelectorAll("[data-share]").forEach(share);
document.querySelectorAll("[data-copy]").forEach(copy);
document.addEventListener("submit", send);
