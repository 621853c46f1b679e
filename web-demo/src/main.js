import { user } from "./account.js";
import { count, onCartChange } from "./cart.js";
import { CATEGORIES } from "./catalogue.js";
import { startDrawer } from "./drawer.js";
import { html, show } from "./markup.js";
import { cart } from "./pages/cart.js";
import { category } from "./pages/category.js";
import { checkout, thanks } from "./pages/checkout.js";
import { home } from "./pages/home.js";
import { login, missing } from "./pages/login.js";
import { product } from "./pages/product.js";
import { router } from "./router.js";
import { hush } from "./say.js";

const top = document.querySelector("#top");
const main = document.querySelector("#main");

const MARK = html`<svg class="mark" viewBox="0 0 32 32" aria-hidden="true"><path class="mark-flame" d="M16 2q7.5 7 4.6 13Q18.8 18.4 16 18.4t-4.6-3.4Q8.5 9 16 2Z"/><path class="mark-water" d="M3 22.5q3.25-2.8 6.5 0t6.5 0 6.5 0 6.5 0M7 28q2.25-2 4.5 0t4.5 0 4.5 0 4.5 0"/></svg>`;

function drawTop() {
  const here = (href) => (location.pathname === href ? html`aria-current="page"` : "");
  show(
    top,
    html`<a class="brand" href="/">${MARK}<span>Tarn <i>&amp;</i> Tinder</span></a>
      <nav class="shelves" aria-label="Shelves">
        ${CATEGORIES.map(({ id, name }) => html`<a href="/c/${id}" ${here(`/c/${id}`)}>${name}</a>`)}
      </nav>
      <nav class="own" aria-label="You">
        <a href="/login" ${here("/login")}>${user() ? "Signed in" : "Sign in"}</a>
        <a class="to-cart" href="/cart" ${here("/cart")}>Cart <b>${count()}</b></a>
      </nav>`,
  );
}

function draw(page, arrived) {
  hush();
  show(main, page.body);
  drawTop();
  // After a click the new page begins where a screen reader and the Tab key expect it.
  if (arrived) main.focus({ preventScroll: true });
  return page.ready?.(main);
}

const go = (href) => pages.go(href);
const pages = router(
  [
    ["/", home],
    ["/c/:id", category],
    ["/p/:id", product],
    ["/cart", cart],
    ["/checkout", checkout(go)],
    ["/thanks", thanks],
    ["/login", login(go)],
  ],
  { missing, draw },
);
onCartChange(drawTop);
startDrawer({ go });
