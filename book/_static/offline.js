/* Draws the stored figures with the book's own copies of plotly.js and 3Dmol.js: nothing is asked of the network. */
(function () {
  "use strict";
  const vendor = new URL("vendor/", document.currentScript.src).href;
  const coarse = matchMedia("(pointer: coarse)").matches;
  const SOLIDS = ["scatter3d", "surface", "mesh3d", "cone", "isosurface", "volume", "streamtube"];
  const loading = {};

  function load(name) {
    loading[name] = loading[name] || new Promise(function (resolve, reject) {
      const tag = document.createElement("script");
      tag.src = vendor + name;
      tag.onload = resolve;
      tag.onerror = reject;
      document.head.appendChild(tag);
    });
    return loading[name];
  }

  // structures ask for this promise; 3Dmol.js comes when the first one does
  Object.defineProperty(window, "$3Dmolpromise", {get: function () { return load("3Dmol-min.js"); }});

  function ink() {
    return document.documentElement.dataset.theme === "dark" ? "#d5d9e0" : "#33373d";
  }

  function draw(place) {
    const figure = JSON.parse(place.nextElementSibling.textContent);
    const config = Object.assign({}, figure.config, {responsive: true, displayModeBar: false});
    figure.layout.font = Object.assign({color: ink()}, figure.layout.font);
    place.solid = figure.data.some(function (trace) { return SOLIDS.includes(trace.type); });
    if (coarse && !place.solid) figure.layout.dragmode = false; // a finger scrolls the page
    if (coarse && place.solid) tapToTurn(place);
    if (place.clientWidth < 500) slim(place, figure);
    // notebooks stored by an older version
    figure.data.forEach(function (trace) { if (trace.type === "scattergl") trace.type = "scatter"; });
    return load("plotly.min.js").then(function () {
      return Plotly.newPlot(place, Object.assign(figure, {config: config}));
    }).then(function () {
      holdPointer(place);
      if (place.camera) Plotly.relayout(place, place.camera);
      return turnTo(place);
    }).then(function () {
      place.dataset.drawn = "yes";
      if (!place.near) free(place);
    });
  }

  // A phone has no room beside a picture: a scale lies below its map, and a solid has no margins.
  function slim(place, figure) {
    figure.data.forEach(function (trace) {
      if (trace.type !== "heatmap" || trace.showscale === false) return;
      if (trace.colorbar && trace.colorbar.title) nameScale(place, trace.colorbar.title.text);
      trace.colorbar = {
        orientation: "h", yref: "container", y: 0, yanchor: "bottom", x: 0.5, len: 1, thickness: 14
      };
    });
    figure.frames.forEach(function (frame) {
      frame.data.forEach(function (trace) { delete trace.colorbar; });
    });
    if (figure.data.every(function (trace) { return SOLIDS.includes(trace.type); })) {
      figure.layout.margin = Object.assign({}, figure.layout.margin, {l: 0, r: 0});
    }
  }

  function nameScale(place, name) { // plotly would set it on the scale itself
    if (place.parentNode.querySelector(".course-scale")) return;
    const line = document.createElement("p");
    line.className = "course-scale";
    line.innerHTML = name;
    place.nextElementSibling.after(line);
  }

  function scenes(place) {
    return Object.keys(place._fullLayout || {}).filter(function (key) { return /^scene\d*$/.test(key); });
  }

  // What lies below the pointer plotly looks up in memory that it fills a moment after a scene is drawn; until
  // then the memory holds what an earlier scene left there, and the look-up fails.
  function holdPointer(place) {
    const listen = function (on) {
      scenes(place).forEach(function (key) {
        const plot = place._fullLayout[key]._scene.glplot;
        if (plot) plot.mouseListener.enabled = on;
      });
    };
    const mine = place.held = {}; // of several in a row the last one lets go
    listen(false);
    requestAnimationFrame(function () {
      requestAnimationFrame(function () {
        setTimeout(function () { if (place.held === mine) listen(true); }, 100);
      });
    });
  }

  // a browser keeps some 16 WebGL views alive on a page: a solid out of sight gives its one back
  function free(place) {
    if (!place.solid || place.dataset.drawn !== "yes") return;
    place.camera = {};
    scenes(place).forEach(function (key) {
      place.camera[key + ".camera"] = place._fullLayout[key]._scene.getCamera();
    });
    place.querySelectorAll("canvas").forEach(function (canvas) {
      const context = canvas.getContext("webgl2") || canvas.getContext("webgl");
      const loss = context && context.getExtension("WEBGL_lose_context");
      if (loss) loss.loseContext();
    });
    Plotly.purge(place);
    place.removeAttribute("data-drawn");
    place.asked = false;
  }

  // what comes near the window is drawn
  const near = new IntersectionObserver(function (entries) {
    entries.forEach(function (entry) {
      const place = entry.target;
      place.near = entry.isIntersecting;
      if (!place.near) return free(place);
      if (!place.asked) { place.asked = true; draw(place); }
    });
  }, {rootMargin: "400px"});

  function tapToTurn(place) { // a finger that starts here scrolls the page until it is told to turn
    if (place.parentNode.querySelector(".course-turn")) return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "course-turn";
    const turn = function (on) {
      place.classList.toggle("held", !on);
      button.textContent = on ? "done" : "tap to turn";
    };
    button.addEventListener("click", function () { turn(place.classList.contains("held")); });
    turn(false);
    place.before(button);
  }

  function turnTo(place) {
    const knob = place.parentNode.querySelector("input[type=range]");
    if (!knob || !place._fullLayout) return Promise.resolve();
    const now = {mode: "immediate", frame: {duration: 0, redraw: true}, transition: {duration: 0}};
    holdPointer(place);
    // a frame that was overtaken by the next one is no error
    return Plotly.animate(place, [knob.value], now).catch(function () {});
  }

  function wireSlider(place) {
    const knob = place.parentNode.querySelector("input[type=range]");
    if (!knob) return;
    const names = JSON.parse(knob.dataset.names), value = knob.parentNode.querySelector("output");
    const play = place.parentNode.querySelector(".course-play");
    let timer = 0;
    const move = function () {
      value.textContent = names[+knob.value];
      knob.setAttribute("aria-valuetext", names[+knob.value]);
      turnTo(place);
    };
    knob.addEventListener("input", move);
    play.addEventListener("click", function () {
      clearInterval(timer);
      timer = timer ? 0 : setInterval(function () {
        knob.value = (+knob.value + 1) % names.length;
        move();
      }, 400);
      play.textContent = timer ? "pause" : "\u25b6\ufe0e play";
    });
    knob.parentNode.hidden = play.hidden = false;
  }

  function recolour() {
    document.querySelectorAll(".course-plotly[data-drawn]").forEach(function (place) {
      Plotly.relayout(place, {"font.color": ink()});
    });
  }

  function isHeading(part) { return Boolean(part) && /^H[1-6]$/.test(part.tagName); }

  // what goes further than the core starts folded; the heading stays, and the anchor before it
  function foldFurther() {
    document.querySelectorAll("section.course-further").forEach(function (section) {
      const fold = document.createElement("details"), summary = document.createElement("summary");
      const figures = section.querySelectorAll(".course-figure, .course-structure").length;
      const count = figures ? ", with " + figures + (figures > 1 ? " figures" : " figure") : "";
      fold.className = "course-further-fold";
      summary.textContent = "Going further: read this section" + count;
      fold.append(summary, ...Array.from(section.children).filter(function (part) {
        return !isHeading(part) && !isHeading(part.nextElementSibling);
      }));
      section.append(fold);
    });
    const folds = document.querySelectorAll(".course-further-fold");
    if (!folds.length) return;
    const all = document.createElement("button");
    all.type = "button";
    all.className = "course-open-all";
    all.textContent = "Open all sections that go further";
    all.addEventListener("click", function () { folds.forEach(function (fold) { fold.open = true; }); });
    document.querySelector("article section > .cell, article section > section").before(all);
  }

  // the output below a prediction is covered until the reader has committed to an answer
  function coverAnswers() {
    document.querySelectorAll("blockquote.box-predict-then-run").forEach(function (question) {
      const outputs = answers(question);
      if (!outputs.length) return;
      const choices = Array.from(question.querySelectorAll("li"));
      const button = document.createElement("button");
      const open = function () {
        outputs.forEach(function (output) { output.hidden = false; });
        button.remove();
        reachScrolling();
      };
      outputs.forEach(function (output) { output.hidden = true; output.reveal = open; });
      button.type = "button";
      button.className = "course-reveal";
      button.textContent = choices.length ? "Choose an answer above, or show the result" : "Show the result";
      button.addEventListener("click", open);
      outputs[0].before(button);
      choices.forEach(function (choice) { offer(choice, choices, open); });
    });
  }

  function answers(question) { // the next cells with outputs, up to the next words
    const found = [];
    for (let part = question.nextElementSibling; part; part = part.nextElementSibling) {
      const cell = part.classList.contains("cell");
      if (/^(SECTION|BLOCKQUOTE|H[1-6])$/.test(part.tagName) || (found.length && !cell)) break;
      if (cell && !part.classList.contains("tag_solution")) {
        found.push(...part.querySelectorAll(":scope > .cell_output"));
      }
    }
    return found;
  }

  function isRight(choice) { // "* 12 <!-- right -->" in the notebook
    return choice.dataset.right === "yes";
  }

  function offer(choice, choices, open) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "course-choice";
    button.append(...choice.childNodes);
    choice.append(button);
    choice.parentNode.classList.add("course-choices");
    button.addEventListener("click", function () {
      button.classList.add("chosen");
      choices.forEach(function (other) {
        if (isRight(other)) other.firstChild.classList.add("right");
      });
      const known = choices.some(isRight);
      const word = document.createElement("strong");
      word.setAttribute("role", "status");
      word.textContent = !known ? "" : isRight(choice) ? " Yes, as the output shows." : " Look at the output.";
      choices.forEach(function (other) { other.firstChild.disabled = true; });
      choice.append(word);
      open();
    });
  }

  function showAll() {
    document.querySelectorAll(".course-further-fold, .course-setup").forEach(function (fold) { fold.open = true; });
    document.querySelectorAll(".cell_output[hidden]").forEach(function (output) { output.reveal(); });
  }

  // a link to something inside what is folded or covered opens it
  function openTarget() {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    let moved = false;
    const section = isHeading(target.nextElementSibling) ? target.parentElement : target;
    const inside = section.querySelector(":scope > details.course-further-fold");
    for (let part = inside || target; part; part = part.parentElement) {
      if (part.tagName === "DETAILS" && !part.open) moved = part.open = true;
      if (part.hidden && part.reveal) { part.reveal(); moved = true; }
    }
    if (moved) target.scrollIntoView();
  }

  function badgeContents() {
    document.querySelectorAll(".bd-sidebar-secondary a[href^='#']").forEach(function (link) {
      const section = document.getElementById(link.getAttribute("href").slice(1));
      const badge = section && section.querySelector(":scope > h2 > .course-badge, :scope > h3 > .course-badge");
      const word = link.querySelector(".course-badge");
      if (badge && !word) link.append(" ", badge.cloneNode(true));
    });
  }

  function nameSolutions() {
    document.querySelectorAll(".tag_solution details.hide > summary > *").forEach(function (word) {
      word.textContent = word.textContent.replace("code cell content", "solution");
    });
  }

  // the theme's arrows in the list of pages have no name
  function nameToggles() {
    document.querySelectorAll("summary > .toctree-toggle").forEach(function (arrow) {
      arrow.parentElement.setAttribute("aria-label", "Show or hide the pages of this part");
    });
  }

  // what scrolls within the page must be reachable by keyboard
  function reachScrolling() {
    document.querySelectorAll("article table, article mjx-container, article pre").forEach(function (wide) {
      if (wide.scrollWidth > wide.clientWidth + 1) wide.tabIndex = 0;
    });
  }

  // results of a search show words: neither TeX nor a figure's numbers
  function readableResults() {
    if (typeof Search === "undefined") return; // a constant of Sphinx's script, no part of window
    const plain = Search.htmlToText.bind(Search);
    Search.htmlToText = function (text, anchor) {
      const formula = /<(span|div) class="math[^>]*>[\s\S]*?<\/\1>/g;
      return plain(text.replace(/<script type="application\/json">[\s\S]*?<\/script>/g, "").replace(formula, "…"), anchor);
    };
  }

  window.addEventListener("load", function () {
    const math = window.MathJax && MathJax.startup && MathJax.startup.promise;
    Promise.resolve(math).then(reachScrolling).then(openTarget);
  });
  window.addEventListener("resize", reachScrolling);
  document.addEventListener("toggle", reachScrolling, true);
  window.addEventListener("hashchange", openTarget);
  window.addEventListener("beforeprint", showAll);
  document.addEventListener("click", function (event) {
    if (event.target.closest && event.target.closest("a[href^='#']")) setTimeout(openTarget);
  });

  document.addEventListener("DOMContentLoaded", function () {
    // Sphinx calls a bibliography a list, but its entries no list items
    document.querySelectorAll(".citation-list").forEach(function (list) { list.removeAttribute("role"); });
    nameSolutions();
    nameToggles();
    readableResults();
    if (!document.body.classList.contains("deck")) {
      coverAnswers();
      badgeContents();
      foldFurther();
    }
    document.querySelectorAll(".course-plotly").forEach(function (place) {
      // plotly's surfaces would hold a wheel that scrolls the page; with Ctrl it zooms
      place.addEventListener("wheel", function (e) { if (!e.ctrlKey) e.stopPropagation(); }, {capture: true});
      wireSlider(place);
      near.observe(place);
    });
    new MutationObserver(recolour).observe(document.documentElement, {attributeFilter: ["data-theme"]});
  });
})();
