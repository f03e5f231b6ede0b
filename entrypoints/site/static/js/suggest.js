// Complete the words of a search while they are typed. The field of the search may be replaced.
const PAUSE = 150;
let waiting = 0;
let asked = 0;

addEventListener("input", ({ target }) => {
  if (target.getAttribute?.("list") !== "suggestions") return;
  clearTimeout(waiting);
  waiting = setTimeout(() => suggest(target.value.trim()), PAUSE);
});

// Show how the text could go on. A slow reply does not replace that to a later text.
async function suggest(text) {
  const number = ++asked;
  const found = text ? await completions(text) : [];
  if (number !== asked) return;
  const options = found.map((each) => Object.assign(document.createElement("option"), { value: each }));
  document.getElementById("suggestions")?.replaceChildren(...options);
}

async function completions(q) {
  const reply = await fetch(`/v1/search/suggest?${new URLSearchParams({ q })}`).catch(() => null);
  return reply?.ok ? (await reply.json()).items.map(({ text }) => text) : [];
}
