"use strict";
// The viewer: one or two images that share zoom, place, window and inversion. Pixels come as plain grey values, 8 or 16 bits.
// It tells others by events on the document: "viewed" after each drawing, "pointed" for a click that was no drag.
window.createView = function (setup) {
  const canvases = [...document.querySelectorAll("canvas[data-image]")];
  const size = setup.size;
  const white = 2 ** setup.bits - 1;
  const home = { zoom: 1, x: 0.5, y: 0.5, brightness: 0, contrast: 0, inverted: false };
  let view = { ...home };
  let films = [];

  const brightness = document.getElementById("brightness");
  const contrast = document.getElementById("contrast");
  const invert = document.getElementById("invert");

  // 16-bit films rarely use all their range: the window that is "0" reaches from the 0.2% to the 99.8% quantile.
  function range(pixels) {
    if (setup.bits === 8) return [0, white];
    const counts = new Uint32Array(4096);
    for (const p of pixels) counts[p >> 4]++;
    const find = (share) => {
      let sum = 0;
      for (let i = 0; i < 4096; i++) if ((sum += counts[i]) >= share * pixels.length) return i << 4;
      return white;
    };
    const [low, high] = [find(0.002), find(0.998)];
    return high > low ? [low, high] : [0, white];
  }

  function film(buffer) {
    const pixels = setup.bits === 16 ? new Uint16Array(buffer) : new Uint8Array(buffer);
    const sheet = document.createElement("canvas");
    sheet.width = sheet.height = size;
    return { pixels, sheet, range: range(pixels), shade: null };
  }

  // Grey values to the screen's 256: level moves by brightness, width shrinks by contrast.
  function expose(film) {
    const shade = `${view.brightness} ${view.contrast} ${view.inverted}`;
    if (film.shade === shade) return;
    film.shade = shade;
    const [low, high] = film.range;
    const width = (high - low) * 2 ** (-view.contrast / 40);
    const middle = (low + high) / 2 - (view.brightness / 100) * (high - low) * 0.75;
    const table = new Uint8ClampedArray(white + 1);
    for (let v = 0; v <= white; v++) {
      const shown = ((v - middle) / width + 0.5) * 255;
      table[v] = view.inverted ? 255 - shown : shown;
    }
    const context = film.sheet.getContext("2d");
    const image = context.createImageData(size, size);
    const words = new Uint32Array(image.data.buffer);
    const pixels = film.pixels;
    for (let i = 0; i < pixels.length; i++) words[i] = 0xff000000 | (table[pixels[i]] * 0x010101);
    context.putImageData(image, 0, 0);
  }

  // How an image lies on its canvas: pixels a side, and where its corner is.
  function place(canvas) {
    const side = Math.min(canvas.width, canvas.height) * view.zoom;
    return { side, left: canvas.width / 2 - view.x * side, top: canvas.height / 2 - view.y * side };
  }

  let asked = false;
  function draw() {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      canvases.forEach((canvas, i) => {
        const scale = window.devicePixelRatio || 1;
        const [w, h] = [Math.round(canvas.clientWidth * scale), Math.round(canvas.clientHeight * scale)];
        if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
        const context = canvas.getContext("2d");
        context.fillStyle = "#000";
        context.fillRect(0, 0, w, h);
        if (!films[i]) return;
        expose(films[i]);
        const { side, left, top } = place(canvas);
        // Beyond eight screen pixels a film pixel its squares are the truth.
        context.imageSmoothingEnabled = side / size < 8;
        context.imageSmoothingQuality = "high";
        context.drawImage(films[i].sheet, left, top, side, side);
      });
      document.dispatchEvent(new CustomEvent("viewed"));
    });
  }

  function change(more) {
    Object.assign(view, more);
    view.zoom = Math.min(Math.max(view.zoom, 1), 16);
    // The middle of the view stays on the image; unzoomed it is the image's own.
    const reach = 0.5 - 0.5 / view.zoom;
    const within = (v) => Math.min(Math.max(v, 0.5 - reach), 0.5 + reach);
    [view.x, view.y] = [within(view.x), within(view.y)];
    const limit = (v) => Math.min(Math.max(v, -100), 100);
    [view.brightness, view.contrast] = [limit(view.brightness), limit(view.contrast)];
    brightness.value = view.brightness;
    contrast.value = view.contrast;
    invert.setAttribute("aria-pressed", view.inverted);
    draw();
  }

  // Where on the image a pointer is, 0..1 from its corner.
  function at(canvas, event) {
    const box = canvas.getBoundingClientRect();
    const scale = canvas.width / box.width;
    const { side, left, top } = place(canvas);
    return [((event.clientX - box.left) * scale - left) / side, ((event.clientY - box.top) * scale - top) / side];
  }

  // Zooms so that what is under the point stays there.
  function zoomAt(factor, point) {
    const zoom = Math.min(Math.max(view.zoom * factor, 1), 16);
    const part = 1 - view.zoom / zoom;
    change({ zoom, x: view.x + (point[0] - view.x) * part, y: view.y + (point[1] - view.y) * part });
  }

  const pointers = new Map();
  let moved = 0;
  let last = null;

  function drag(canvas, event, before) {
    const [dx, dy] = [event.clientX - before.x, event.clientY - before.y];
    moved += Math.abs(dx) + Math.abs(dy);
    if (pointers.size === 2) {
      const [other] = [...pointers].filter(([id]) => id !== event.pointerId).map(([, p]) => p);
      const apart = (p) => Math.hypot(p.x - other.x, p.y - other.y) || 1;
      const now = { x: event.clientX, y: event.clientY };
      const between = { clientX: (now.x + other.x) / 2, clientY: (now.y + other.y) / 2 };
      zoomAt(apart(now) / apart(before), at(canvas, between));
    }
    const part = pointers.size === 2 ? 0.5 : 1;
    const side = Math.min(canvas.clientWidth, canvas.clientHeight) * view.zoom;
    if (before.button === 2) change({ brightness: view.brightness - dy / 3, contrast: view.contrast + dx / 3 });
    else change({ x: view.x - (part * dx) / side, y: view.y - (part * dy) / side });
  }

  for (const canvas of canvases) {
    canvas.addEventListener("pointerdown", (event) => {
      if (pointers.size === 0) moved = 0;
      pointers.set(event.pointerId, { x: event.clientX, y: event.clientY, button: event.button });
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      const before = pointers.get(event.pointerId);
      if (!before) return;
      drag(canvas, event, before);
      pointers.set(event.pointerId, { ...before, x: event.clientX, y: event.clientY });
    });
    const lift = (event) => {
      const before = pointers.get(event.pointerId);
      pointers.delete(event.pointerId);
      if (!before || event.type !== "pointerup" || moved > 6 || before.button !== 0 || pointers.size) return;
      const point = at(canvas, event);
      const twice = last && event.timeStamp - last < 350;
      last = twice ? null : event.timeStamp;
      if (twice) {
        view.zoom > 1.01 ? change({ ...home, brightness: view.brightness, contrast: view.contrast, inverted: view.inverted })
          : zoomAt(3, point);
        document.dispatchEvent(new CustomEvent("unpointed"));
      } else if (point.every((v) => v >= 0 && v <= 1)) {
        document.dispatchEvent(new CustomEvent("pointed", { detail: { canvas, point } }));
      }
    };
    canvas.addEventListener("pointerup", lift);
    canvas.addEventListener("pointercancel", lift);
    canvas.addEventListener("contextmenu", (event) => event.preventDefault());
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      zoomAt(2 ** (-event.deltaY / 400), at(canvas, event));
    }, { passive: false });
  }

  const middle = () => [view.x, view.y];
  const step = () => 0.15 / view.zoom;
  const acts = {
    "+": () => zoomAt(1.4, middle()), "=": () => zoomAt(1.4, middle()), "-": () => zoomAt(1 / 1.4, middle()),
    ArrowLeft: () => change({ x: view.x - step() }), ArrowRight: () => change({ x: view.x + step() }),
    ArrowUp: () => change({ y: view.y - step() }), ArrowDown: () => change({ y: view.y + step() }),
    b: () => change({ brightness: view.brightness + 6 }), d: () => change({ brightness: view.brightness - 6 }),
    c: () => change({ contrast: view.contrast + 6 }), v: () => change({ contrast: view.contrast - 6 }),
    i: () => change({ inverted: !view.inverted }), r: () => change({ ...home }),
  };

  document.getElementById("zoom-in").addEventListener("click", acts["+"]);
  document.getElementById("zoom-out").addEventListener("click", acts["-"]);
  document.getElementById("invert").addEventListener("click", acts.i);
  document.getElementById("reset").addEventListener("click", acts.r);
  brightness.addEventListener("input", () => change({ brightness: Number(brightness.value) }));
  contrast.addEventListener("input", () => change({ contrast: Number(contrast.value) }));
  new ResizeObserver(draw).observe(canvases[0]);

  return {
    canvases,
    // Shows the images of one place, seen as at first.
    show(buffers, names) {
      films = buffers.map(film);
      canvases.forEach((canvas, i) => canvas.setAttribute("aria-label", names[i]));
      change({ ...home });
    },
    clear() {
      films = [];
      draw();
    },
    // What a key does to the view; false where it does nothing.
    key(key) {
      const act = acts[key];
      if (act) act();
      return Boolean(act);
    },
    // Where a point of the image lies, in screen pixels of its canvas.
    locate(canvas, [x, y]) {
      const { side, left, top } = place(canvas);
      const scale = canvas.width / canvas.clientWidth;
      return [(left + x * side) / scale, (top + y * side) / scale];
    },
    middle,
    redraw: draw,
  };
};
