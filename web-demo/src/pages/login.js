import { signIn, startOver, user } from "../account.js";
import { html } from "../markup.js";
import { say } from "../say.js";

export const login = (go) => () => {
  const known = user();
  return {
    title: "Sign in · Tarn & Tinder",
    body: known
      ? html`<div class="thanks">
          <h1>You are signed in</h1>
          <p>The shop knows you as <code>${known}</code>, which it derived from your address. The address itself was not kept.</p>
          <button class="button" type="button" id="leave">Sign out and start over</button>
        </div>`
      : html`<div class="narrow">
          <h1>Sign in</h1>
          <form class="panel form" id="sign-in" autocomplete="off">
            <p class="note">Any address will do, and there is no password. Only an id derived from it is told to Beckon, and without a signature of the shop it joins no histories.</p>
            <label><span>E-mail</span><input name="email" type="email" required autocomplete="off" placeholder="robin@example.org" /></label>
            <button class="button button-wide" type="submit">Sign in</button>
          </form>
        </div>`,
    ready(main) {
      main.querySelector("#leave")?.addEventListener("click", () => {
        startOver();
        go("/");
      });
      main.querySelector("#sign-in")?.addEventListener("submit", async (event) => {
        event.preventDefault();
        await signIn(new FormData(event.target).get("email"));
        go("/");
        say("You are signed in.");
      });
    },
  };
};

export function missing() {
  return {
    title: "Not found · Tarn & Tinder",
    body: html`<div class="thanks">
      <h1>No such path</h1>
      <p>The signpost has fallen over. The way back is clear, though.</p>
      <a class="button" href="/">Back to the shop</a>
    </div>`,
  };
}
