// The page of the Slack stand-in. Text arrives as HTML that the server has escaped (mrkdwn.py); what the
// page adds is the reader's own time zone, what is in flight, dialogs, and who is looking.

const $ = (id) => document.getElementById(id);
const RETRY_MS = 1000;
const TOAST_MS = 8000;
const ATTEND_MS = 1000;
const START_GAP = 8; // pixels above the first line of a new message
const WARNING =
  '<svg viewBox="0 0 20 20" width="16" height="16" aria-hidden="true">' +
  '<path d="M10 2.6 18.4 17H1.6z" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linejoin="round"/>' +
  '<path d="M10 8v4.2M10 14.4v.4" stroke="currentColor" stroke-width="1.8" stroke-linecap="round"/></svg>';
const EYE =
  '<svg viewBox="0 0 20 20" width="14" height="14" aria-hidden="true">' +
  '<path d="M2 10s3-5 8-5 8 5 8 5-3 5-8 5-8-5-8-5z" fill="none" stroke="currentColor" stroke-width="1.4"/>' +
  '<circle cx="10" cy="10" r="2.2" fill="currentColor"/></svg>';
const PERSON_COLOURS = ["#1164a3", "#7c3085", "#b4481d", "#2b7a4b", "#a1304f", "#4a5bb0"];

const query = new URLSearchParams(location.search);
const permalink = location.pathname.match(/^\/archives\/([^/]+)\/p(\d+)(\d{6})$/);
const shown = {
  user: query.get("user") ?? "",
  channel: permalink?.[1] ?? query.get("channel") ?? "",
  version: -1,
  now: Date.now() / 1000,
};
let scrollTarget = permalink ? `${permalink[2]}.${permalink[3]}` : null;
let listening = new AbortController();

// What was used last in a message: a modal that closes gives the focus back to it.
let opener = null;

// What was used and not answered yet (true), or answered badly (the text to show).
const attempts = new Map();

// -- the server

async function send(deed, body) {
  const response = await fetch(`/page/api/${deed}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ user: shown.user, ...body }),
  });
  const answer = await response.json();
  return response.ok ? answer : { ok: false, problem: answer.error, errors: answer.errors };
}

async function listen() {
  for (;;) {
    const { signal } = listening;
    try {
      const wanted = new URLSearchParams({ user: shown.user, channel: shown.channel, after: shown.version });
      const response = await fetch(`/page/api/state?${wanted}`, { signal });
      if (!response.ok) throw new Error(`${response.status}`);
      const state = await response.json();
      if (signal.aborted) continue;
      $("offline").hidden = true;
      draw(state);
    } catch {
      if (signal.aborted) continue;
      $("offline").hidden = false;
      await new Promise((resume) => setTimeout(resume, RETRY_MS));
    }
  }
}

// That someone is at the page, and whether a dialog is open: a demo that clicks for people waits meanwhile.
const attend = () =>
  send("attend", { dialog: $("confirm").open || $("modal").open, at: Date.now() }).catch(() => {});
let attended = 0;

function noticed() {
  if (Date.now() - attended < ATTEND_MS) return;
  attended = Date.now();
  attend();
}

function look(changes) {
  Object.assign(shown, changes, { version: -1 });
  listening.abort();
  listening = new AbortController();
}

// -- dates

const sameDay = (one, other) => one.toDateString() === other.toDateString();

function nearby(date) {
  const now = new Date(shown.now * 1000);
  const day = (offset) => new Date(now.getFullYear(), now.getMonth(), now.getDate() + offset);
  if (sameDay(date, day(0))) return "today";
  if (sameDay(date, day(-1))) return "yesterday";
  return sameDay(date, day(1)) ? "tomorrow" : null;
}

// https://docs.slack.dev/messaging/formatting-message-text/#date-formatting
// Of Slack's tokens those that Sealpoint sends; of any other the fallback is shown.
function dateToken(token, date) {
  const as = (options) => date.toLocaleString(undefined, options);
  switch (token) {
    case "date_short_pretty":
      return nearby(date) ?? as({ year: "numeric", month: "short", day: "numeric" });
    case "time":
      return as({ hour: "numeric", minute: "2-digit" });
    default:
      return null;
  }
}

function localiseDates(root) {
  for (const time of root.querySelectorAll("time[data-template]")) {
    const date = new Date(Number(time.dataset.timestamp) * 1000);
    let known = !Number.isNaN(date.getTime());
    const written = time.dataset.template.replace(/\{(\w+)\}/g, (_, token) => {
      const part = known ? dateToken(token, date) : null;
      known &&= part !== null;
      return part ?? "";
    });
    if (known) {
      time.textContent = written;
      time.dateTime = date.toISOString();
      time.title = date.toLocaleString();
    }
  }
}

// -- drawing

function draw(state) {
  Object.assign(shown, { user: state.user, channel: state.channel, version: state.version, now: state.now });
  const channel = state.channels.find(({ id }) => id === state.channel);
  document.title = `#${channel.name} – Slack stand-in`;
  $("team").textContent = state.team;
  $("channel").textContent = `# ${channel.name}`;
  options($("user-picker"), state.users, state.user, "");
  options($("channel-picker"), state.channels, state.channel, "# ");
  $("channel-label").hidden = state.channels.length === 1;
  drawGuide(state.guide);
  drawChannels(state);
  drawMessages(state.messages);
  drawModal(state.view);
}

function drawGuide(guide) {
  $("guide").hidden = !guide;
  if (!guide) return;
  $("guide-steps").replaceChildren(
    ...guide.steps.map((step, index) => {
      const item = element("li", index < guide.at ? "done" : "", step);
      if (index === guide.at) item.setAttribute("aria-current", "step");
      return item;
    }),
  );
  if ($("guide-hint").textContent !== guide.hint) $("guide-hint").textContent = guide.hint;
}

function options(select, entries, chosen, prefix) {
  const wanted = JSON.stringify(entries);
  if (select.dataset.drawn !== wanted) {
    select.replaceChildren(...entries.map(({ id, name }) => new Option(prefix + name, id)));
    select.dataset.drawn = wanted;
  }
  select.value = chosen;
}

function drawChannels({ channels, channel }) {
  const wanted = JSON.stringify([channels, channel]);
  const list = $("channels");
  if (list.dataset.drawn === wanted) return;
  list.dataset.drawn = wanted;
  list.replaceChildren(
    ...channels.map(({ id, name }) => {
      const button = element("button", "", `# ${name}`);
      button.type = "button";
      if (id === channel) button.setAttribute("aria-current", "page");
      button.addEventListener("click", () => look({ channel: id }));
      const item = element("li");
      item.append(button);
      return item;
    }),
  );
}

function element(tag, classes = "", text = "") {
  const made = document.createElement(tag);
  if (classes) made.className = classes;
  if (text) made.textContent = text;
  return made;
}

function drawMessages(messages) {
  const list = $("messages");
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  const before = list.childElementCount;
  $("empty").hidden = messages.length > 0;
  let day = null;
  const wanted = [];
  for (const message of messages) {
    const date = new Date(Number(message.ts) * 1000);
    if (!day || !sameDay(day, date)) wanted.push(divider(list, date));
    day = date;
    wanted.push(drawMessage(list, message));
  }
  arrange(list, wanted);
  const target = scrollTarget && find(list, scrollTarget);
  if (target) {
    target.scrollIntoView({ block: "center" });
    scrollTarget = null;
  } else if (atEnd && wanted.length !== before) {
    // as Slack does: the end of the list, but never past the start of what is new
    const start = wanted.at(-1).getBoundingClientRect().top - list.getBoundingClientRect().top;
    list.scrollTop = Math.min(list.scrollHeight, list.scrollTop + start - START_GAP);
  }
}

// Nodes that are right already stay untouched: someone may be about to click in them.
function arrange(parent, wanted) {
  for (const child of [...parent.children]) if (!wanted.includes(child)) child.remove();
  wanted.forEach((node, index) => {
    if (parent.children[index] !== node) parent.insertBefore(node, parent.children[index] ?? null);
  });
}

function divider(list, date) {
  const key = date.toDateString();
  const known = [...list.children].find((node) => node.dataset.day === key);
  const made = known ?? element("div", "day");
  made.dataset.day = key;
  const near = nearby(date);
  const full = date.toLocaleDateString(undefined, { weekday: "long", month: "long", day: "numeric" });
  made.textContent = near ? near[0].toUpperCase() + near.slice(1) : full;
  return made;
}

const find = (parent, ts) => [...parent.children].find((node) => node.dataset.ts === ts);

function drawMessage(parent, message) {
  const article = find(parent, message.ts) ?? newMessage(message);
  const [content, edited, replies] = ["content", "edited", "replies"].map((name) =>
    article.querySelector(`:scope > .${name}, :scope > div > .${name}`),
  );
  if (article.drawnHtml !== message.html) {
    const hadFocus = content.contains(document.activeElement);
    content.innerHTML = message.html;
    article.drawnHtml = message.html;
    if (hadFocus) article.focus();
  }
  localiseDates(content);
  edited.hidden = !message.is_edited;
  showAttempts(article);
  const drawn = message.replies.map((reply) => drawMessage(replies, reply));
  replies.hidden = drawn.length === 0;
  const count = replies.querySelector(":scope > .count") ?? element("div", "count");
  count.textContent = drawn.length === 1 ? "1 reply" : `${drawn.length} replies`;
  arrange(replies, [count, ...drawn]);
  return article;
}

function newMessage({ ts, author, is_app: isApp, is_ephemeral: isPrivate }) {
  const article = element("article", isPrivate ? "message private" : "message");
  article.dataset.ts = ts;
  article.tabIndex = -1;
  if (isPrivate) {
    const note = element("div", "private-note");
    note.innerHTML = `${EYE}<span>Only visible to you</span>`;
    article.append(note);
  }
  const byline = element("div", "byline");
  byline.append(element("span", "author", author));
  if (isApp) byline.append(element("span", "badge", "APP"));
  const date = new Date(Number(ts) * 1000);
  const time = element("time", "", dateToken("time", date));
  time.dateTime = date.toISOString();
  time.title = date.toLocaleString();
  const body = element("div");
  body.append(element("div", "content"), element("span", "edited", "(edited)"), element("div", "replies"));
  byline.append(time);
  article.append(avatar(author, isApp), byline, body);
  article.setAttribute("aria-label", `${author}, ${time.textContent}`);
  return article;
}

function avatar(author, isApp) {
  if (isApp) {
    const image = element("img", "avatar");
    Object.assign(image, { src: "/static/icon.svg", alt: "" });
    return image;
  }
  const letter = element("div", "avatar avatar-person", author[0]);
  const code = [...author].reduce((sum, character) => sum + character.codePointAt(0), 0);
  letter.style.backgroundColor = PERSON_COLOURS[code % PERSON_COLOURS.length];
  letter.setAttribute("aria-hidden", "true");
  return letter;
}

// -- using what is shown

const attemptKey = (place, { blockId, actionId }) => JSON.stringify([shown.user, place, blockId, actionId]);
const placeOf = (root) => root.dataset.ts ?? root.dataset.view;

function showAttempts(root) {
  for (const control of root.querySelectorAll("[data-sends]")) {
    if (control.closest("[data-ts], [data-view]") !== root) continue;
    const attempt = attempts.get(attemptKey(placeOf(root), control.dataset));
    busy(control, attempt === true);
    const holder = control.closest(".element") ?? control.parentElement;
    const told = holder.querySelector(".failure");
    if (typeof attempt !== "string") told?.remove();
    else if (told?.textContent !== attempt) {
      told?.remove();
      holder.append(failure(attempt));
    }
  }
}

function failure(text) {
  const made = element("span", "failure");
  made.setAttribute("role", "alert");
  made.innerHTML = WARNING;
  made.append(element("span", "", text));
  return made;
}

function busy(control, isBusy) {
  control.disabled = isBusy;
  control.classList.toggle("busy", isBusy);
  control.toggleAttribute("aria-busy", isBusy);
}

function chosenIn(control) {
  switch (control.dataset.kind) {
    case "button":
      return null;
    case "multi_static_select":
      return [...control.selectedOptions].map(({ value }) => value);
    default:
      return control.value || null;
  }
}

function stateOf(root) {
  const values = {};
  for (const control of root.querySelectorAll("[data-kind]")) {
    const { kind, blockId, actionId } = control.dataset;
    if (kind === "button" || kind === "overflow") continue;
    if (control.closest("[data-ts], [data-view]") !== root) continue;
    (values[blockId] ??= {})[actionId] = chosenIn(control);
  }
  return values;
}

async function use(control) {
  const root = control.closest("[data-ts], [data-view]");
  const { blockId, actionId, url } = control.dataset;
  if (root.dataset.ts) opener = { place: placeOf(root), blockId, actionId };
  const chosen = chosenIn(control);
  if (control.dataset.confirm && !(await confirmed(JSON.parse(control.dataset.confirm)))) {
    if (control.dataset.kind === "overflow") control.value = "";
    return;
  }
  if (url) window.open(url, "_blank", "noopener");
  const key = attemptKey(placeOf(root), control.dataset);
  attempts.set(key, true);
  showAttempts(root);
  const where = root.dataset.ts ? { channel: shown.channel, ts: root.dataset.ts } : { view_id: root.dataset.view };
  const request = { ...where, action_id: actionId, block_id: blockId, chosen, state: stateOf(root) };
  const answer = await send("click", request).catch(() => ({ ok: false, problem: "Could not connect." }));
  if (answer.ok) attempts.delete(key);
  else attempts.set(key, answer.problem);
  if (control.dataset.kind === "overflow") control.value = "";
  showAttempts(root);
  if (!answer.ok && !isShown(root, control)) toast(answer.problem);
  if (document.activeElement === document.body && control.isConnected) control.focus();
}

// Whether what was used is still there to carry its warning: the message may have changed meanwhile.
function isShown(root, { dataset: { blockId, actionId } }) {
  const same = ({ dataset }) => dataset.blockId === blockId && dataset.actionId === actionId;
  return root.isConnected && [...root.querySelectorAll("[data-sends]")].some(same);
}

function toast(text) {
  $("toast").textContent = text;
  $("toast").hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => ($("toast").hidden = true), TOAST_MS);
}

function confirmed(parts) {
  const dialog = $("confirm");
  for (const name of ["title", "text", "confirm", "deny"]) $(`confirm-${name}`).innerHTML = parts[name];
  localiseDates(dialog);
  $("confirm-confirm").className = `button button-${parts.style}`;
  dialog.returnValue = "";
  dialog.showModal();
  $("confirm-confirm").focus();
  attend();
  return new Promise((resolve) => {
    const closed = () => {
      attend();
      resolve(dialog.returnValue === "confirm");
    };
    dialog.addEventListener("close", closed, { once: true });
  });
}

// -- modals

function drawModal(view) {
  const dialog = $("modal");
  const blocks = $("modal-blocks");
  if (!view) {
    delete blocks.dataset.view;
    delete blocks.dataset.hash;
    if (dialog.open) {
      dialog.close();
      attend();
      focusOpener();
    }
    return;
  }
  if (blocks.dataset.hash !== view.hash || blocks.dataset.view !== view.id) {
    const kept = blocks.dataset.view === view.id ? stateOf(blocks) : {};
    blocks.dataset.view = view.id;
    blocks.dataset.hash = view.hash;
    $("modal-title").innerHTML = view.title;
    $("modal-close").innerHTML = view.close;
    $("modal-submit").innerHTML = view.submit ?? "";
    $("modal-submit").hidden = view.submit === null;
    blocks.innerHTML = view.html;
    keepInput(blocks, kept);
    blocks.scrollTop = 0;
  }
  localiseDates(blocks);
  showProblems(view.errors, view.notice);
  showAttempts(blocks);
  if (!dialog.open) {
    dialog.showModal();
    attend();
    (blocks.querySelector("[autofocus]") ?? blocks.querySelector("input, select, textarea"))?.focus();
  }
}

// The button was busy when the modal opened, so that the browser has nothing to give the focus back to.
function focusOpener() {
  if (!opener) return;
  const { place, blockId, actionId } = opener;
  const same = ({ dataset }) => dataset.blockId === blockId && dataset.actionId === actionId;
  const root = [...document.querySelectorAll("[data-ts]")].find((node) => placeOf(node) === place);
  const control = root && [...root.querySelectorAll("[data-sends]")].find(same);
  (control ?? root)?.focus();
}

// As Slack does: what was typed or chosen stays in the inputs that an updated modal still has, by their ids.
function keepInput(root, values) {
  for (const control of root.querySelectorAll(".block-input [data-kind]")) {
    const { kind, blockId, actionId } = control.dataset;
    const value = values[blockId]?.[actionId];
    if (value === undefined) continue;
    const chosen = new Set(Array.isArray(value) ? value : [value]);
    if (kind === "multi_static_select")
      for (const option of control.options) option.selected = chosen.has(option.value);
    else control.value = value ?? "";
  }
}

function showProblems(errors, notice) {
  for (const block of $("modal-blocks").querySelectorAll("[data-block]")) {
    const text = errors[block.dataset.block];
    block.querySelector(":scope > .error")?.remove();
    const control = block.querySelector("[data-kind]");
    control?.toggleAttribute("aria-invalid", Boolean(text));
    if (!text) continue;
    const told = element("p", "error", text);
    told.setAttribute("role", "alert");
    block.append(told);
  }
  $("modal-notice").textContent = notice ?? "";
  $("modal-notice").hidden = !notice;
}

async function submitModal() {
  const blocks = $("modal-blocks");
  const button = $("modal-submit");
  busy(button, true);
  const request = { view_id: blocks.dataset.view, values: stateOf(blocks) };
  const answer = await send("submit", request).catch(() => ({ ok: false, problem: "Could not connect." }));
  busy(button, false);
  if (answer.errors) showProblems(answer.errors, null);
  else if (!answer.ok && answer.status === undefined) showProblems({}, answer.problem);
}

function closeModal() {
  return send("close", { view_id: $("modal-blocks").dataset.view });
}

// -- wiring

for (const kind of ["pointerdown", "keydown", "wheel", "touchmove"])
  document.addEventListener(kind, noticed, { passive: true });

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-sends]");
  if (button) use(button);
});
document.addEventListener("change", (event) => {
  const control = event.target.closest("[data-sends]:not(button)");
  if (control) use(control);
});
$("user-picker").addEventListener("change", ({ target }) => look({ user: target.value }));
$("channel-picker").addEventListener("change", ({ target }) => look({ channel: target.value }));
$("confirm-confirm").addEventListener("click", () => $("confirm").close("confirm"));
$("confirm-deny").addEventListener("click", () => $("confirm").close(""));
$("modal-form").addEventListener("submit", (event) => {
  event.preventDefault();
  submitModal();
});
$("modal-x").addEventListener("click", closeModal);
$("modal-close").addEventListener("click", closeModal);
$("modal").addEventListener("cancel", (event) => {
  event.preventDefault();
  closeModal();
});

listen();
