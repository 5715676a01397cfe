// Keys, filters that apply at once, and the overlay. Everything works without it but the overlay.
"use strict";

const typing = (target) => target.closest("input, textarea, select") !== null;

function press(control) {
  if (control.disabled) return;
  const needed = control.dataset.needs && document.getElementById(control.dataset.needs);
  if (needed && needed.value.trim() === "") {
    needed.focus();
    needed.required = true;
    needed.reportValidity();
    needed.required = false;
    return;
  }
  control.click();
}

function moveAmongTiles(step) {
  const tiles = [...document.querySelectorAll(".tile")];
  if (tiles.length === 0) return;
  const now = tiles.indexOf(document.activeElement);
  const next = tiles[now < 0 ? (step > 0 ? 0 : tiles.length - 1) : now + step];
  if (next) next.focus();
  else document.querySelector(step > 0 ? ".pager [rel=next]" : ".pager [rel=prev]")?.click();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.key === "Escape") return document.activeElement.blur();
  if (typing(event.target)) return;
  const control = document.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
  if (control) {
    event.preventDefault();
    press(control);
  } else if (event.key === "j" || event.key === "k") {
    event.preventDefault();
    moveAmongTiles(event.key === "j" ? 1 : -1);
  }
});

for (const form of document.querySelectorAll("form[data-submits]")) form.addEventListener("change", () => form.submit());

for (const form of document.querySelectorAll("form.decide")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) return event.preventDefault(); // a key that is pressed twice decides once
    const needed = event.submitter?.dataset.needs && document.getElementById(event.submitter.dataset.needs);
    if (needed && needed.value.trim() === "") {
      event.preventDefault();
      return press(event.submitter);
    }
    form.dataset.sent = "yes";
  });
}
addEventListener("pageshow", () => document.querySelectorAll("form.decide").forEach((form) => delete form.dataset.sent));

for (const button of document.querySelectorAll("[data-toggles]")) {
  button.addEventListener("click", () => {
    const picture = document.getElementById(button.dataset.toggles);
    if (!picture.getAttribute("src")) picture.src = picture.dataset.src;
    picture.hidden = !picture.hidden;
    button.setAttribute("aria-pressed", String(!picture.hidden));
    button.parentElement.querySelector(".legend").hidden = picture.hidden;
  });
}

const next = document.querySelector("[data-preload]");
if (next) addEventListener("load", () => (new Image().src = next.dataset.preload));
