// "Leave quickly": the page is replaced, so that "back" does not lead to it. Escape, pressed twice
// within a second, does the same.
const WITHIN_MS = 1000;

export function leaveQuickly() {
  const link = document.querySelector("[data-leave]");
  const leave = () => window.location.replace(link.href);
  link.addEventListener("click", (event) => {
    event.preventDefault();
    leave();
  });
  let before = -Infinity;
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    if (event.timeStamp - before < WITHIN_MS) leave();
    before = event.timeStamp;
  });
}
