// Two videos of a clip in step: one button, one slider, sound of one of them; drift is taken out while they play.
(() => {
  "use strict";
  const NEAR = 0.012, FAR = 0.3;  // seconds apart: left alone below, jumped over above, else caught up with

  const couple = (pair) => {
    const [truth, made] = pair.querySelectorAll("video"), controls = pair.querySelector(".controls");
    if (!truth || !made || !controls) return;
    const both = [truth, made], play = controls.querySelector(".play"), seek = controls.querySelector(".seek");
    const sound = controls.querySelector(".sound"), clip = pair.getAttribute("aria-label").replace(/^Clip /, "");
    let playing = false, from = "ground truth";
    const length = () => Math.min(...both.map((video) => video.duration || Infinity));

    const show = () => {
      play.textContent = playing ? "Pause" : "Play";
      play.setAttribute("aria-label", `${play.textContent} clip ${clip}`);
    };
    const stop = () => {
      playing = false;
      both.forEach((video) => { video.pause(); video.playbackRate = 1; });
      made.currentTime = truth.currentTime;
      show();
    };
    const step = () => {
      if (!playing) return;
      const [leads, follows] = from === "ground truth" ? both : [made, truth];  // what is heard is never bent
      const apart = follows.currentTime - leads.currentTime, size = Math.abs(apart);
      if (truth.ended || made.ended || leads.currentTime >= length()) { stop(); return; }
      if (size > FAR) follows.currentTime = leads.currentTime;
      leads.playbackRate = 1;
      follows.playbackRate = size > NEAR && size <= FAR ? 1 - Math.sign(apart) * Math.min(0.5, 4 * size) : 1;
      if (document.activeElement !== seek) seek.value = 1000 * truth.currentTime / length();
      requestAnimationFrame(step);
    };
    const ready = (video) => video.readyState >= 3 ? Promise.resolve() : new Promise((done) => {
      video.preload = "auto";
      video.addEventListener("canplay", done, { once: true });
      if (video.networkState !== 2) video.load();
    });
    const start = async () => {
      playing = true;
      show();
      if (truth.currentTime >= length() - 0.05) truth.currentTime = 0;
      const at = truth.currentTime;
      await Promise.all(both.map(ready));
      truth.currentTime = made.currentTime = at;
      if (!playing) return;
      try { await Promise.all(both.map((video) => video.play())); } catch { stop(); return; }
      step();
    };

    both.forEach((video) => { video.controls = false; });
    controls.hidden = false;
    play.addEventListener("click", () => playing ? stop() : start());
    seek.addEventListener("input", () => {
      const at = seek.value / 1000 * length();
      if (Number.isFinite(at)) both.forEach((video) => { video.currentTime = at; });
    });
    sound.addEventListener("click", () => {
      from = from === "ground truth" ? "system" : "ground truth";
      truth.muted = from !== "ground truth";
      made.muted = from !== "system";
      sound.textContent = `Sound: ${from}`;
      sound.setAttribute("aria-label", `Sound of clip ${clip}: ${from}`);
    });
  };
  document.querySelectorAll(".pair").forEach(couple);
})();
