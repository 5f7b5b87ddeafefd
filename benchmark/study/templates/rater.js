// A rater's page: shows one step, opens its answers when it was played, sends them until the server has them.
(() => {
  "use strict";
  const base = location.pathname.replace(/\/+$/, "");
  const $ = (id) => document.getElementById(id);
  const said = $("said"), form = $("form"), send = $("send"), stage = $("stage"), hint = $("hint");
  const WAITS = [0.5, 1, 2, 4, 8, 10]; // seconds before the next try; the last one repeats
  const STALL = 8; // seconds without a sign of life after which a video is loaded again
  let step = null, begun = false, sending = false, since = 0, ended = [], fields = [];

  const tell = (text, trouble = false) => {
    if (said.textContent !== text) said.textContent = text;
    said.classList.toggle("trouble", trouble);
  };
  const only = (id) => {
    for (const name of ["start", "task", "end", "gone"]) $(name).hidden = name !== id;
  };
  const sleep = (seconds) => new Promise((go) => {
    const timer = setTimeout(go, 1000 * seconds);
    addEventListener("online", () => { clearTimeout(timer); go(); }, { once: true });
  });

  // Ask the server until it has answered to the last byte; one that is away, or dies in the middle of its answer, is
  // waited for, and nothing is lost meanwhile.
  const ask = async (path, options = {}) => {
    for (let tries = 0; ; tries++) {
      try {
        const reply = await fetch(base + path, { ...options, cache: "no-store", signal: AbortSignal.timeout(20000) });
        const text = await reply.text();
        if (reply.status < 500 && reply.status !== 429) {
          if (tries) tell("");
          return { ok: reply.ok, status: reply.status, text };
        }
      } catch { /* no connection: try again */ }
      const wait = WAITS[Math.min(tries, WAITS.length - 1)];
      tell("The server does not answer. This page keeps your answer and tries again by itself.", true);
      await sleep(wait);
    }
  };

  const fetchStep = async () => {
    const reply = await ask("/step");
    if (!reply.ok) return gone();
    return show(JSON.parse(reply.text));
  };
  const gone = () => { only("gone"); $("gone").querySelector("h1").focus(); };

  const show = (next) => {
    step = next;
    if (step.done) {
      $("all-done").textContent = `All ${step.total} answers are stored.`;
      document.title = "Thank you";
      stage.replaceChildren();
      only("end");
      $("end").querySelector("h1").focus();
      return;
    }
    if (!begun) {
      $("so-far").textContent = step.answered
        ? `You have answered ${step.answered} of ${step.total}. Go on where you stopped.`
        : `${step.total} ${step.videos.length > 1 ? "pairs of videos" : "videos"}.`;
      $("begin").textContent = step.answered ? "Go on" : "Begin";
      only("start");
      return;
    }
    draw();
  };

  const draw = () => {
    const two = step.videos.length > 1, number = `${step.answered + 1} of ${step.total}`;
    $("place").textContent = document.title = `${two ? "Pair" : "Video"} ${number}`;
    $("progress").max = step.total;
    $("progress").value = step.answered;
    document.querySelector(".desk").classList.toggle("two", two);
    ended = step.videos.map(() => 0);
    stage.replaceChildren(...step.videos.map(film), ...(step.picture ? [picture()] : []));
    fields = step.questions.map(question);
    $("questions").replaceChildren(...fields);
    hint.textContent = two ? "Answers open when both videos have been played to the end." : "Answers open when the video has been played to its end.";
    send.disabled = true;
    only("task");
    mark();
    since = performance.now();
    scrollTo(0, 0);
    $("place").focus({ preventScroll: true });
    start(0);
  };

  const film = (url, side) => {
    const figure = $("video").content.cloneNode(true).firstElementChild;
    const video = figure.querySelector("video"), button = figure.querySelector("button");
    const name = step.videos.length > 1 ? `Video ${"AB"[side]}` : "Video";
    let failures = 0;
    figure.querySelector("span").textContent = step.videos.length > 1 ? "AB"[side] : "";
    video.setAttribute("aria-label", name);
    const label = () => {
      const word = !video.paused && !video.ended ? "Pause" : video.ended || (ended[side] && !video.currentTime) ? "Play again" : "Play";
      button.textContent = word;
      button.setAttribute("aria-label", `${word}: ${name}`);
    };
    for (const event of ["play", "pause", "ended", "loadeddata"]) video.addEventListener(event, label);
    video.addEventListener("play", () => {
      for (const other of stage.querySelectorAll("video")) if (other !== video) other.pause();
    });
    video.addEventListener("ended", () => finished(side));
    const again = async () => {
      tell("The video cannot be loaded. This page tries again by itself.", true);
      await sleep(WAITS[Math.min(failures++, WAITS.length - 1)]);
      if (!video.isConnected) return;
      video.load();
      start(side);
    };
    video.addEventListener("error", again);
    let before = "";
    const watch = setInterval(() => { // a connection that dies on the way can leave a video waiting without an error
      if (!video.isConnected) return clearInterval(watch);
      const here = `${video.readyState} ${video.currentTime} ${video.buffered.length ? video.buffered.end(0) : 0}`;
      const waits = !ended[side] && !video.error && (video.readyState < HTMLMediaElement.HAVE_FUTURE_DATA || !video.paused);
      if (waits && here === before) { before = ""; again(); } else before = here;
    }, 1000 * STALL);
    video.addEventListener("loadeddata", () => { if (failures) { failures = 0; tell(""); } });
    const toggle = () => { if (video.paused) start(side); else video.pause(); };
    video.addEventListener("click", toggle);
    button.addEventListener("click", toggle);
    video.src = `${base}/${url}`;
    label();
    return figure;
  };

  const picture = () => {
    const figure = $("picture").content.cloneNode(true).firstElementChild;
    figure.querySelector("img").src = `${base}/${step.picture}`;
    return figure;
  };

  const start = (side) => {
    const video = stage.querySelectorAll("video")[side];
    if (video) video.play().catch(() => { /* the browser wants a click first, or the page has gone on */ });
  };
  const finished = (side) => {
    ended[side]++;
    const next = ended.indexOf(0);
    if (next >= 0) return start(next);
    if (fields[0].disabled) {
      for (const field of fields) field.disabled = false;
      hint.textContent = "";
      tell("You can answer now.");
      mark();
    }
  };

  const question = (asked, place) => {
    const field = $("question").content.cloneNode(true).firstElementChild;
    field.querySelector("legend").textContent = asked.text;
    for (const input of field.querySelectorAll("input")) input.name = `${place}-${asked.key}`;
    field.addEventListener("change", () => { mark(); });
    field.addEventListener("focusin", () => { mark(place); });
    return field;
  };
  const chosen = (field) => field.querySelector("input:checked");
  const current = () => {
    const held = fields.findIndex((field) => field.contains(document.activeElement));
    return held >= 0 ? held : fields.findIndex((field) => !chosen(field));
  };
  const mark = (place = current()) => {
    fields.forEach((field, at) => field.classList.toggle("now", at === place));
    send.disabled = sending || !fields.length || fields[0].disabled || !fields.every(chosen);
  };

  const answerWith = (key) => {
    const place = current();
    if (place < 0 || fields[place].disabled || sending) return false;
    const input = fields[place].querySelector(`input[value="${key}"]`);
    if (!input) return false;
    input.checked = true;
    const next = fields[place + 1];
    mark();
    if (next) (chosen(next) || next.querySelector("input")).focus();
    else if (!send.disabled) send.focus();
    return true;
  };

  const submit = async () => {
    if (sending || send.disabled) return;
    sending = true;
    mark();
    tell("Sending.");
    const values = Object.fromEntries(step.questions.map((asked, at) => [asked.key, Number(chosen(fields[at]).value)]));
    const body = JSON.stringify({
      position: step.position, token: step.token, values,
      seconds: Math.round(performance.now() - since) / 1000, plays: Math.min(...ended),
    });
    for (const video of stage.querySelectorAll("video")) video.pause();
    const reply = await ask("/answer", { method: "POST", headers: { "Content-Type": "application/json" }, body });
    sending = false;
    if (reply.ok) { tell(""); return show(JSON.parse(reply.text)); }
    if (reply.status === 404) return gone();
    const why = reply.text.trim();
    await fetchStep();
    tell(why, true);
  };

  form.addEventListener("submit", (event) => { event.preventDefault(); submit(); });
  $("begin").addEventListener("click", () => { begun = true; draw(); });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || $("task").hidden) return;
    const at = event.target, control = at.closest && at.closest("button, input, summary, a");
    const key = event.key.toLowerCase();
    if (/^[0-9]$/.test(key)) { if (answerWith(key)) event.preventDefault(); }
    else if (key === "p" || (key === " " && !control)) { event.preventDefault(); toggleFirst(); }
    else if (key === "enter" && !control) { event.preventDefault(); submit(); }
  });
  const toggleFirst = () => {
    const videos = [...stage.querySelectorAll("video")], playing = videos.find((video) => !video.paused && !video.ended);
    if (playing) return playing.pause();
    const next = ended.indexOf(0);
    start(next >= 0 ? next : 0);
  };

  fetchStep();
})();
