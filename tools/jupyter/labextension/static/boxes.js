/* Colours "> **Predict, then run.** ...", Pitfall and Take-away in JupyterLab as in the book, and writes below each
   figure the sentence that the book has as its caption.
   Written as JupyterLab loads extensions, so that no build is needed. */
(function () {
  "use strict";
  const COLOURS = {predict: "0, 114, 178", pitfall: "213, 94, 0", "take-away": "0, 158, 115"};

  function dress(root) {
    root.querySelectorAll(".jp-RenderedMarkdown blockquote p:first-child > strong:first-child").forEach(function (word) {
      const kind = Object.keys(COLOURS).find(function (name) { return word.textContent.toLowerCase().startsWith(name); });
      const quote = word.closest("blockquote");
      if (!kind || quote.dataset.box) return;
      quote.dataset.box = kind;
      quote.style.borderLeft = "4px solid rgb(" + COLOURS[kind] + ")";
      quote.style.background = "rgba(" + COLOURS[kind] + ", 0.09)";
      quote.style.padding = "0.6em 1em";
    });
  }

  function message(figure) {
    const meta = figure.layout && figure.layout.meta; // of plotly; a structure has its words for screen readers
    return meta ? meta.alt : figure.getAttribute("aria-label") || figure.getAttribute("alt");
  }

  function caption(root) {
    const figures = ".js-plotly-plot, .course-structure [role=img], .course-structure img";
    root.querySelectorAll(".jp-OutputArea-output").forEach(function (output) {
      const figure = output.querySelector(figures), words = figure && message(figure);
      if (!words || output.querySelector(".course-caption")) return;
      const line = document.createElement("p");
      line.className = "course-caption";
      line.setAttribute("aria-hidden", "true"); // a screen reader has heard it as the figure's name
      line.style.cssText = "margin: 0 0 1em; color: var(--jp-ui-font-color2); font-size: var(--jp-content-font-size1)";
      line.textContent = words;
      output.append(line);
    });
  }

  const plugin = {
    id: "tutorial_utils:boxes",
    autoStart: true,
    activate: function () {
      const both = function () { dress(document); caption(document); };
      both();
      new MutationObserver(both).observe(document.body, {childList: true, subtree: true});
    },
  };

  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB.tutorial_utils = {
    init: function () {},
    get: function () { return Promise.resolve(function () { return {__esModule: true, default: plugin}; }); },
  };
})();
