// The service worker keeps what was read for offline use. Browsers whose workers cannot load modules
// get one that leaves the sending of reports to pages.
export async function registerWorker() {
  if (!navigator.serviceWorker) return;
  const address = `/service-worker.js?language=${document.documentElement.lang}`;
  const options = { scope: "/", updateViaCache: "none" };
  try {
    await navigator.serviceWorker.register(address, { ...options, type: "module" });
  } catch {
    await navigator.serviceWorker.register(`${address}&classic=1`, options).catch(() => {});
  }
}
