const slider = document.querySelector(".slider input");
if (slider) {
  const grids = [...document.querySelectorAll("img.grid")];
  const label = document.querySelector(".slider output");
  slider.addEventListener("input", () => {
    grids.forEach((grid, i) => { grid.hidden = i !== Number(slider.value); });
    label.textContent = grids[slider.value].alt.replace("samples after ", "");
  });
}
