/* Keeps the recorder's page on the phone, so that it opens without the hub. Calls to the hub are never kept, nor touched. */
const CACHE = "recorder-page";
/** Whatever `Vary` says: these files are the same for everybody, and a script is asked for with an Origin that `add` did not send. */
const KEPT = { cacheName: CACHE, ignoreVary: true };
const PAGE = "/recorder";
const BESIDE = ["/recorder.webmanifest", "/icon.svg", "/recorder-192.png", "/recorder-512.png"];
const PATIENCE_MS = 3000;

/** The page as the hub has it now, and every file that it names; what an older one needed goes. */
async function renew(answer) {
  const cache = await caches.open(CACHE);
  const text = await answer.clone().text();
  const named = [...text.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map((found) => found[1]);
  if (named.length === 0) return; // "the page is not built yet" is no page to keep
  for (const path of [...named, ...BESIDE]) {
    if (!(await cache.match(path))) await cache.add(path);
  }
  await cache.put(PAGE, answer);
  for (const request of await cache.keys()) {
    const { pathname } = new URL(request.url);
    if (pathname.startsWith("/assets/") && !named.includes(pathname)) await cache.delete(request);
  }
}

async function page(event) {
  const kept = await caches.match(PAGE, KEPT);
  const fresh = fetch(PAGE, { cache: "no-cache", signal: kept ? AbortSignal.timeout(PATIENCE_MS) : undefined }).then((answer) => {
    if (answer.ok) event.waitUntil(renew(answer.clone()).catch(() => undefined));
    return answer.ok || !kept ? answer : kept;
  });
  return kept ? fresh.catch(() => kept) : fresh;
}

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(fetch(PAGE, { cache: "no-cache" }).then(renew));
});

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (request.mode === "navigate" && url.pathname === PAGE) event.respondWith(page(event));
  else if (url.pathname.startsWith("/assets/") || BESIDE.includes(url.pathname)) {
    event.respondWith(caches.match(request, KEPT).then((kept) => kept ?? fetch(request)));
  }
});
