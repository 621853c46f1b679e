/**
 * Who is signed in: a derived user id and nothing else. The address is needed for one moment, to derive the id, and is
 * neither kept nor sent.
 */
import { empty } from "./cart.js";
import { beckon, loggedIn } from "./measure.js";

const SAVED = "tarn-and-tinder.user";

/** The user id, or null. */
export function user() {
  try {
    return localStorage.getItem(SAVED);
  } catch {
    return null;
  }
}

function save(id) {
  try {
    if (id) localStorage.setItem(SAVED, id);
    else localStorage.removeItem(SAVED);
  } catch {
    // Without storage the sign-in ends with the page.
  }
}

export async function signIn(address) {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(address.trim().toLowerCase()));
  // Letters only: digits in a row could be taken for a telephone number and masked.
  const id = Array.from(new Uint8Array(digest).slice(0, 8), (byte) => LETTERS[byte >> 4] + LETTERS[byte & 15]).join("");
  save(id);
  loggedIn(id);
}

const LETTERS = "abcdefghkmnpqrst";

/** Leaves as this user and comes back as a visitor that nobody has seen before. */
export function startOver() {
  save(null);
  empty();
  beckon.reset();
}
