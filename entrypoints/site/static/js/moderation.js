// Decide by keyboard. All that the keys do can be done by tab and Enter as well.
const items = [...document.querySelectorAll("[data-item]")];
const help = document.querySelector(".keys");
const inUse = document.querySelector("[data-use-keys]");
const TYPED = "input:not([type='checkbox']), textarea, select";

const current = () => items.indexOf(document.activeElement?.closest("[data-item]"));

function go(step) {
  const next = Math.min(Math.max(current() + step, 0), items.length - 1);
  items[next]?.focus();
  items[next]?.scrollIntoView({ block: "start" });
}

// Until a moderator writes a reason, it is the text of the rule.
function fillReason(form) {
  const reason = form.elements.reason;
  if (reason.value !== "" && reason.value !== reason.dataset.filled) return;
  const rule = form.elements.rule?.selectedOptions[0]?.dataset.text ?? "";
  reason.value = reason.dataset.filled = rule;
}

// Open the form of the item, and return it.
function openForm(item) {
  const fold = item.querySelector(".decide");
  fold.open = true;
  return fold.querySelector("form");
}

function choose(item, key) {
  const button = item.querySelector(`.decide button[data-key="${key}"]`);
  if (!button) return;
  const form = openForm(item);
  fillReason(form);
  (form.elements.reason.value ? button : form.elements.reason).focus();
}

function chooseRule(item, number) {
  const form = openForm(item);
  const rule = form.elements.rule;
  if (!rule || number > rule.options.length) return;
  rule.selectedIndex = number - 1;
  fillReason(form);
}

const ON_ITEM = {
  h: choose,
  r: choose,
  d: choose,
  e: (item) => openForm(item).elements.reason.focus(),
  x: (item) => item.querySelector("input[name='subject'][type='checkbox']")?.click(),
  o: (item) => item.querySelector("[data-open]")?.click(),
};

function press(key) {
  if (key === "j") return go(1);
  if (key === "k") return go(-1);
  if (key === "?" && help) return void (help.open = !help.open);
  const item = items[current()];
  if (!item) return false;
  if (/^[1-9]$/.test(key)) return chooseRule(item, Number(key));
  return ON_ITEM[key] ? ON_ITEM[key](item, key) : false;
}

document.addEventListener("keydown", (event) => {
  const isCommand = event.ctrlKey || event.altKey || event.metaKey;
  if (isCommand || event.target.matches(TYPED) || inUse?.checked === false) return;
  if (press(event.key) !== false) event.preventDefault();
});

if (help) help.hidden = false;
