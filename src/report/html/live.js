// Loads the page anew when the run has gone on, unless someone is looking back in time.
let seen = null;
setInterval(async () => {
  try {
    const step = await (await fetch("/step")).text();
    const slider = document.querySelector(".slider input");
    const looking = slider && slider.value !== slider.max;
    if (seen !== null && step !== seen && !looking) location.reload();
    if (!looking) seen = step;
  } catch { /* The server has stopped; the page stays as it is. */ }
}, 3000);
