"use strict";
// A mark on the image, kept in the form's field and drawn over the film.
window.createMark = function (view, form) {
  const canvas = view.canvases[0];
  const field = form.elements.namedItem("mark");
  const unmark = document.getElementById("unmark");

  function set(point) {
    field.value = point ? point.map((v) => v.toFixed(4)).join(" ") : "";
    unmark.hidden = !point;
  }

  function draw() {
    const scale = canvas.width / canvas.clientWidth;
    const [x, y] = view.locate(canvas, field.value.split(" ").map(Number)).map((v) => v * scale);
    const context = canvas.getContext("2d");
    for (const [width, colour] of [[5, "#000"], [2, "#ffd24a"]]) {
      context.beginPath();
      context.arc(x, y, 13 * scale, 0, 2 * Math.PI);
      context.lineWidth = width * scale;
      context.strokeStyle = colour;
      context.stroke();
    }
  }

  document.addEventListener("viewed", () => field.value && draw());
  document.addEventListener("pointed", (event) => {
    set(event.detail.point);
    view.redraw();
  });
  // A double click zooms; its first click meant no mark.
  document.addEventListener("unpointed", () => {
    set(null);
    view.redraw();
  });
  unmark.addEventListener("click", () => {
    set(null);
    view.redraw();
    canvas.focus();
  });
  return {
    middle() {
      set(view.middle());
      view.redraw();
    },
    restore() {
      unmark.hidden = !field.value;
      view.redraw();
    },
  };
};
