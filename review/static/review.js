// Keys, filters that apply at once, and the choice of overlay. Everything works without it: htmx swaps pages in place, links and forms are real.
"use strict";

const typing = (target) => target.closest("input, textarea, select") !== null;

function filled(control) {
  const needed = control.dataset.needs && document.getElementById(control.dataset.needs);
  if (!needed || needed.value.trim() !== "") return true;
  needed.focus();
  needed.required = true;
  needed.reportValidity();
  needed.required = false;
  return false;
}

function press(control) {
  if (control.matches("input")) return control.focus();
  if (!control.disabled && filled(control)) control.click();
}

function moveAmongTiles(step) {
  const tiles = [...document.querySelectorAll(".tiles:not(.small) .tile")];
  if (tiles.length === 0) return;
  const now = tiles.indexOf(document.activeElement);
  const next = tiles[now < 0 ? (step > 0 ? 0 : tiles.length - 1) : now + step];
  if (next) next.focus();
  else document.querySelector(step > 0 ? ".pager [rel=next]" : ".pager [rel=prev]")?.click();
}

let lastOverlay = "";

function show(name) {
  const overlay = document.getElementById("overlay");
  for (const choice of document.querySelectorAll("[data-overlay]")) {
    const chosen = choice.dataset.overlay === name;
    if (chosen) choice.setAttribute("aria-current", "true");
    else choice.removeAttribute("aria-current");
    if (chosen && name) {
      overlay.src = choice.dataset.src;
      overlay.alt = choice.dataset.title;
      lastOverlay = name;
    }
  }
  overlay.hidden = name === "";
  for (const legend of document.querySelectorAll("[data-legend]")) legend.hidden = legend.dataset.legend !== name;
}

const shown = () => document.querySelector("[data-overlay][aria-current]")?.dataset.overlay ?? "";

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.key === "Escape") return document.activeElement.blur();
  if (typing(event.target)) return;
  const control = document.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
  if (control) {
    event.preventDefault();
    press(control);
  } else if (event.key === "o" && document.getElementById("overlay")) {
    show(shown() ? "" : lastOverlay || "difference");
  } else if (event.key === "j" || event.key === "k") {
    event.preventDefault();
    moveAmongTiles(event.key === "j" ? 1 : -1);
  }
});

document.addEventListener("click", (event) => {
  const choice = event.target.closest("[data-overlay]");
  if (choice && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    show(choice.dataset.overlay);
  }
});

document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-submits]");
  if (form) form.requestSubmit();
});

// Before htmx hears of it: a decision that lacks its words is not sent, and one that was sent is not sent again.
document.addEventListener(
  "submit",
  (event) => {
    const form = event.target.closest("form.decide");
    if (!form) return;
    if (form.dataset.sent || (event.submitter && !filled(event.submitter))) {
      event.preventDefault();
      event.stopImmediatePropagation();
    } else form.dataset.sent = "yes";
  },
  true,
);

function arrive() {
  document.querySelectorAll("form.decide").forEach((form) => delete form.dataset.sent);
  if (shown()) lastOverlay = shown();
  const next = document.querySelector("[data-preload]");
  if (next) new Image().src = next.dataset.preload;
}

addEventListener("pageshow", arrive);
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.detail.target.id !== "main") return;
  document.querySelector("main h1")?.setAttribute("tabindex", "-1");
  document.querySelector("main [role=alert], main h1")?.focus();
  arrive();
});
document.addEventListener("htmx:responseError", arrive);
document.addEventListener("htmx:sendError", arrive);
