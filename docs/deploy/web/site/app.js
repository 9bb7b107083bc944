// A page that signs in at an auth server on another origin and asks services below its own.
import { createAuthFetch } from "/sentri.js";

const find = (id) => document.getElementById(id);
const authServer = new URL("/auth", location.href);
authServer.port = String(Number(location.port) + 1);
const authFetch = createAuthFetch({ baseUrl: authServer.href, onSignedOut: show });

async function show() {
  const signedIn = Boolean(authFetch.user);
  find("login").hidden = signedIn;
  find("account").hidden = !signedIn;
  if (!signedIn) return;
  for (const name of ["orders", "invoices"]) {
    const response = await authFetch(`/api/${name}`);
    find(name).textContent = await response.text();
  }
}

async function attempt(work) {
  find("message").textContent = "";
  await work().catch((error) => (find("message").textContent = error.message));
  await show();
}

find("login").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(() => authFetch.login(Object.fromEntries(new FormData(event.target))));
});
find("logout").addEventListener("click", () => attempt(() => authFetch.logout()));
await attempt(() => authFetch.refresh());
