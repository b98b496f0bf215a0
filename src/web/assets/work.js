"use strict";
// Reading: one image after another, answers kept in this browser until the server has them on its disk.
(function () {
  const setup = JSON.parse(document.body.dataset.setup);
  const words = setup.words;
  const byId = (id) => document.getElementById(id);
  const form = byId("answer");
  const view = window.createView(setup);
  const mark = window.createMark && window.createMark(view, form);
  const [banner, said, missing, feedback] = ["banner", "said", "missing", "feedback"].map(byId);
  const store = `answers ${setup.stretch}`;
  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

  let n = setup.next;
  let revises = false;
  let feedbackShown = null;
  let lastValues = null;
  let began = 0;
  let looked = 0;
  let shown = false;

  // ---- what waits to be sent ----

  const waiting = () => JSON.parse(localStorage.getItem(store) || "[]");
  const keep = (all) => localStorage.setItem(store, JSON.stringify(all));
  let delay = 1000;
  let timer = null;
  let troubled = false;

  function tell(text) {
    banner.hidden = !text;
    banner.textContent = text || "";
  }

  async function send(answer) {
    const response = await fetch("/answer", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ form: setup.form, ...answer }),
    });
    let told = {};
    try {
      told = await response.json();
    } catch {
      // Not ours: a proxy's page, for one.
    }
    return { status: response.status, told };
  }

  // Sends all that waits, in order; one window at a time.
  async function flush() {
    clearTimeout(timer);
    const work = async () => {
      let told = null;
      let refused = "";
      for (let all = waiting(); all.length; all = waiting()) {
        const { status, told: answer } = await send(all[0]);
        if (status === 507) {
          tell(words.full);
          throw new Error("full");
        }
        if (status === 408 || status === 429 || status >= 500) throw new Error("later");
        // Out, closed, or past the last day: what waits stays here until it is taken again.
        if (status === 401 || status === 410) return location.reload();
        if (status === 403) {
          // The link was opened again, which gave this browser another key. Only once for each, or it would never end.
          if (sessionStorage.getItem("renewed") === setup.form) throw new Error("later");
          sessionStorage.setItem("renewed", setup.form);
          return location.reload();
        }
        const sent = all[0].key;
        keep(waiting().filter((a) => a.key !== sent));
        if (status === 200) told = answer;
        // Answered in another window, or not acceptable: what the server holds counts.
        else refused = status === 409 ? words.elsewhere : fill(words.refused, { reason: answer.reason || status });
      }
      if (refused) {
        sessionStorage.setItem("notice", refused);
        return location.reload();
      }
      if (troubled) {
        troubled = false;
        tell(words.sent);
        setTimeout(() => banner.textContent === words.sent && tell(""), 4000);
      }
      delay = 1000;
      return told;
    };
    try {
      return navigator.locks ? await navigator.locks.request(store, work) : await work();
    } catch (error) {
      troubled = true;
      if (error.message !== "full") tell(fill(words.offline, { count: waiting().length }));
      timer = setTimeout(resume, delay);
      delay = Math.min(delay * 2, 20000);
      return null;
    }
  }

  async function resume() {
    const told = await flush();
    if (waiting().length) return;
    if (told && setup.example) reveal(told);
    else if ((told && told.turn) || n >= setup.total) location.reload();
    else if (!shown) show();
  }
  window.addEventListener("online", resume);

  // ---- images: the present one and a few ahead ----

  const held = new Map();

  function load(at) {
    if (at >= setup.total || held.has(at)) return held.get(at);
    const one = async (which) => {
      const response = await fetch(`/image/${setup.stretch}/${at}/${which}`);
      if (!response.ok) throw new Error(String(response.status));
      return response.arrayBuffer();
    };
    const all = Promise.all([...Array(setup.images).keys()].map(one));
    held.set(at, all);
    all.catch(() => held.delete(at));
    return all;
  }

  async function show() {
    shown = false;
    for (const at of held.keys()) if (at < n - 1) held.delete(at);
    progress();
    if (n >= setup.total) {
      view.clear();
      if (waiting().length === 0) location.reload();
      return;
    }
    const here = n;
    let films;
    try {
      films = await load(n);
    } catch {
      if (here !== n) return;
      view.clear();
      if (!banner.textContent) tell(words["offline.image"]);
      clearTimeout(timer);
      timer = setTimeout(resume, 1500);
      return;
    }
    if (here !== n) return;
    if (banner.textContent === words["offline.image"]) tell("");
    const names = setup.images === 2 ? [words.left, words.right] : [words.image];
    const place = { n: n + 1, total: setup.total };
    view.show(films, names.map((name) => fill(name, place)));
    if (mark) mark.restore();
    said.textContent = fill(names[0], place);
    shown = true;
    looked = 0;
    began = performance.now();
    [1, 2, 3].forEach((more) => load(n + more)?.catch(() => {}));
  }

  function progress() {
    const bar = document.querySelector("#progress progress");
    bar.value = n;
    const text = fill(setup.example ? words.example : words.progress, { n: Math.min(n + 1, setup.total), total: setup.total });
    document.querySelector("#progress span").textContent = text;
    bar.setAttribute("aria-label", text);
    byId("undo").hidden = setup.example || n === 0 || revises || n > setup.total - 1;
    byId("changing").hidden = !revises;
  }

  // ---- answering ----

  const groups = () => [...form.querySelectorAll("fieldset")];
  const chosen = (group) => group.querySelector("input:checked");

  function values() {
    const all = {};
    for (const [name, value] of new FormData(form)) all[name] = value;
    return all;
  }

  function clear(to) {
    form.reset();
    for (const [name, value] of Object.entries(to || {})) {
      const field = form.elements.namedItem(name);
      if (field) field.value = value;
    }
    const hidden = form.elements.namedItem("mark");
    if (hidden && !(to && to.mark)) hidden.value = "";
    missing.textContent = "";
    feedback.hidden = true;
    feedbackShown = null;
    form.querySelectorAll("fieldset").forEach((f) => (f.disabled = false));
    byId("submit").textContent = setup.example ? words.check : words.next;
  }

  async function submit() {
    if (!shown) return;
    if (feedbackShown) return forward();
    if (setup.example && waiting().length) return resume();
    const unanswered = groups().find((group) => !chosen(group));
    if (unanswered) {
      missing.textContent = words.missing;
      unanswered.querySelector("input").focus();
      return;
    }
    missing.textContent = "";
    const ms = Math.round(looked + (performance.now() - began));
    const key = crypto.randomUUID ? crypto.randomUUID() : [...crypto.getRandomValues(new Uint32Array(4))].join("-");
    const answer = { key, stretch: setup.stretch, n, revises, ms, values: values() };
    keep([...waiting(), answer]);
    if (setup.example) {
      groups().forEach((group) => (group.disabled = true));
      return resume();
    }
    lastValues = answer.values;
    revises = false;
    n += 1;
    clear();
    show();
    if (document.activeElement && form.contains(document.activeElement)) groups()[0].querySelector("input").focus({ preventScroll: true });
    const told = await flush();
    if (told && told.turn) location.reload();
    // Not while changing the answer before: that place is behind the server's.
    else if (told && told.next > n && !revises && waiting().length === 0) {
      n = told.next;
      show();
    }
  }

  // Of an example: what it really was.
  function reveal(told) {
    feedback.textContent = told.feedback || "";
    feedback.hidden = false;
    feedbackShown = told;
    groups().forEach((group) => (group.disabled = true));
    byId("submit").textContent = words.on;
    byId("submit").focus();
  }

  function forward() {
    if (feedbackShown.turn) return location.reload();
    n = feedbackShown.next;
    clear();
    show();
    groups()[0].querySelector("input").focus({ preventScroll: true });
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  form.addEventListener("change", () => (missing.textContent = ""));

  byId("undo").addEventListener("click", () => {
    if (n === 0 || revises) return;
    n -= 1;
    revises = true;
    clear(lastValues);
    show();
  });

  // ---- pausing: time counts only while the image is in sight ----

  const stop = () => {
    if (began) looked += performance.now() - began;
    began = 0;
  };
  const go = () => (began = performance.now());
  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : byId("paused").open || go()));
  byId("pause").addEventListener("click", () => {
    stop();
    document.body.classList.add("is-paused");
    const left = waiting().length;
    byId("paused").querySelector("p").textContent = left ? fill(words.offline, { count: left }) : words["paused.text"];
    byId("paused").showModal();
  });
  byId("paused").addEventListener("close", () => {
    document.body.classList.remove("is-paused");
    go();
  });
  byId("help").addEventListener("click", () => byId("keys").showModal());

  // ---- keys ----

  const single = byId("single-keys");
  single.checked = localStorage.getItem("single keys") !== "off";
  single.addEventListener("change", () => localStorage.setItem("single keys", single.checked ? "on" : "off"));

  function choose(digit) {
    const focused = document.activeElement && document.activeElement.closest("fieldset");
    const group = focused && !(chosen(focused) && groups().some((g) => !chosen(g))) ? focused : groups().find((g) => !chosen(g)) || focused || groups()[0];
    const inputs = [...group.querySelectorAll("input")];
    // Values that are numbers go by their number, others by their place.
    const input = inputs.find((i) => i.value === digit) || (isNaN(inputs[0].value) ? inputs[Number(digit) - 1] : null);
    if (!input || input.disabled) return;
    input.checked = true;
    missing.textContent = "";
    const next = groups().find((g) => !chosen(g));
    (next ? next.querySelector("input") : byId("submit")).focus({ preventScroll: true });
  }

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]") || byId("work").hidden) return;
    const target = event.target;
    const typing = target.matches("textarea, input:not([type=radio]):not([type=range]):not([type=checkbox])");
    if (typing) return;
    const arrows = event.key.startsWith("Arrow");
    // Arrows belong to whatever has the focus and uses them.
    if (arrows && target.matches("input")) return;
    if (event.key === "Enter") {
      if (target.matches("button, a")) return;
      event.preventDefault();
      return submit();
    }
    if (!single.checked && !arrows && !view.canvases.includes(target)) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (/^[0-9]$/.test(key)) choose(key);
    else if (key === "u") byId("undo").hidden || byId("undo").click();
    else if (key === "p") byId("pause").click();
    else if (key === "?") byId("help").click();
    else if (key === "m" && mark) mark.middle();
    else if (!view.key(key)) return;
    event.preventDefault();
  });

  // ---- beginning ----

  function begin() {
    byId("work").hidden = false;
    // From before the page was closed or the connection lost. An example that did arrive is behind us.
    if (setup.example) keep(waiting().filter((a) => a.n === n));
    const left = waiting();
    const last = left[left.length - 1];
    if (last && !setup.example) n = Math.max(n, last.n + 1);
    clear(setup.example && last ? last.values : null);
    if (last) resume();
    show();
    const notice = sessionStorage.getItem("notice");
    sessionStorage.removeItem("notice");
    if (notice) tell(notice);
  }

  const start = byId("start");
  // Whoever has answers waiting was past the introduction already.
  if (start && waiting().length === 0) {
    start.addEventListener("click", () => {
      byId("intro").remove();
      begin();
      groups()[0].querySelector("input").focus({ preventScroll: true });
    });
  } else {
    byId("intro")?.remove();
    begin();
  }
})();
